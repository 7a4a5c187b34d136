"""Who speaks when: errors, speed and memory, beside the same networks file by file.

    python -m benchmarks.speakers --json benchmarks/results/speakers.json

Errors are pyannote.metrics' diarization error rate, overlapping speech counted, without a collar
and with 0.25 s around each border left out. Somebody speaks where they can be heard: not in
pauses of 0.25 s or more, and not where a sentence has died away below 2 % of its loudness. Needs
espeak-ng, flite and `pip install -e ".[bench]"`. The people of the meetings are those of
`synthetic.voices.CAST`, synthetic voices chosen because they can be told apart. Real voices:
`python -m benchmarks.real`.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from pyannote.core import Annotation, Segment
from pyannote.metrics.diarization import DiarizationErrorRate

from benchmarks.common import Measured, measure, show, told_command, write_result
from benchmarks.diarize_alone import Turns
from synthetic.corpus import TRUTH_FOLDER
from synthetic.meetings import OVERLAPS, SPEAKERS, generate_meetings, plan_meetings

#: No threshold was chosen on meetings of this seed.
SEED = 20261129
_CONTENDERS = {
    "reelmill": "reelmill",
    "file by file, one window at a time": "loop",
    "a process per file": "processes",
}


def main() -> None:
    options = _options()
    with tempfile.TemporaryDirectory(prefix="reelmill-bench-") as work:
        folder = options.corpus or Path(work) / "meetings"
        if not folder.exists():
            plans = plan_meetings(
                options.count,
                options.seed,
                speakers=options.speakers,
                overlaps=options.overlap,
                seconds=options.seconds,
            )
            generate_meetings(folder, plans)
        files = sorted(path for path in folder.iterdir() if path.is_file())
        truths = {file.name: _truth(file) for file in files}
        attempts = {
            name: run(how, files, Path(work))
            for name, how in _CONTENDERS.items()
            if options.only in (None, how)
        }
    _report(options, truths, attempts)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--count", type=int, default=36)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--speakers", type=int, nargs="+", default=SPEAKERS)
    parser.add_argument("--overlap", type=float, nargs="+", default=OVERLAPS)
    parser.add_argument("--seconds", type=float, help="length of each call in seconds [random]")
    parser.add_argument(
        "--corpus", type=Path, help="folder of meetings with truth, used instead of generated calls"
    )
    parser.add_argument("--only", choices=tuple(_CONTENDERS.values()))
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    return parser.parse_args()


def _truth(file: Path) -> dict[str, Any]:
    path = file.parent / TRUTH_FOLDER / f"{file.name}.json"
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


def run(how: str, files: Sequence[Path], work: Path) -> tuple[Measured, dict[str, Turns]]:
    """One way of `benchmarks.speaker_peers`, a process of its own: what it took and the turns it
    found, by the names of the files."""
    print(f"{how} ...", flush=True)
    out = work / f"{how}.json"
    command = [sys.executable, "-m", "benchmarks.speaker_peers", how, str(out)]
    measured = measure([*command, *map(str, files)])
    if measured.exit_code:
        raise SystemExit(f"{how}: exit code {measured.exit_code}")
    return measured, json.loads(out.read_text(encoding="utf-8"))


def _annotation(turns: Sequence[tuple[float, float, str]]) -> Annotation:
    annotation = Annotation()
    for index, (start, end, speaker) in enumerate(turns):
        annotation[Segment(start, end), index] = speaker
    return annotation


def errors(truths: Mapping[str, dict[str, Any]], found: Mapping[str, Turns]) -> dict[str, Any]:
    """Percent of the speech that is wrong, without and with a collar, and its parts; how often
    the number of speakers is right."""
    warnings.filterwarnings("ignore", message="'uem' was approximated")
    strict, lenient = DiarizationErrorRate(), DiarizationErrorRate(collar=0.5)
    right = 0
    for name, truth in truths.items():
        said = _annotation(
            [(start, end, u["speaker"]) for u in truth["utterances"] for start, end in u["audible"]]
        )
        heard = _annotation(found[name])
        strict(said, heard)
        lenient(said, heard)
        right += len(heard.labels()) == len(said.labels())
    total = strict[:]
    parts = {
        "miss %": "missed detection",
        "false alarm %": "false alarm",
        "mixed up %": "confusion",
    }
    return {
        "DER %": 100 * abs(strict),
        "DER, collar 0.25 s %": 100 * abs(lenient),
        **{name: 100 * total[part] / total["total"] for name, part in parts.items()},
        "number right": f"{right}/{len(truths)}",
    }


def overlap_share(truth: dict[str, Any]) -> float:
    """Share of the time in which somebody speaks that two do."""
    spans = sorted((start, end) for u in truth["utterances"] for start, end in u["audible"])
    once = total = reached = 0.0
    for start, end in spans:
        total += end - start
        once += max(0.0, end - max(start, reached))
        reached = max(reached, end)
    return (total - once) / once if once else 0.0


def _report(
    options: argparse.Namespace,
    truths: Mapping[str, dict[str, Any]],
    attempts: Mapping[str, tuple[Measured, dict[str, Turns]]],
) -> None:
    hours = sum(truth["duration"] for truth in truths.values()) / 3600
    ours = attempts.get("reelmill")
    speed = [
        {
            "what": name,
            "s an hour of audio": measured.seconds / hours,
            "ours is faster by": measured.seconds / ours[0].seconds if ours else None,
            "CPU s": measured.cpu_seconds,
            "cores used": measured.cpu_seconds / measured.seconds,
            "peak MB": measured.peak_mb,
        }
        for name, (measured, _) in attempts.items()
    ]
    show(f"{len(truths)} meetings, {hours:.2f} h", speed)
    accuracy = [{"what": name, **errors(truths, found)} for name, (_, found) in attempts.items()]
    show("errors", accuracy)
    best = next(iter(attempts.values()))[1]
    by_overlap = [
        {"what": f"up to {high:.0%} at once", "meetings": len(some), **errors(some, best)}
        for low, high in pairwise((-1.0, 0.01, 0.06, 0.11, 1.0))
        if (some := {n: t for n, t in truths.items() if low < overlap_share(t) <= high})
    ]
    show("by share of the speech during which a second person speaks", by_overlap)
    by_number = [
        {"what": f"{number} speakers", "meetings": len(some), **errors(some, best)}
        for number in sorted({len(truth["speakers"]) for truth in truths.values()})
        if (some := {n: t for n, t in truths.items() if len(t["speakers"]) == number})
    ]
    show("by number of speakers", by_number)
    each = [
        {
            "what": name,
            "speakers": len(truth["speakers"]),
            "overlap": round(overlap_share(truth), 3),
            **errors({name: truth}, best),
        }
        for name, truth in truths.items()
    ]
    content = {
        "command": told_command("benchmarks.speakers"),
        "seed": options.seed,
        "hours": hours,
        "speed": speed,
        "errors": accuracy,
        "by number of speakers": by_number,
        "by share of speech that overlaps": by_overlap,
        "meetings": each,
    }
    write_result(options.json, content)


if __name__ == "__main__":
    main()
