"""Videos cut to the people in them: Reelmill, the usual way, and the least work needed.

    python -m benchmarks.faces --peer-python PEER/bin/python --json benchmarks/results/faces.json

The same videos, with truth, the same preset, CRF and 250 x 250 clips of every person with sound:

- `reelmill faces` with one and with two CPU workers, each started anew as a user would;
- the old way (`benchmarks/face_old_way.py`, MoviePy and facenet-pytorch frame by frame) under
  `--peer-python`, an environment of its own;
- the floor (`benchmarks/face_floor.py`): decode, cut out and encode with the true boxes, nothing
  looked for, nothing kept; in one process with one thread, in one with FFmpeg's own threads, as a
  plain script has it, and in two; and in two that copy the sound's packets as Reelmill does.

All but the old way take turns, round by round, because machines change their speed; of each the
fastest run counts, and ratios of two are those of the runs of one round. Then many short videos in
one call and in a call each. Seconds are those of whole commands; memory is the proportional set
size of all their processes. Found faces are compared to the truth as in
`benchmarks/faces_accuracy.py`.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.common import Measured, measure, show, told_command, write_result
from benchmarks.face_truth import FACES, SIZES, Score, make_videos, read_mot
from synthetic.videos import Script, Truth

CRF = "21"
_HERE = Path(__file__).resolve().parent
Videos = Mapping[Path, Truth]
#: Name, processes, threads that each decodes with, and what is done with the sound.
_FLOORS = (
    ("1 process", 1, 1, "encoded"),
    ("1 process, FFmpeg's own threads", 1, 0, "encoded"),
    ("2 processes", 2, 1, "encoded"),
    ("2 processes, sound copied", 2, 1, "copied"),
)
_FLOOR, _COPYING = (f"the floor, {_FLOORS[number][0]}" for number in (2, 3))
_OLD_WAY = "the old way"


@dataclass(frozen=True)
class Contender:
    """A way to do it: `command` makes the call for videos and an output folder."""

    name: str
    command: Callable[[Sequence[Path], Path], list[str]]
    finds: bool = True


@dataclass(frozen=True)
class Attempt:
    """The outcome of a contender's attempt at some videos."""

    name: str
    measured: Measured
    clips: int
    score: dict[str, Any] | None


def main() -> None:
    options = _options()
    with tempfile.TemporaryDirectory(prefix="reelmill-bench-") as work:
        folder = options.corpus or Path(work) / "videos"
        one = make_videos(folder / "one", {"one": _script(options.seconds, options.seed)})
        many = make_videos(
            folder / "many",
            {
                f"{number:02}": _script(options.many_seconds, options.seed + 1 + number)
                for number in range(options.many)
            },
        )
        ours = _contenders(options)
        rounds = _rounds(ours, one, Path(work), options)
        together = _together(options, many, Path(work)) if many else []
    _report(options, rounds, together, next(iter(one.values())))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument(
        "--peer-python", type=Path, help="environment with facenet-pytorch, moviepy"
    )
    parser.add_argument("--no-old-way", action="store_true", help="skip the old program")
    parser.add_argument("--preset", default="veryfast", help="preset of x264 for all contenders")
    parser.add_argument(
        "--seconds", type=float, default=60.0, help="length of the single video in seconds"
    )
    parser.add_argument(
        "--many", type=int, default=12, help="number of short videos; 0 to skip them"
    )
    parser.add_argument("--many-seconds", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=20261128)
    parser.add_argument(
        "--repeat",
        type=int,
        default=2,
        help="rounds, in each of which every contender runs once; the old way in the first only",
    )
    parser.add_argument("--corpus", type=Path, help="folder of the videos; created if missing")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    return parser.parse_args()


def _script(seconds: float, seed: int) -> Script:
    """720p, three people at an easy pace, as interviews and lectures have it."""
    return Script(seconds=seconds, persons=3, sizes=(SIZES[0], 180), seed=seed)


def _contenders(options: argparse.Namespace) -> list[Contender]:
    found = [_reelmill(1, options.preset), _reelmill(2, options.preset)]
    for name, *how in _FLOORS:
        found.append(
            Contender(
                f"the floor, {name}",
                lambda videos, out, how=how: [  # type: ignore[misc]
                    *(sys.executable, "-m", "benchmarks.face_floor", str(out), options.preset),
                    *(CRF, *map(str, how), *map(str, videos)),
                ],
                finds=False,
            )
        )
    if options.peer_python and not options.no_old_way:
        script = str(_HERE / "face_old_way.py")
        found.append(
            Contender(
                _OLD_WAY,
                lambda videos, out: [
                    *(str(options.peer_python), script, str(out), options.preset, CRF),
                    *map(str, videos),
                ],
            )
        )
    return found


def _reelmill(workers: int, preset: str) -> Contender:
    return Contender(
        f"reelmill, {workers} worker{'s' if workers > 1 else ''}",
        lambda videos, out: [
            *(*FACES, "--quiet", "--clip", "person", "--min-share", "0", "--formats", "mot"),
            *("--preset", preset, "--quality", CRF, "--workers", str(workers)),
            *("-o", str(out), *map(str, videos)),
        ],
    )


def _rounds(
    contenders: Sequence[Contender], videos: Videos, work: Path, options: argparse.Namespace
) -> list[dict[str, Attempt]]:
    """By name, the attempt of each contender in each round; the old way has one. Each has a folder
    of its own, so that nothing is reused."""
    return [
        {
            contender.name: _attempt(contender, videos, work / f"one-{number}-{place}")
            for place, contender in enumerate(contenders)
            if number == 0 or contender.name != _OLD_WAY
        }
        for number in range(options.repeat)
    ]


def _fastest(attempts: Sequence[Attempt]) -> Attempt:
    return min(attempts, key=lambda attempt: attempt.measured.seconds)


def _attempt(contender: Contender, videos: Videos, out: Path) -> Attempt:
    print(f"{contender.name}, {len(videos)} video(s) ...", flush=True)
    measured = measure(contender.command(list(videos), out))
    if measured.exit_code:
        raise SystemExit(f"{contender.name}: exit code {measured.exit_code}")
    clips = [path for path in out.rglob("*.mp4") if ".cache" not in path.parts]
    return Attempt(contender.name, measured, _frames(clips), _scored(contender, videos, out))


def _frames(clips: Sequence[Path]) -> int:
    """The number of pictures in all clips, to see whether the contenders did the same work."""
    import av

    total = 0
    for clip in clips:
        with av.open(str(clip)) as container:
            stream = container.streams.video[0]
            if (stream.width, stream.height) != (250, 250):
                raise SystemExit(f"{clip}: {stream.width} x {stream.height}")
            total += stream.frames
    return total


def _scored(contender: Contender, videos: Videos, out: Path) -> dict[str, Any] | None:
    if not contender.finds:
        return None
    score = Score()
    for path, truth in videos.items():
        score.add(path.stem, truth, read_mot(out / f"{path.stem}.mot.txt"))
    return score.table()[-1]


def _together(options: argparse.Namespace, many: Videos, work: Path) -> list[dict[str, Any]]:
    """All videos in one call, and each in a call of its own."""
    rows = []
    for workers in (1, 2):
        contender = _reelmill(workers, options.preset)
        folder = work / f"together-{workers}"
        one_call = _fastest(
            [_attempt(contender, many, folder / str(n)) for n in range(options.repeat)]
        ).measured
        calls = [
            _attempt(contender, {path: truth}, work / f"apart-{workers}" / path.stem).measured
            for path, truth in many.items()
        ]
        each = sum(call.seconds for call in calls)
        rows.append(
            {
                "what": contender.name,
                "videos": len(many),
                "one call, s": one_call.seconds,
                "a call each, s": each,
                "faster by": each / one_call.seconds,
                "peak MB, one call": one_call.peak_mb,
                "peak MB, a call": max(call.peak_mb for call in calls),
            }
        )
    return rows


def _ratios(rounds: Sequence[dict[str, Attempt]]) -> list[dict[str, Any]]:
    """Two workers beside two processes, in the median of all rounds."""
    ours = _reelmill(2, "").name
    rows = []
    for floor in (_FLOOR, _COPYING):
        pairs = [(some[ours].measured, some[floor].measured) for some in rounds]
        walls = [one.seconds / other.seconds for one, other in pairs]
        rows.append(
            {
                "what": f"{ours} / {floor}",
                "wall": median(walls),
                "CPU": median(one.cpu_seconds / other.cpu_seconds for one, other in pairs),
                "wall, least": min(walls),
                "wall, most": max(walls),
                "rounds": len(rounds),
            }
        )
    return rows


def _report(
    options: argparse.Namespace,
    rounds: Sequence[dict[str, Attempt]],
    together: list[dict[str, Any]],
    truth: Truth,
) -> None:
    tries = [_fastest([some[name] for some in rounds if name in some]) for name in rounds[0]]
    seconds = {attempt.name: attempt.measured.seconds for attempt in tries}
    old = seconds.get(_OLD_WAY)
    seconds_of_video = truth.frames / truth.rate
    speed = [
        {
            "what": attempt.name,
            "s": attempt.measured.seconds,
            "frames/s": truth.frames / attempt.measured.seconds,
            "x the old way": old / attempt.measured.seconds if old else None,
            "x the floor": attempt.measured.seconds / seconds[_FLOOR],
            "CPU s": attempt.measured.cpu_seconds,
            "peak MB": attempt.measured.peak_mb,
            "frames in clips": attempt.clips,
        }
        for attempt in tries
    ]
    ratios = _ratios(rounds)
    wanted = ("recall %", "false/frame", "IDF1 %")
    found = [{"what": a.name, **{key: a.score[key] for key in wanted}} for a in tries if a.score]
    show(f"one video of {seconds_of_video:g} s, 720p, preset {options.preset}", speed)
    show("ratios of the same round", ratios)
    show("found beside the truth", found)
    if together:
        show(f"videos of {options.many_seconds:g} s", together)
    content = {
        "command": told_command("benchmarks.faces"),
        "preset": options.preset,
        "seconds of video": seconds_of_video,
        "speed": speed,
        "ratios": ratios,
        "found": found,
        "many": together,
    }
    write_result(options.json, content)


if __name__ == "__main__":
    main()
