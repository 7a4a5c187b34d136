"""What the custody log costs: of a run's CPU time, and of time to read it back.

    python -m benchmarks.custody --recordings 10000 --json benchmarks/results/custody.json

The sample calls are transcribed with the demo model, and the CPU seconds of the command and of all
its processes are taken. The entries of that run are then written again, through the gate and under
the user's key, as often as there are recordings asked for: the CPU seconds of that, per recording,
beside those of a recording's transcription. The log that came of it is checked as `reelmill verify`
does, and its head is read as reports do.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.common import REELMILL, show, told_command, write_result
from reelmill.core import gate
from reelmill.core.keys import user_key
from reelmill.evidence.custody.chain import CUSTODY, Chain, head
from reelmill.evidence.custody.check import read_log

_SAMPLES = Path(__file__).parents[1] / "src/reelmill/assets/samples"
#: The fields that the chain writes itself.
_OWN = ("n", "at", "user", "host", "what", "key", "prev", "mac")


def main() -> None:
    parser = argparse.ArgumentParser(description="what the custody log costs")
    parser.add_argument("--recordings", type=int, default=10_000)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="reelmill-custody-") as work:
        row = trial(Path(work), options.recordings)
    show("custody log", [row])
    write_result(options.json, {"command": told_command("benchmarks.custody"), "rows": [row]})


def trial(work: Path, count: int) -> dict[str, Any]:
    calls, out = work / "calls", work / "out"
    shutil.copytree(_SAMPLES, calls, ignore=shutil.ignore_patterns("truth", "broken*"))
    cpu = _cpu(resource.RUSAGE_CHILDREN)
    subprocess.run([*REELMILL, "voice", calls, "-o", out, "--model", "demo", "-q"], check=True)
    cpu = _cpu(resource.RUSAGE_CHILDREN) - cpu
    entries = [json.loads(line) for line in (out / CUSTODY).read_bytes().splitlines()]
    recordings = sum(entry["what"] == "finished" for entry in entries)
    written = _write_again(work / "again", entries, count / recordings)
    log = work / "again" / CUSTODY
    began, used = time.perf_counter(), time.process_time()
    found = read_log(work / "again", user_key().seal)
    assert found is not None and not found.findings
    checking = time.process_time() - used
    wall = time.perf_counter() - began
    began = time.perf_counter()
    head(work / "again")
    return {
        "recordings": count,
        "entries": len(found.hashes),
        "MB": round(log.stat().st_size / 1e6, 1),
        "CPU of writing, ms a recording": round(1000 * written / count, 3),
        "CPU of a run, ms a recording": round(1000 * cpu / recordings, 1),
        "share of a run, %": round(100 * (written / count) / (cpu / recordings), 3),
        "checking, CPU s": round(checking, 2),
        "checking, s": round(wall, 2),
        "head, ms": round(1000 * (time.perf_counter() - began), 2),
    }


def _write_again(out: Path, entries: list[dict[str, Any]], times: float) -> float:
    """CPU seconds of writing the entries of a run so many times."""
    facts = [
        (entry["what"], {name: value for name, value in entry.items() if name not in _OWN})
        for entry in entries
    ]
    with gate.output(out, "voice", []):
        chain = Chain(out, user_key().seal)
        used = time.process_time()
        for _ in range(round(times)):
            for what, values in facts:
                chain.append(what, **values)
        chain.close()
        return time.process_time() - used


def _cpu(who: int) -> float:
    used = resource.getrusage(who)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
