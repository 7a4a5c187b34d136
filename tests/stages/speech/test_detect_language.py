"""Which language: given, detected, or none at all."""

from pathlib import Path

import numpy as np
import pytest

from reelmill.artifacts import Audio, Span, Speech
from reelmill.core.recording import FileState, Recording
from reelmill.engine.stage import Inputs
from reelmill.models.whisper.whisper import WhisperSpec
from reelmill.stages.speech.detect_language import DetectLanguage
from reelmill.testing import context_of

SPEC = WhisperSpec(Path("nowhere"), "demo", "digest")


@pytest.fixture
def recording(tmp_path):
    samples = np.random.default_rng(0).integers(-3000, 3000, 100 * 16_000).astype("<i2")
    samples.tofile(tmp_path / "audio.raw")
    return Recording(Path("call.wav"), "call", tmp_path, FileState("a" * 64, "b", 1, 1))


def inputs(*spans):
    audio = Audio("audio.raw", 16_000, 100 * 16_000, 0)
    return Inputs([audio, Speech([Span(*span) for span in spans], 100.0)])


class ScriptedWhisper:
    def detect_language(self, windows):
        return [{"en": 0.25, "ko": 0.75} for _ in windows]


def test_given(recording):
    # proves: V3
    stage = DetectLanguage(SPEC, language="ko")
    given = inputs((0, 50))
    assert list(stage.split(context_of(recording), given)) == []
    found = stage.merge(context_of(recording), given, iter([]))
    assert (found.code, found.probability, found.given) == ("ko", 1.0, True)


@pytest.mark.parametrize(("windows", "items"), [(1, 1), (2, 2), (9, 4)])
def test_only_the_first_windows_are_looked_at(recording, windows, items):
    stage = DetectLanguage(SPEC, windows=windows)
    found = list(stage.split(context_of(recording), inputs((0, 20), (25, 45), (50, 95))))
    assert len(found) == items
    assert found[0].features.shape == (80, 2000)
    assert found[0].cost == 20.0


def test_infer_and_merge(recording):
    stage = DetectLanguage(SPEC, windows=2)
    items = list(stage.split(context_of(recording), inputs((0, 20), (25, 45))))
    outputs = stage.infer(ScriptedWhisper(), items)
    found = stage.merge(context_of(recording), inputs((0, 20), (25, 45)), iter(outputs))
    assert (found.code, found.probability, found.given) == ("ko", 0.75, False)
    assert list(found.candidates) == ["ko", "en"]


def test_windows_are_averaged(recording):
    stage = DetectLanguage(SPEC, windows=2)
    outputs = [{"en": 0.6, "ko": 0.4}, {"en": 0.1, "ko": 0.9}]
    found = stage.merge(context_of(recording), inputs((0, 20)), iter(outputs))
    assert found.code == "ko"
    assert found.probability == pytest.approx(0.65)


def test_silence_has_no_language(recording):
    # proves: S6
    stage = DetectLanguage(SPEC)
    assert list(stage.split(context_of(recording), inputs())) == []
    found = stage.merge(context_of(recording), inputs(), iter([]))
    assert (found.code, found.probability, found.given) == ("und", 0.0, False)


def test_settings_and_model_decide_reuse():
    # proves: G12
    assert DetectLanguage(SPEC).fingerprint() != DetectLanguage(SPEC, "ko").fingerprint()
    other = WhisperSpec(Path("elsewhere"), "demo", "other digest")
    assert DetectLanguage(SPEC).fingerprint() != DetectLanguage(other).fingerprint()
    moved = WhisperSpec(Path("elsewhere"), "demo", "digest")
    assert DetectLanguage(SPEC).fingerprint() == DetectLanguage(moved).fingerprint()
