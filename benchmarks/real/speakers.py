"""Who speaks when, on real voices: errors, number of people, overlap found, and speed.

    python -m benchmarks.real.speakers REAL --json benchmarks/results/real_speakers.json
    python -m benchmarks.real.speakers REAL --senko-python PYTHON --loop

`REAL` is a folder of recordings that are not part of the project (`meetings/`, `calls/`,
`voices/`). Conversations are built from `voices/` by `benchmarks.real.conversations`, of two halves
of the people: thresholds were chosen on one, the other is what counts. Errors are
pyannote.metrics' diarization error rate, overlapping speech counted, without a collar and with
0.25 s around each border left out. Overlap is scored in steps of 10 ms. All contenders get the same
files of 16 kHz, 16 bit and one channel, in one call. Needs `pip install -e ".[bench]"`; senko an
environment of its own (see `benchmarks.real.senko_peer`).
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import soundfile
from pyannote.core import Annotation, Segment
from pyannote.metrics.diarization import DiarizationErrorRate

from benchmarks.common import Measured, measure, show, told_command, write_result
from benchmarks.diarize_alone import Turns
from benchmarks.real.conversations import RATE, resampled
from benchmarks.real.recordings import LONG, RecordingSet, TrueRecording, speaker_sets
from benchmarks.speakers import run

_REPOSITORY = Path(__file__).resolve().parents[2]


def main() -> None:
    options = _options()
    with tempfile.TemporaryDirectory(prefix="reelmill-real-") as folder:
        work = Path(folder)
        sets = speaker_sets(
            options.real,
            work,
            options.halves,
            dialogues=options.dialogues,
            meetings=options.meetings,
            long=options.long,
        )
        content = measure_speakers(sets, work, options.senko_python, loop=options.loop)
    write_result(options.json, {"command": told_command("benchmarks.real.speakers"), **content})


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("real", type=Path, help="folder of real recordings")
    parser.add_argument("--halves", nargs="+", choices=("tune", "check"), default=("tune", "check"))
    parser.add_argument("--dialogues", type=int, default=40, help="dialogues built from each half")
    parser.add_argument("--meetings", type=int, default=20, help="meetings built from each half")
    parser.add_argument("--long", type=int, default=1, help="the same, of 25 to 30 minutes")
    parser.add_argument("--senko-python", type=Path, help="Python interpreter with senko installed")
    parser.add_argument(
        "--loop", action="store_true", help="also run the same networks file by file"
    )
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    return parser.parse_args()


def measure_speakers(
    sets: Sequence[RecordingSet], work: Path, senko: Path | None, *, loop: bool
) -> dict[str, Any]:
    """Run every contender over all sets, print tables, and return the figures."""
    waves = {one.file: wave(one.file, work) for every in sets for one in every.recordings}
    files = list(dict.fromkeys(waves.values()))
    minutes = sum(soundfile.info(file).duration for file in files) / 60
    attempts = {"reelmill": run("reelmill", files, work)}
    long = [waves[one.file] for every in sets if LONG in every.name for one in every.recordings]
    if loop:
        attempts["the same networks, file by file"] = run("loop", files, work)
    if senko is not None:
        attempts["senko 0.2.2"] = _run_senko(senko, files, work)
    ours = attempts["reelmill"][0].seconds
    speed = [
        {
            "what": name,
            "x real time": 60 * minutes / measured.seconds,
            "ours is faster by": measured.seconds / ours,
            "CPU s": measured.cpu_seconds,
            "peak MB": measured.peak_mb,
        }
        for name, (measured, _) in attempts.items()
    ]
    if long:
        speed.append(_speed_of_long(long, work))
    show(f"{len(files)} recordings, {minutes:.0f} min", speed)
    accuracy = []
    for name, (_, found) in attempts.items():
        rows = [
            {"what": every.name, "truth": every.truth, **scores(every, waves, found)}
            for every in sets
        ]
        columns = [key for key in rows[0] if key != "truth"]
        show(name, [{key: row.get(key) for key in columns} for row in rows])
        accuracy.append({"what": name, "sets": rows})
    return {"minutes": minutes, "speed": speed, "accuracy": accuracy}


def _speed_of_long(files: Sequence[Path], work: Path) -> dict[str, Any]:
    """How fast the long recordings alone are."""
    measured, _ = run("reelmill", files, work)
    seconds = sum(soundfile.info(file).duration for file in files)
    return {
        "what": "reelmill, only those of 25 min and more",
        "x real time": seconds / measured.seconds,
        "ours is faster by": None,
        "CPU s": measured.cpu_seconds,
        "peak MB": measured.peak_mb,
    }


def wave(file: Path, work: Path) -> Path:
    """The recording as senko takes it: 16 kHz, 16 bit, one channel."""
    sound, rate = soundfile.read(file, dtype="float64", always_2d=True)
    target = work / f"{file.parent.name}-{file.stem}.wav"
    mixed = resampled(sound.mean(axis=1), rate, RATE)
    soundfile.write(target, np.clip(mixed, -1, 1), RATE, subtype="PCM_16")
    return target


def _run_senko(
    python: Path, files: Sequence[Path], work: Path
) -> tuple[Measured, dict[str, Turns]]:
    print("senko ...", flush=True)
    out = work / "senko.json"
    path = os.pathsep.join(filter(None, [str(_REPOSITORY), os.environ.get("PYTHONPATH", "")]))
    command = [str(python), "-m", "benchmarks.real.senko_peer", str(out), *map(str, files)]
    measured = measure(command, {"PYTHONPATH": path})
    if measured.exit_code:
        raise SystemExit(f"senko: exit code {measured.exit_code}")
    return measured, json.loads(out.read_text(encoding="utf-8"))


def scores(
    every: RecordingSet, waves: Mapping[Path, Path], found: Mapping[str, Turns]
) -> dict[str, Any]:
    """Errors in percent of the speech, overlap found in percent of that there is, and in how many
    recordings the number of people is right."""
    pairs = [(one, found[waves[one.file].name]) for one in every.recordings]
    right = sum(len({turn[2] for turn in turns}) == one.people for one, turns in pairs)
    result: dict[str, Any] = {"number right": f"{right}/{len(pairs)}"}
    if any(one.turns for one, _ in pairs):
        result = {**_errors(pairs), **_overlap(pairs), **result}
    return result


def _errors(pairs: Sequence[tuple[TrueRecording, Turns]]) -> dict[str, float]:
    warnings.filterwarnings("ignore", message="'uem' was approximated")
    strict, lenient = DiarizationErrorRate(), DiarizationErrorRate(collar=0.5)
    for one, turns in pairs:
        said, heard = _annotation(one.turns), _annotation(turns)
        strict(said, heard)
        lenient(said, heard)
    total = strict[:]
    parts = {"missed": "missed detection", "false": "false alarm", "mixed up": "confusion"}
    return {
        "DER": 100 * abs(strict),
        "collar 0.25": 100 * abs(lenient),
        **{name: 100 * total[part] / total["total"] for name, part in parts.items()},
    }


def _annotation(turns: Sequence[tuple[float, float, str]]) -> Annotation:
    annotation = Annotation()
    for index, (start, end, speaker) in enumerate(turns):
        annotation[Segment(start, end), index] = speaker
    return annotation


def _overlap(pairs: Sequence[tuple[TrueRecording, Turns]]) -> dict[str, float | None]:
    there = found = right = 0
    for one, turns in pairs:
        length = max((end for _, end, _ in [*one.turns, *turns]), default=0.0)
        said, heard = (_at_once(some, length) for some in (one.turns, turns))
        there, found = there + int(said.sum()), found + int(heard.sum())
        right += int((said & heard).sum())
    return {
        "overlap s": there / 100,
        "recall": 100 * right / there if there else None,
        "precision": 100 * right / found if found else None,
    }


def _at_once(turns: Turns, length: float) -> npt.NDArray[np.bool_]:
    """Whether two people or more speak, in steps of 10 ms; one person's turns count once."""
    people = np.zeros(round(100 * length) + 1, np.int64)
    for name in {turn[2] for turn in turns}:
        speaks = np.zeros(len(people), np.bool_)
        for start, end, speaker in turns:
            if speaker == name:
                speaks[round(100 * start) : round(100 * end)] = True
        people += speaks
    result: npt.NDArray[np.bool_] = people > 1
    return result


if __name__ == "__main__":
    main()
