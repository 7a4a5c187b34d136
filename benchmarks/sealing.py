"""The share of a run's CPU time for hashing originals and marking results with MACs.

    python -m benchmarks.sealing --scale 0.03 --json benchmarks/results/sealing.json

The corpus and the command are those of `benchmarks.voice`. MACs are timed in every process of the
run, where they are computed (a `sitecustomize` wraps `hmac.digest`); hashing is timed afterwards,
by the product's own code on the same files, as often as the run hashed them. Needs espeak-ng.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.common import REELMILL, measure, show, told_command, write_result
from reelmill.core.recording import Hashing
from synthetic.corpus import call_durations, generate_corpus

_TIMED = """
import atexit, hmac, os, time
plain, folder, spent = hmac.digest, os.environ["REELMILL_BENCH_MACS"], [0.0, 0]
file = os.open(os.path.join(folder, str(os.getpid())), os.O_CREAT | os.O_WRONLY)

def digest(key, message, name):
    began = time.perf_counter()
    made = plain(key, message, name)
    spent[0] += time.perf_counter() - began
    spent[1] += 1
    os.pwrite(file, f"{spent[0]:.9f} {spent[1]:12d}".encode(), 0)
    return made

hmac.digest = digest
"""


def main() -> None:
    parser = argparse.ArgumentParser(description="what hashing and MACs cost")
    parser.add_argument(
        "--scale", type=float, default=0.03, help="factor for the durations of the calls"
    )
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="reelmill-bench-") as work:
        row = trial(Path(work), options.scale)
    show("hashing and MACs", [row])
    write_result(options.json, {"command": told_command("benchmarks.sealing"), "rows": [row]})


def trial(work: Path, scale: float) -> dict[str, Any]:
    """Transcribe the corpus; returns the CPU seconds in total, and of hashing and MACs."""
    calls, hook, macs = work / "calls", work / "hook", work / "macs"
    durations = call_durations(183, scale=scale)
    generate_corpus(calls, len(durations), seed=7, durations=durations)
    hook.mkdir()
    macs.mkdir()
    (hook / "sitecustomize.py").write_text(_TIMED)
    command = [*REELMILL, "voice", str(calls), "-o", str(work / "out"), "--model", "demo"]
    environment = {"PYTHONPATH": str(hook), "REELMILL_BENCH_MACS": str(macs)}
    measured = measure([*command, "--no-align", "--diarizer", "none", "--quiet"], environment)
    if measured.exit_code not in (0, 1):
        raise SystemExit(f"reelmill voice: exit code {measured.exit_code}")
    files = sorted(path for path in calls.iterdir() if path.is_file())
    spent = [path.read_text().split() for path in macs.iterdir() if path.stat().st_size]
    seconds, count = (sum(float(one[at]) for one in spent) for at in (0, 1))
    hashing = hashing_seconds(files)
    return {
        "what": f"{len(files)} calls, {sum(durations) / 60:.0f} min",
        "CPU, s": round(measured.cpu_seconds, 2),
        "MACs": int(count),
        "MACs, s": round(seconds, 3),
        "hashing, s": round(hashing, 3),
        "share, %": round(100 * (seconds + hashing) / measured.cpu_seconds, 2),
    }


def hashing_seconds(files: list[Path]) -> float:
    """CPU seconds of hashing files as a run does: before it uses them, and when it is done."""
    began = time.process_time()
    for path in (*files, *files):
        hashing = Hashing(path)
        while not hashing.go_on():
            pass
        hashing.state()
    return time.process_time() - began


if __name__ == "__main__":
    main()
