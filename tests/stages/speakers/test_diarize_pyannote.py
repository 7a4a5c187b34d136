"""pyannote.audio's turns become ours."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from reelmill.artifacts import Audio, Channel, Turn
from reelmill.core.recording import FileState, Recording
from reelmill.engine.stage import Inputs
from reelmill.models.speakers.pyannote import PyannoteSpec
from reelmill.stages.speakers.diarize_pyannote import DiarizeByPyannote, FoundTurns, labelled
from reelmill.testing import context_of

SPEC = PyannoteSpec("/models/pipeline", "community-1", "d", "4.0.7")


def test_speakers_are_labelled_in_order_and_turns_stay_within_the_recording() -> None:
    # proves: V5
    found = [(6.0, 9.5, "SPEAKER_00"), (0.5, 2.0, "SPEAKER_01"), (1.5, 6.2, "SPEAKER_00")]
    assert labelled(found, 9.0) == [
        Turn(0.5, 2.0, "A"),
        Turn(1.5, 6.2, "B"),
        Turn(6.0, 9.0, "B"),
    ]
    assert labelled([(9.5, 12.0, "SPEAKER_00")], 9.0) == []


@pytest.mark.parametrize(
    ("settings", "asked"),
    [({}, (None, 1, 10)), ({"speakers": 2}, (2, None, None)), ({"max_speakers": 3}, (None, 1, 3))],
)
def test_the_known_number_of_speakers_is_passed_on(
    tmp_path: Path, settings: dict[str, int], asked: Any
) -> None:
    # proves: V5
    np.full(32_000, 1000, "<i2").tofile(tmp_path / "audio.raw")
    recording = Recording(tmp_path / "a.wav", "a", tmp_path, FileState("a" * 64, "b" * 32, 1, 1))
    inputs = Inputs([Audio("audio.raw", 16_000, 32_000, 0)])
    stage = DiarizeByPyannote(SPEC, **settings)
    heard = []

    def turns(samples: Any, *bounds: Any) -> list[tuple[float, float, str]]:
        heard.append((len(samples), bounds))
        return [(0.1, 1.9, "SPEAKER_07")]

    model: Any = SimpleNamespace(turns=turns)
    outputs = stage.infer(model, list(stage.split(context_of(recording), inputs)))
    assert heard == [(32_000, asked)]
    made = stage.merge(context_of(recording), inputs, iter(outputs))
    assert (made.speakers, made.turns) == (["A"], [Turn(0.1, 1.9, "A")])
    assert made.model == "community-1 (pyannote.audio 4.0.7)"


def test_a_click_is_not_a_turn(tmp_path: Path) -> None:
    recording = Recording(tmp_path / "a.wav", "a", tmp_path, FileState("a" * 64, "b" * 32, 1, 1))
    inputs = Inputs([Audio("audio.raw", 16_000, 800, 0)])
    stage = DiarizeByPyannote(SPEC)
    assert list(stage.split(context_of(recording), inputs)) == []
    assert stage.merge(context_of(recording), inputs, iter(list[FoundTurns]())).turns == []


def test_telemetry_is_off() -> None:
    assert SPEC.environment["PYANNOTE_METRICS_ENABLED"] == "0"


def test_whoever_speaks_in_a_channel_is_its_person(tmp_path: Path) -> None:
    # proves: V10
    channels = [Channel("left", "l.pcm"), Channel("right", "r.pcm")]
    for channel in channels:
        np.full(32_000, 1000, "<i2").tofile(tmp_path / channel.file)
    recording = Recording(tmp_path / "a.wav", "a", tmp_path, FileState("a" * 64, "b" * 32, 1, 1))
    inputs = Inputs([Audio("audio.raw", 16_000, 32_000, 0, [], channels)])
    stage = DiarizeByPyannote(SPEC)
    answers = iter(
        [[(0.1, 0.9, "X"), (0.8, 1.2, "Y")], [(0.5, 1.9, "X")]]  # two voices in the left channel
    )
    model: Any = SimpleNamespace(turns=lambda *asked: next(answers))
    outputs = stage.infer(model, list(stage.split(context_of(recording), inputs)))
    made = stage.merge(context_of(recording), inputs, iter(outputs))
    assert made.turns == [Turn(0.1, 1.2, "left", "left"), Turn(0.5, 1.9, "right", "right")]
    assert made.speakers == ["left", "right"]
