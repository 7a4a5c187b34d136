"""This version compared with an earlier one: the same commands on the same recordings, in turn.

    git worktree add ../before 4fa08a4
    python3 -m venv ../before/.venv && ../before/.venv/bin/pip install -e ../before
    python -m benchmarks.paired ../before/.venv/bin/reelmill --repeat 5 \\
        --json benchmarks/results/paired.json

Seconds are the least of all repetitions; `ratio` is ours divided by those of the earlier version.
`differ` counts the recordings for which the two versions differ in text, times of segments and
words, or boxes. Speakers are not compared, because their networks differ. Needs espeak-ng.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.common import Measured, measure, show, told_command, write_result
from benchmarks.face_truth import SIZES, make_videos
from synthetic.corpus import call_durations, generate_corpus
from synthetic.videos import Script

Results = dict[str, Any]


@dataclass(frozen=True)
class Job:
    """A command to compare, and where its results are read from.

    `now`: options that make this version do what the earlier one does by default.
    """

    name: str
    arguments: Sequence[str]
    results: Callable[[Path], Results]
    now: Sequence[str] = ()


def main() -> None:
    options = _options()
    ours = str(Path(sys.executable).with_name("reelmill"))
    with tempfile.TemporaryDirectory(prefix="reelmill-bench-") as work:
        makers = [_JOBS[name] for name in options.only.split(",")]
        jobs = [make(Path(work), options) for make in makers]
        rows = [_row(job, str(options.before), ours, options.repeat, Path(work)) for job in jobs]
    show("this version beside an earlier one", rows)
    write_result(options.json, {"command": told_command("benchmarks.paired"), "rows": rows})


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="this version beside an earlier one")
    parser.add_argument("before", type=Path, help="the earlier version's reelmill command")
    parser.add_argument(
        "--scale", type=float, default=0.03, help="factor for the durations of the calls"
    )
    parser.add_argument(
        "--stages-scale", type=float, default=0.1, help="the same for the calls of `voice_stages`"
    )
    parser.add_argument("--video-seconds", type=float, default=20.0)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument(
        "--only", default=",".join(_JOBS), help="jobs to compare, separated by commas"
    )
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


def _text(work: Path, options: argparse.Namespace) -> Job:
    voice = _voice(work, options)
    return Job("text", (*voice, "--no-align", "--diarizer", "none"), _transcripts)


def _words(work: Path, options: argparse.Namespace) -> Job:
    return Job("words", (*_voice(work, options), "--diarizer", "none"), _transcripts)


def _speakers(work: Path, options: argparse.Namespace) -> Job:
    return Job("speakers", _voice(work, options), _transcripts)


def _voice(work: Path, options: argparse.Namespace) -> tuple[str, ...]:
    """The calls of `benchmarks.voice`."""
    calls, durations = work / "calls", call_durations(183, scale=options.scale)
    if not calls.exists():
        generate_corpus(calls, len(durations), seed=7, durations=durations)
    return ("voice", str(calls), "--model", "demo")


def _voice_stages(work: Path, options: argparse.Namespace) -> Job:
    """The calls of `benchmarks.voice_stages`, and its command."""
    calls, durations = work / "longer", call_durations(40, scale=options.stages_scale)
    generate_corpus(calls, len(durations), seed=11, durations=durations)
    how = ("--model", "demo", "--device", "cpu", "--formats", "json")
    return Job("voice_stages", ("voice", str(calls), *how), _transcripts)


def _faces(work: Path, options: argparse.Namespace) -> Job:
    script = Script(seconds=options.video_seconds, persons=3, sizes=(SIZES[0], 180), seed=20261128)
    videos = make_videos(work / "films", {"one": script})
    clips = ("--clip", "person", "--min-share", "0", "--formats", "mot", "--preset", "veryfast")
    arguments = ("faces", *map(str, videos), *clips)
    return Job("faces", arguments, _boxes, ("--identity", "appearance"))


#: What is compared, each with the making of its recordings.
_JOBS: dict[str, Callable[[Path, argparse.Namespace], Job]] = {
    "text": _text,
    "words": _words,
    "speakers": _speakers,
    "voice_stages": _voice_stages,
    "faces": _faces,
}


def _row(job: Job, before: str, ours: str, repeat: int, work: Path) -> dict[str, Any]:
    tries: dict[str, list[Measured]] = {before: [], ours: []}
    found: dict[str, Results] = {}
    for number in range(repeat):
        # the order alternates, because the second finds warmer caches
        for command in (before, ours) if number % 2 == 0 else (ours, before):
            out = work / "out"
            more = job.now if command == ours else ()
            measured = measure([command, *job.arguments, *more, "-o", str(out), "--quiet"])
            if measured.exit_code not in (0, 1):
                raise SystemExit(f"{command} {job.arguments[0]}: exit code {measured.exit_code}")
            tries[command].append(measured)
            found[command] = job.results(out)
            shutil.rmtree(out)
    names = found[before].keys() | found[ours].keys()
    differ = sum(found[before].get(name) != found[ours].get(name) for name in names)
    wall, cpu = (_least(tries, what) for what in ("seconds", "cpu_seconds"))
    return {
        "what": job.name,
        "before, s": wall[before],
        "now, s": wall[ours],
        "ratio": round(wall[ours] / wall[before], 3),
        "before, CPU s": cpu[before],
        "now, CPU s": cpu[ours],
        "CPU ratio": round(cpu[ours] / cpu[before], 3),
        "recordings": len(names),
        "differ": differ,
    }


def _least(tries: dict[str, list[Measured]], what: str) -> dict[str, float]:
    return {
        command: round(min(getattr(one, what) for one in measured), 2)
        for command, measured in tries.items()
    }


def _transcripts(out: Path) -> Results:
    found = {}
    for path in out.glob("*.json"):
        content = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(content, dict) and "segments" in content:
            kept = ("start", "end", "text", "words")
            found[path.stem] = [
                {name: value for name, value in segment.items() if name in kept}
                for segment in content["segments"]
            ]
    return found


def _boxes(out: Path) -> Results:
    return {path.name: path.read_text(encoding="utf-8") for path in out.rglob("*.mot.txt")}


if __name__ == "__main__":
    main()
