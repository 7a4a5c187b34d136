"""What each stage of `reelmill voice` costs when all of them run: words and speakers included.

    python -m benchmarks.voice_stages --json benchmarks/results/voice_stages.json

Seconds are those of `performance_report.json`, wall time summed over processes. How often batches
of different stages run at the same time is read from the batches in `.cache/runs/*.jsonl`. Needs
espeak-ng.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from benchmarks.common import measure_reelmill, show, told_command, write_result
from synthetic.corpus import call_durations, generate_corpus

#: What users ask for, and the stages that it is made of.
PARTS = {
    "recognition": ("recognize", "transcribe"),
    "alignment": ("align", "whisper-times"),
    "who speaks when": ("activity", "voices", "diarize"),
}


@dataclass(frozen=True)
class Batch:
    """A batch in a model worker, in seconds of the run."""

    stage: str
    worker: str
    start: float
    end: float


def main() -> None:
    options = _options()
    with tempfile.TemporaryDirectory(prefix="reelmill-bench-") as work:
        folder = options.corpus or Path(work) / "calls"
        durations = call_durations(options.recordings, scale=options.scale)
        if not folder.exists():
            generate_corpus(folder, len(durations), seed=11, durations=durations)
        out = Path(work) / "out"
        seconds = _voice(folder, out, options.reelmill)
        _report(options, sum(durations) / 3600, seconds, out)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--recordings", type=int, default=40)
    parser.add_argument(
        "--scale", type=float, default=0.1, help="factor for the durations of the calls"
    )
    parser.add_argument("--corpus", type=Path, help="folder of the corpus; created if missing")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("reelmill", nargs="*", help="further options of `reelmill voice`, after --")
    return parser.parse_args()


def _voice(folder: Path, out: Path, more: list[str]) -> float:
    how = ["-o", str(out), "--model", "demo", "--device", "cpu", "--formats", "json", "--quiet"]
    return measure_reelmill("voice", str(folder), *how, *more).seconds


def _report(options: argparse.Namespace, hours: float, seconds: float, out: Path) -> None:
    report = json.loads((out / "performance_report.json").read_text("utf-8"))
    stages = {stage["name"]: stage for stage in report["stages"]}
    batches = _batches(out)
    parts = [
        {
            "what": part,
            "CPU pool s": sum(stages[name]["cpu_seconds"] for name in names if name in stages),
            "model s": sum(stages[name]["model_seconds"] for name in names if name in stages),
            "share of recognition": None,
        }
        for part, names in PARTS.items()
    ]
    whole = [part["CPU pool s"] + part["model s"] for part in parts]
    for part, cost in zip(parts, whole, strict=True):
        part["share of recognition"] = cost / whole[0]
    show(f"{options.recordings} calls, {hours:.2f} h, {seconds:.0f} s", parts)
    busy = [
        {
            "what": f"{worker['model']} ({worker['worker']})",
            "busy s": worker["busy_seconds"],
            "busy share": worker["busy_share"],
        }
        for worker in report["model_workers"]
    ]
    show("model workers, between their first and last batch", busy)
    together = together_seconds(batches)
    show("time between the first and the last batch", [{"what": "share", **together}])
    content = {
        "command": told_command("benchmarks.voice_stages"),
        "hours": hours,
        "recordings": options.recordings,
        "seconds": seconds,
        "parts": parts,
        "model_workers": busy,
        "shares of the time from the first to the last batch": together,
    }
    write_result(options.json, content)


def _batches(out: Path) -> list[Batch]:
    found = []
    for path in (out / ".cache" / "runs").glob("*.jsonl"):
        for line in path.read_text("utf-8").splitlines():
            one = json.loads(line)
            if one["event"] == "batch":
                end = one["started"] + one["seconds"]
                found.append(Batch(one["stage"], one["worker"], one["started"], end))
    return found


def together_seconds(batches: Sequence[Batch]) -> dict[str, float]:
    """Shares of the time from the first batch to the last: some model worker infers; two or more
    do; two or more of different stages do. And how many infer on average while one does."""
    times = sorted({time for batch in batches for time in (batch.start, batch.end)})
    some = two = different = working = 0.0
    for start, end in pairwise(times):
        now = [batch for batch in batches if batch.start <= start and batch.end >= end]
        length = end - start
        some += length * (len(now) > 0)
        two += length * (len(now) > 1)
        different += length * (len({batch.stage for batch in now}) > 1)
        working += length * len(now)
    total = max(times[-1] - times[0], 1e-9)
    return {
        "a model worker infers": some / total,
        "two or more infer": two / total,
        "of different stages": different / total,
        "model workers inferring, mean": working / max(some, 1e-9),
    }


if __name__ == "__main__":
    main()
