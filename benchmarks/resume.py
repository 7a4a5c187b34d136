"""Kill -9 of the coordinator at random moments of a run, resumed each time.

    python -m benchmarks.resume --kills 20 --recordings 40 --json benchmarks/results/resume.json

Checks that the texts are those of an undisturbed run, that no artifact was made a second time
once it existed, and that no process or shared memory was left behind. Needs espeak-ng.
"""

from __future__ import annotations

import argparse
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

from benchmarks.common import REELMILL, show, told_command, write_result
from synthetic.corpus import generate_corpus

_GONE_WITHIN_S = 2.0


def main() -> None:
    parser = argparse.ArgumentParser(description="kill -9 at random moments, then resume")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--recordings", type=int, default=40)
    parser.add_argument(
        "--median", type=float, default=20.0, help="median length of a recording in seconds"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="reelmill-resume-") as work:
        row = trial(options, Path(work))
    show("kill -9 and resume", [row])
    command = told_command("benchmarks.resume")
    write_result(options.json, {"command": command, "rows": [row]})
    sys.exit(0 if row["all right"] else 1)


def trial(options: argparse.Namespace, work: Path) -> dict[str, Any]:
    calls = work / "calls"
    generate_corpus(calls, options.recordings, options.seed, median=options.median)
    began = time.monotonic()
    subprocess.run(command(calls, work / "quiet"), check=True)
    undisturbed = time.monotonic() - began
    expected = texts(work / "quiet")

    moments = random.Random(options.seed)
    out = work / "killed"
    shared_before = set(Path("/dev/shm").glob("*"))
    seen: dict[Path, int] = {}
    orphans = remade = kills = 0
    while kills < options.kills:
        process = subprocess.Popen(command(calls, out))
        # early and late moments alike, because the remaining work shrinks with each kill
        time.sleep(moments.uniform(0.3, max(1.0, 1.5 * undisturbed / options.kills + 1.5)))
        family = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGKILL)
        if process.wait() == 0:
            break
        kills += 1
        orphans += len(psutil.wait_procs(family, timeout=_GONE_WITHIN_S)[1])
        remade += count_remade(out, seen)
    finished = subprocess.run(command(calls, out), check=False).returncode
    remade += count_remade(out, seen)
    leftovers = [p for p in out.rglob("*") if "reelmill-part" in p.name or ".spill" in p.name]
    leftovers += list(set(Path("/dev/shm").glob("*")) - shared_before)
    differing = sum(expected[name] != text for name, text in texts(out).items())
    differing += len(expected.keys() ^ texts(out).keys())
    return {
        "what": f"{options.recordings} recordings",
        "kills": kills,
        "exit code of the last": finished,
        "differing texts": differing,
        "artifacts made twice": remade,
        "orphans": orphans,
        "leftovers": len(leftovers),
        "all right": not (differing or remade or orphans or leftovers or finished),
    }


def command(calls: Path, out: Path) -> list[str]:
    run = [*REELMILL, "voice", str(calls)]
    return [*run, "-o", str(out), "--model", "demo", "--quiet"]


def texts(out: Path) -> dict[str, str]:
    return {path.name: path.read_text(encoding="utf-8") for path in out.glob("*.txt")}


def count_remade(out: Path, seen: dict[Path, int]) -> int:
    """How many artifacts were written again since the last look."""
    now = {path: path.stat().st_mtime_ns for path in out.glob(".cache/artifacts/**/*.json")}
    remade = sum(now[path] != at for path, at in seen.items() if path in now)
    seen.update(now)
    return remade


if __name__ == "__main__":
    main()
