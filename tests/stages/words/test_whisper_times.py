"""Whisper's own word times, by the demo recognizer on a shipped sample."""

from __future__ import annotations

from dataclasses import replace
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
import soundfile

from reelmill.artifacts import Audio, Channel, Segment, Span, Speech, Transcript
from reelmill.core.recording import FileState, Recording
from reelmill.engine.stage import Device, Inputs
from reelmill.models.files.cache import resolve
from reelmill.models.whisper.attention_times import onsets
from reelmill.models.whisper.spec import WhisperSpec
from reelmill.stages.speech.recognize import Recognize
from reelmill.stages.words.whisper_times import TimeByWhisper
from reelmill.testing import context_of

SAID = [
    (0.4, 2.4, "Emma called me four times this week."),
    (2.9, 5.3, "The code for the map is two five eight nine."),
]


@pytest.fixture(scope="module")
def spec() -> WhisperSpec:
    files = resolve("demo")
    return WhisperSpec(files.path, files.name, files.identity, files.n_mels)


@pytest.fixture
def given(tmp_path: Path) -> tuple[Recording, Inputs]:
    sample = Path(str(resources.files("reelmill") / "assets" / "samples" / "voicemail.wav"))
    samples, _ = soundfile.read(sample, dtype="int16")
    np.asarray(samples, "<i2").tofile(tmp_path / "audio.raw")
    recording = Recording(sample, "voicemail", tmp_path, FileState("a" * 64, "b", 1, 1))
    segments = [Segment(a, b, text, -0.2, 0.0, 1.0, 0.0) for a, b, text in SAID]
    return recording, Inputs(
        [
            Audio("audio.raw", 16_000, len(samples), 0),
            Speech([Span(0.4, 5.4), Span(6.0, 8.5)], 12.0),
            Transcript("en", 0.9, "demo", 12.0, 7.5, segments),
        ]
    )


def test_words_are_in_order_inside_their_segments(given, spec: WhisperSpec) -> None:
    # proves: V4
    recording, inputs = given
    stage = TimeByWhisper(spec)
    items = list(stage.split(context_of(recording), inputs))
    times = stage.merge(
        recording, inputs, iter(stage.infer(spec.load(Device("cpu"), 1), items))
    ).words
    assert [[word.text for word in words] for words in times] == [
        text.split() for _, _, text in SAID
    ]
    for words, (start, end, _) in zip(times, SAID, strict=True):
        edges = [edge for word in words for edge in (word.start, word.end)]
        assert edges == sorted(edges) and start <= edges[0] and edges[-1] <= end
    assert {word.timing for words in times for word in words} == {"whisper"}
    # Rough, but no guess: "four" is said at 1.1 s, "nine" at about 4.9 s.
    assert times[0][3].start == pytest.approx(1.12, abs=0.4)
    assert times[1][-1].start == pytest.approx(4.9, abs=0.4)


def test_languages_with_an_aligner_are_skipped(given, spec: WhisperSpec) -> None:
    recording, inputs = given
    stage = TimeByWhisper(spec, aligned=("en",))
    assert list(stage.split(context_of(recording), inputs)) == []
    assert stage.merge(context_of(recording), inputs, iter([])).words == [[], []]


def test_skipped_tokens_get_onsets() -> None:
    assert onsets([(0, 0), (0, 5), (2, 10), (2, 12)], 3) == pytest.approx([0.0, 0.2, 0.2, 0.24])
    assert onsets([], 2) == [0.0, 0.0, 0.0]


def test_each_channel_has_its_own_words(given, spec: WhisperSpec) -> None:
    # proves: V4 V10
    recording, inputs = given
    one = inputs[Transcript]
    (recording.folder / "nothing.raw").write_bytes(bytes(2 * inputs[Audio].samples))
    spans = inputs[Speech].spans
    audio = replace(
        inputs[Audio], channels=[Channel("left", "nothing.raw"), Channel("right", "audio.raw")]
    )
    speech = replace(
        inputs[Speech],
        channels={"left": Speech(spans[1:], 12.0), "right": Speech(spans[:1], 12.0)},
    )
    first, second = one.segments
    transcript = replace(
        one, segments=[replace(first, channel="right"), replace(second, channel="left")]
    )
    apart = Inputs([audio, speech, transcript])
    stage = TimeByWhisper(spec)
    items = list(stage.split(context_of(recording), apart))
    assert [item.numbers for item in items] == [(1,), (0,)]
    outputs = stage.infer(spec.load(Device("cpu"), 1), items)
    words = stage.merge(context_of(recording), apart, iter(outputs)).words
    assert [[word.text for word in of] for of in words] == [text.split() for _, _, text in SAID]
    assert words[0][3].start == pytest.approx(1.12, abs=0.4)


def test_words_timed_by_recognition_are_kept(given, spec: WhisperSpec) -> None:
    # proves: V4
    recording, inputs = given
    model = spec.load(Device("cpu"), 1)
    recognize, stage = Recognize(spec, ("en",)), TimeByWhisper(spec)
    context = context_of(recording)
    windows = recognize.infer(model, list(recognize.split(context, inputs)))
    segments = [segment for window in windows for segment in window.segments]
    transcript = replace(inputs[Transcript], segments=segments)
    said = Inputs([inputs[Audio], inputs[Speech], transcript])
    assert list(stage.split(context, said)) == []
    times = stage.merge(context, said, iter([])).words
    assert [[word.text for word in words] for words in times] == [
        segment.text.split() for segment in segments
    ]
    for words, segment in zip(times, segments, strict=True):
        edges = [edge for word in words for edge in (word.start, word.end)]
        assert edges == sorted(edges)
        assert segment.start <= edges[0] and edges[-1] <= segment.end
    assert {word.timing for words in times for word in words} == {"whisper"}
    assert times[0][3].start == pytest.approx(1.12, abs=0.4)
    # Cut at pauses, where no later stage times words: the transcript has none.
    (first, *_) = replace(recognize, cut_at_pauses=True).infer(
        model, list(recognize.split(context, inputs))
    )
    assert not any(segment.words for segment in first.segments)
