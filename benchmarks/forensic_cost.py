"""The time that `--forensic` adds to `reelmill voice`.

    python -m benchmarks.forensic_cost --json benchmarks/results/forensic_cost.json

The corpus of `benchmarks.voice` at `--scale` goes through the whole voice pipeline (aligned words,
speakers) without and with `--forensic`, alternating, `--rounds` times. What is added is told of the
fastest of each, and as the median, least and most of the rounds: on a machine that is not quiet,
the two runs of a round are disturbed alike.
`--text-only` does the same without words and speakers, where the pipeline is fastest. Needs
espeak-ng and `pip install -e ".[forensic]"`.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from benchmarks.common import Measured, measure_reelmill, show, told_command, write_result
from synthetic.corpus import call_durations, generate_corpus


def main() -> None:
    options = _options()
    with tempfile.TemporaryDirectory(prefix="reelmill-bench-") as work:
        folder = options.corpus or Path(work) / "calls"
        if not folder.exists():
            durations = call_durations(options.recordings, scale=options.scale)
            generate_corpus(folder, len(durations), seed=7, durations=durations)
        runs: dict[bool, list[Measured]] = {False: [], True: []}
        for number in range(options.rounds):
            for is_forensic in (False, True):
                out = Path(work) / f"out-{number}-{is_forensic}"
                runs[is_forensic].append(_run(options, folder, out, is_forensic=is_forensic))
                print(f"forensic {is_forensic}: {runs[is_forensic][-1]}", flush=True)
    rows = [_row(name, runs[key]) for name, key in (("voice", False), ("voice --forensic", True))]
    fastest = {name: _percent(rows[1][name], rows[0][name]) for name in ("seconds", "CPU s")}
    rounds = [
        {
            "what": name,
            "median %": round(statistics.median(added), 1),
            "least %": min(added),
            "most %": max(added),
        }
        for name, added in (
            ("seconds", _added([one.seconds for one in runs[key]] for key in (True, False))),
            ("CPU s", _added([one.cpu_seconds for one in runs[key]] for key in (True, False))),
        )
    ]
    show("What --forensic adds", rows)
    print(
        f"added: {fastest['seconds']} % of the wall time, {fastest['CPU s']} % of the CPU seconds"
    )
    show("added in a round", rounds)
    content = {
        "command": told_command("benchmarks.forensic_cost"),
        "rows": rows,
        "added_percent": fastest,
        "added_in_a_round": rounds,
    }
    write_result(options.json, content)


def _added(values: Iterable[list[float]]) -> list[float]:
    """By how many percent the first values are more than the second ones, pair by pair."""
    return [_percent(one, other) for one, other in zip(*values, strict=True)]


def _percent(one: float, other: float) -> float:
    return round(100 * (one / other - 1), 1)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--recordings", type=int, default=183)
    parser.add_argument(
        "--scale", type=float, default=0.03, help="factor for the durations of the calls"
    )
    parser.add_argument("--corpus", type=Path, help="folder of the corpus; created if missing")
    parser.add_argument("--model", default="demo")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--text-only", action="store_true", help="without word times and speakers")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    return parser.parse_args()


def _run(options: argparse.Namespace, folder: Path, out: Path, *, is_forensic: bool) -> Measured:
    more = ["--no-align", "--diarizer", "none"] if options.text_only else []
    more += ["--forensic"] if is_forensic else []
    where = [str(folder), "-o", str(out), "--model", options.model, "--device", "cpu", "--quiet"]
    return measure_reelmill("voice", *where, *more)


def _row(name: str, runs: list[Measured]) -> dict[str, Any]:
    return {
        "what": name,
        "seconds": round(min(one.seconds for one in runs), 2),
        "CPU s": round(min(one.cpu_seconds for one in runs), 2),
        "peak MB": round(max(one.peak_mb for one in runs)),
    }


if __name__ == "__main__":
    main()
