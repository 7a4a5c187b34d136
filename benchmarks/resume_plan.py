"""The time that a resumed run takes to find that thousands of recordings are done.

    python -m benchmarks.resume_plan --recordings 10000 --json benchmarks/results/resume_plan.json

One call is really transcribed (demo model). Its rows of the run database, its results and its last
artifact are then made for as many calls as asked for, by the product's own code and under the
user's key, and the command is given again: `to the plan` is until it says how many are finished,
`whole command` until it has ended; the last columns are the CPU seconds of the command, and what
checking the MACs of the run database takes of them.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import hmac
import json
import os
import shutil
import sqlite3
import subprocess
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.common import REELMILL, show, told_command, write_result
from reelmill.core import gate
from reelmill.core.keys import user_key
from reelmill.core.recording import FileState
from reelmill.engine.execution.planning import Job, Keys, recording_of
from reelmill.engine.pipeline import Pipeline
from reelmill.engine.resources.devices import DeviceChoice
from reelmill.engine.stage import Device
from reelmill.engine.state import artifact_store as store
from reelmill.engine.state.run_db import Ledger, Original, Result
from reelmill.evidence import CUSTODY
from reelmill.pipelines.choices import BuildContext
from reelmill.pipelines.voice_builder import build_voice, voice_settings

_SAMPLE = Path(__file__).parents[1] / "src/reelmill/assets/samples/call with the bank.mp3"


def main() -> None:
    parser = argparse.ArgumentParser(description="planning a run whose recordings are done")
    parser.add_argument("--recordings", type=int, default=10_000)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="reelmill-plan-") as work:
        row = trial(Path(work), options.recordings, options.repeat)
    show("planning of a finished run", [row])
    write_result(options.json, {"command": told_command("benchmarks.resume_plan"), "rows": [row]})


def trial(work: Path, count: int, repeat: int) -> dict[str, Any]:
    calls, out = work / "calls", work / "out"
    calls.mkdir()
    shutil.copy(_SAMPLE, calls / f"call 0{_SAMPLE.suffix}")
    subprocess.run(command(calls, out), check=True, stdout=subprocess.DEVNULL)
    rows = multiply(calls, out, count)
    log = (out / CUSTODY).read_bytes()
    timed = [run(command(calls, out), count) for _ in range(repeat)]
    return {
        "what": f"{count:,} recordings",
        "rows": rows,
        "to the plan": round(min(planned for planned, *_ in timed), 2),
        "whole command": round(min(whole for _, whole, _ in timed), 2),
        "CPU": round(min(cpu for *_, cpu in timed), 2),
        "entries added to the custody log": (out / CUSTODY).read_bytes().count(b"\n")
        - log.count(b"\n"),
        "of it MACs": round(min(checking(out) for _ in range(repeat)), 2),
    }


def command(calls: Path, out: Path) -> list[str]:
    return [*REELMILL, "voice", str(calls), "-o", str(out), "--model", "demo", "--json"]


def run(given: list[str], count: int) -> tuple[float, float, float]:
    """Seconds until the plan is told, until the command has ended, and of CPU it took."""
    began, before = time.monotonic(), os.times()
    planned = 0.0
    with subprocess.Popen(given, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            event = json.loads(line)
            if event["event"] == "planned":
                planned = time.monotonic() - began
                if event["reused"] != count:
                    raise SystemExit(f"only {event['reused']} of {count} were taken for finished")
    after = os.times()
    cpu = after.children_user + after.children_system
    cpu -= before.children_user + before.children_system
    return planned, time.monotonic() - began, cpu


def multiply(calls: Path, out: Path, count: int) -> int:
    """Multiply the finished call; returns the number of rows about results."""
    settings, device = voice_settings({"out": out, "model": "demo"}), Device("cpu")
    cache, seal = out / gate.CACHE, user_key().seal
    with contextlib.ExitStack() as opened:
        opened.enter_context(gate.output(out, "voice", []))
        context = BuildContext(settings, DeviceChoice((device,), ""), out)
        pipeline = build_voice(context)
        keys = Keys(pipeline)
        ledger = opened.enter_context(contextlib.closing(Ledger(cache / "ledger.sqlite", seal)))
        (first,) = ledger.originals().values()
        results = list(ledger.results().values())
        for number in range(1, count):
            original = copied(first, calls / f"call {number}{_SAMPLE.suffix}", number)
            note(original, results, ledger, pipeline, keys, out)
        return len(ledger.results())


def copied(first: Original, path: Path, number: int) -> Original:
    path.write_bytes(number.to_bytes(4, "big"))
    stat = path.stat()
    sha256 = hashlib.sha256(str(number).encode()).hexdigest()
    state = FileState(sha256, "0" * 32, stat.st_size, stat.st_mtime_ns)
    return replace(
        first,
        path=str(path),
        name=path.stem,
        inode=stat.st_ino,
        size=stat.st_size,
        mtime_ns=stat.st_mtime_ns,
        before=state,
        after=state,
    )


def note(
    original: Original,
    results: list[Result],
    ledger: Ledger,
    pipeline: Pipeline,
    keys: Keys,
    out: Path,
) -> None:
    """Write what a run would have recorded and left for one more recording."""
    assert original.before is not None
    recording = recording_of(Job(original, original.size), original.before, out / gate.CACHE)
    for result in results:
        stage = next(one for one in pipeline.stages if one.name == result.stage)
        key = keys.of(stage, recording)
        if stage.named_outputs:
            path = store.named_path(out / gate.CACHE, stage.name, recording.name)
            exports = [Path(file) for file in result.files[1:]]
            files = [file.with_name(f"{recording.name}{file.suffix}") for file in exports]
            path.parent.mkdir(parents=True, exist_ok=True)
            for old, new in zip([Path(result.files[0]), *exports], [path, *files], strict=True):
                os.link(old, new)
        else:
            path = store.artifact_path(recording.folder, stage.name, key)
            files = [recording.folder / Path(file).name for file in result.files[1:]]
        ledger.put_result(
            replace(
                result,
                key=key,
                recording=recording.id,
                files=[str(path), *map(str, files)],
            )
        )
    original.outcome = keys.of_all_ends(recording)
    keys.forget(recording)
    ledger.put_original(original)


def checking(out: Path) -> float:
    """CPU seconds of computing a MAC for every row of a run database."""
    with contextlib.ExitStack() as opened:
        opened.enter_context(gate.output(out, "voice", []))
        database = out / gate.CACHE / "ledger.sqlite"
        db = opened.enter_context(contextlib.closing(sqlite3.connect(database)))
        rows = [
            (table, row[:-1])
            for table in ("originals", "results")
            for row in db.execute(f"SELECT * FROM {table}")
        ]
        key = user_key().seal.key_for("run database")
        began = time.process_time()
        for table, row in rows:
            hmac.digest(
                key, repr((table, *row)).encode("utf-8", "backslashreplace"), "sha256"
            ).hex()
        return time.process_time() - began


if __name__ == "__main__":
    main()
