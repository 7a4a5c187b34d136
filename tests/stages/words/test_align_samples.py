"""Word times of sample calls as a recognizer writes them: `2500달러`, `Martin에게`, `$150`."""

from __future__ import annotations

import json
import re
from importlib import resources
from pathlib import Path

import pytest

from benchmarks.hub_aligner import without_latin
from reelmill.artifacts import Audio, Segment, Span, Speech, Transcript, WhisperTimes
from reelmill.core.recording import FileState, Recording
from reelmill.engine.execution.local import run_alone
from reelmill.engine.stage import Device, Inputs
from reelmill.media.audio.decode import decode
from reelmill.models.alignment.aligners import choose_aligners
from reelmill.stages.words.align import Align
from synthetic.synth import SpokenWord
from synthetic.written import written

ASSETS = Path(str(resources.files("reelmill") / "assets"))
NUMERAL_OR_MIXED = re.compile("[0-9]|[A-Z].*[가-힣]")


def boundary_errors(stage: Align, name: str, folder: Path) -> list[tuple[str, float]]:
    """Each word with the seconds by which its start or its end is wrong, whichever is worse."""
    with (folder / "audio.raw").open("wb") as sound:
        samples = decode(ASSETS / "samples" / name, sound).samples
    truth = json.loads((ASSETS / "samples" / "truth" / f"{name}.json").read_text())
    language, seconds = truth["language"], truth["duration"]
    said = [
        written([SpokenWord(**word) for word in one["words"]], language)
        for one in truth["utterances"]
    ]
    segments = [
        Segment(one[0].start, one[-1].end, " ".join(w.text for w in one), -0.2, 0.0, 1.0, 0.0)
        for one in said
    ]
    inputs = Inputs(
        [
            Audio("audio.raw", 16_000, samples, 0),
            Speech([Span(0.0, seconds)], seconds),
            Transcript(language, 1.0, "truth", seconds, seconds, segments),
            WhisperTimes([[] for _ in segments]),
        ]
    )
    recording = Recording(Path(name), name, folder, FileState("a" * 64, "b" * 32, 1, 1))
    aligned = run_alone(stage, recording, inputs, Device("cpu"))
    words = [word for segment in aligned.segments for word in segment.words]
    assert [word.text for word in words] == [word.text for one in said for word in one]
    return [
        (word.text, max(abs(word.start - true.start), abs(word.end - true.end)))
        for word, true in zip(words, (word for one in said for word in one), strict=True)
    ]


# proves: V4
@pytest.mark.parametrize(
    ("name", "latin", "least"),
    [
        ("call 2026-03-14.m4a", True, 6),
        ("통화 녹음 김민수.m4a", True, 9),
        ("통화 녹음 김민수.m4a", False, 9),
    ],
)
def test_numerals_and_mixed_words_are_at_the_times_they_are_spoken(
    name: str, latin: bool, least: int, tmp_path: Path
) -> None:
    aligner = "demo" if latin else str(without_latin(tmp_path / "korean"))
    stage = Align(choose_aligners(aligner, (), "demo").spec)
    errors = boundary_errors(stage, name, tmp_path)
    special = sorted(error for word, error in errors if NUMERAL_OR_MIXED.search(word))
    every = sorted(error for _, error in errors)
    assert len(special) >= least
    assert every[len(every) // 2] <= 0.04 and every[int(0.95 * len(every))] <= 0.15
    assert special[len(special) // 2] <= 0.04 and special[-2] <= 0.15
