"""The transcript: made from the first and the second recognition."""

from pathlib import Path

import numpy as np
import pytest

from reelmill.artifacts import Audio, Recognition, Span, Speech
from reelmill.core.recording import FileState, Recording
from reelmill.engine.stage import Inputs
from reelmill.errors import InputError
from reelmill.models.whisper.decoded import DecodedSegment, DecodedWindow
from reelmill.models.whisper.decoding import DecodingOptions
from reelmill.models.whisper.spec import WhisperSpec
from reelmill.stages.speech.transcribe import Transcribe
from reelmill.testing import context_of
from tests.stages.speech.heard import window

SPEC = WhisperSpec(Path("nowhere"), "demo", "digest")


@pytest.fixture
def recording(tmp_path):
    samples = np.random.default_rng(0).integers(-3000, 3000, 60 * 16_000).astype("<i2")
    samples.tofile(tmp_path / "audio.raw")
    return Recording(Path("call.wav"), "call", tmp_path, FileState("a" * 64, "b", 1, 1))


def inputs(*windows):
    audio = Audio("audio.raw", 16_000, 60 * 16_000, 0)
    spans = [Span(piece.start, piece.end) for one in windows for piece in one.pieces]
    return Inputs([audio, Speech(spans, 60.0), Recognition(list(windows))])


class ScriptedWhisper:
    """Hears Spanish in the first five seconds, and English later."""

    def __init__(self):
        self.asked = []

    def decode(self, features, choices, options, before=()):
        self.asked += [
            (one.shape[1] / 100, allowed) for one, allowed in zip(features, choices, strict=True)
        ]
        found = []
        for number, allowed in enumerate(choices):
            language = allowed[0] if len(allowed) == 1 else ("es" if number == 0 else "en")
            text = DecodedSegment(0.0, 3.0, f"{language} {number}", -0.3, 0.1, 1.0, 0.0)
            found.append(DecodedWindow((text,), language, {language: 0.97}))
        return found


def transcribed(recording, given, stage=None):
    stage, model = stage or Transcribe(SPEC), ScriptedWhisper()
    items = list(stage.split(context_of(recording), given))
    outputs = stage.infer(model, items)
    return stage.merge(context_of(recording), given, iter(outputs)), model


def test_certain_windows_are_not_recognized_again(recording):
    # proves: V3
    found, model = transcribed(recording, inputs(window(0, 20, "ko"), window(20, 40, "ko")))
    assert model.asked == []
    assert (found.language, found.language_probability) == ("ko", pytest.approx(0.99))
    assert [found.language_of(one) for one in found.segments] == ["ko", "ko"]
    assert found.findings == []


def test_two_languages_in_one_window_are_both_recognized(recording):
    # proves: V3 G8
    spans = [(0, 5), (6, 10), (10, 15)]
    mixed = window(0, 15, "en", {"en": 0.82, "es": 0.14}, spans=spans)
    found, model = transcribed(recording, inputs(mixed))
    assert model.asked == [(5.0, ()), (4.0, ()), (5.0, ())]
    assert [(found.language_of(one), one.start) for one in found.segments] == [
        ("es", 0.0),
        ("en", 6.0),
        ("en", 10.0),
    ]
    assert found.language == "en"
    told = [one.text for one in found.findings if one.label == "language"]
    assert told == ["Spanish (es)", "English (en)"]


def test_translated_text_is_english_and_a_finding_has_the_spoken_language(recording):
    # proves: V3
    stage = Transcribe(SPEC, options=DecodingOptions(task="translate"))
    found, _ = transcribed(recording, inputs(window(0, 20, "ko"), window(20, 40, "ko")), stage)
    assert found.language == "en"
    assert [found.language_of(one) for one in found.segments] == ["en", "en"]
    told = [one.text for one in found.findings if one.label == "translated"]
    assert told == ["translated into English by the recognizer; spoken: Korean"]
    assert stage.fingerprint() != Transcribe(SPEC).fingerprint()


def test_a_given_language_is_used(recording):
    # proves: V3
    stage = Transcribe(SPEC, ("ko",))
    found, _ = transcribed(recording, inputs(window(0, 20, "ko")), stage)
    assert (found.language, found.language_probability) == ("ko", 1.0)


class NothingButKorean:
    """Later stages support only Korean."""

    def check(self, language):
        if language != "ko":
            raise InputError(f"{language} is of no use")


def test_a_language_that_later_stages_cannot_use_is_refused(recording):
    # proves: S1
    stage = Transcribe(SPEC, usable=NothingButKorean())
    assert transcribed(recording, inputs(window(0, 20, "ko")), stage)[0].language == "ko"
    with pytest.raises(InputError, match="fr is of no use"):
        transcribed(recording, inputs(window(0, 20, "fr")), stage)
    assert stage.fingerprint() == Transcribe(SPEC).fingerprint()


def test_silence_gives_an_empty_transcript(recording):
    # proves: S6
    found, _ = transcribed(recording, inputs())
    assert (found.segments, found.language, found.language_probability) == ([], "und", 0.0)
    assert [one.label for one in found.findings] == ["no speech"]
