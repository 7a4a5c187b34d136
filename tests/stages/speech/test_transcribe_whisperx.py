"""WhisperX's results, as it gave them once, become transcripts like all others."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from reelmill.artifacts import AlignedTranscript, Audio, Channel, Span, Speech, Transcript
from reelmill.core.recording import FileState, Recording
from reelmill.engine.stage import Inputs
from reelmill.models.whisperx.whisperx import (
    AlignedSegment,
    AlignedWord,
    Aligner,
    Recognizer,
    WhisperXAlignerSpec,
    WhisperXOptions,
    WhisperXSpec,
)
from reelmill.stages.speech.transcribe_whisperx import TranscribeByWhisperX
from reelmill.stages.words.align_whisperx import AlignByWhisperX, Aligned, sentences
from reelmill.testing import context_of

SAID: dict[str, Any] = json.loads((Path(__file__).parent / "whisperx_said.json").read_text())
SECONDS = 12


@pytest.fixture
def recording(tmp_path: Path) -> Recording:
    return Recording(tmp_path / "a.wav", "a", tmp_path, FileState("a" * 64, "b" * 32, 1, 1))


@pytest.fixture
def audio(tmp_path: Path) -> Audio:
    np.full(SECONDS * 16_000, 1000, "<i2").tofile(tmp_path / "audio.raw")
    return Audio("audio.raw", 16_000, SECONDS * 16_000, 0)


class Library:
    """Answers as `whisperx` did; remembers what it was asked."""

    def __init__(self, aligner: bool = True) -> None:
        self.asked: dict[str, Any] = {}
        self._aligner = aligner

    def transcribe(self, samples: Any, **options: Any) -> dict[str, Any]:
        self.asked = {"seconds": len(samples) / 16_000, **options}
        return SAID["transcribed"]

    def load_align_model(self, language: str, device: str, model_name: str | None) -> Any:
        if not self._aligner:
            raise ValueError(f"No default align-model for language: {language}")
        return SimpleNamespace(eval=lambda: None), {"language": language}

    def align(self, given: Any, model: Any, metadata: Any, samples: Any, device: str) -> Any:
        self.asked = {"texts": [one["text"] for one in given], "device": device, **metadata}
        return {"segments": SAID["aligned"]}


def transcribe(
    recording: Recording, audio: Audio, library: Library, language: str | None = None
) -> Transcript:
    spec = WhisperXSpec("/models/demo", "demo", "d", 14.0, "3.8.6", WhisperXOptions())
    stage = TranscribeByWhisperX(spec, language)
    inputs = Inputs([audio])
    heard = stage.infer(
        Recognizer(library, 20, 12.0), list(stage.split(context_of(recording), inputs))
    )
    return stage.merge(context_of(recording), inputs, iter(heard))


def align(
    recording: Recording,
    audio: Audio,
    transcript: Transcript,
    library: Library,
    spans: Sequence[tuple[float, float]] = ((0.0, 600.0),),
) -> AlignedTranscript:
    stage = AlignByWhisperX(WhisperXAlignerSpec(None, "d", "3.8.6"))
    speech = Speech([Span(*span) for span in spans], SECONDS)
    speech.channels = {channel.name: speech for channel in audio.channels}
    inputs = Inputs([audio, speech, transcript])
    found = stage.infer(
        Aligner(library, None, "cpu"), list(stage.split(context_of(recording), inputs))
    )
    return stage.merge(context_of(recording), inputs, iter(found))


def test_text_of_whisperx_becomes_a_transcript(recording: Recording, audio: Audio) -> None:
    # proves: V6
    library = Library()
    transcript = transcribe(recording, audio, library)
    assert library.asked == {
        "seconds": SECONDS,
        "batch_size": 20,
        "language": None,
        "chunk_size": 12,
    }
    assert (transcript.language, transcript.model) == ("en", "demo (WhisperX 3.8.6)")
    assert [segment.text[:5] for segment in transcript.segments] == [" Emma"]
    assert transcript.speech_seconds == pytest.approx(8.336)
    assert transcript.segments[0].avg_logprob == pytest.approx(-0.0137, abs=1e-4)
    # values that WhisperX does not give are not invented
    assert math.isnan(transcript.language_probability)
    assert math.isnan(transcript.segments[0].no_speech_prob)


def test_words_of_whisperx_become_words_of_the_transcript(
    recording: Recording, audio: Audio
) -> None:
    # proves: V6
    library = Library()
    aligned = align(recording, audio, transcribe(recording, audio, library, "en"), library)
    assert library.asked["texts"] == [SAID["transcribed"]["segments"][0]["text"]]
    assert aligned.language_probability == 1.0
    assert [segment.text.strip() for segment in aligned.segments] == [
        "Emma called me four times this week.",
        "The code for the map is two five eight nine.",
        "Listen, there are forty people at Osaka.",
    ]
    for segment in aligned.segments:
        assert [word.text for word in segment.words] == segment.text.split()
        edges = [edge for word in segment.words for edge in (word.start, word.end)]
        assert edges == sorted(edges)
        assert segment.start <= edges[0] and edges[-1] <= segment.end
        assert {word.timing for word in segment.words} == {"aligned"}
    assert aligned.notes == [] and aligned.aligner == "WhisperX's own (WhisperX 3.8.6)"


def test_no_word_covers_a_pause_that_our_detector_leaves_out(
    recording: Recording, audio: Audio
) -> None:
    # proves: V4 V6
    library = Library()
    whole = align(recording, audio, transcribe(recording, audio, library, "en"), library)
    first = whole.segments[0]
    pause = (first.words[2].end, first.words[3].start + 0.05)
    spans = ((0.0, pause[0]), (pause[1], 600.0))
    found = align(recording, audio, transcribe(recording, audio, library, "en"), library, spans)
    assert [one.text.strip() for one in found.segments[:2]] == [
        "Emma called me",
        "four times this week.",
    ]
    assert found.segments[0].end <= pause[0] + 0.001
    assert found.segments[1].start >= pause[1] - 0.001
    # words that only WhisperX heard keep their times
    deaf = align(recording, audio, transcribe(recording, audio, library, "en"), library, ())
    assert deaf.segments == whole.segments


def test_a_language_without_an_aligner_loses_only_the_word_times(
    recording: Recording, audio: Audio
) -> None:
    # proves: G19
    transcript = transcribe(recording, audio, Library())
    aligned = align(recording, audio, transcript, Library(aligner=False))
    assert aligned.segments == transcript.segments and aligned.aligner is None
    assert "WhisperX has no aligner for 'en'" in aligned.notes[0]
    assert "give one with --aligner" in aligned.notes[0] and "--fresh" in aligned.notes[0]


def test_a_word_or_sentence_without_times_is_placed_between_its_neighbours() -> None:
    found = [
        AlignedSegment(
            1.0,
            3.0,
            "call 4711 now",
            (
                AlignedWord("call", 1.0, 1.4, 0.9),
                AlignedWord("4711", None, None, 0.0),
                AlignedWord("now", 2.6, 3.0, 0.8),
            ),
            None,
        ),
        AlignedSegment(2.5, 99.0, "for certain", (), -0.2),
    ]
    first, second = sentences(found, "en", 10.0)
    assert [(w.start, w.end, w.timing) for w in first.words] == [
        (1.0, 1.4, "aligned"),
        (1.4, 2.6, "interpolated"),
        (2.6, 3.0, "aligned"),
    ]
    assert (second.start, second.end) == (3.0, 10.0)
    assert [(w.text, w.timing) for w in second.words] == [
        ("for", "interpolated"),
        ("certain", "interpolated"),
    ]


def test_an_empty_recording_gives_an_empty_transcript(recording: Recording) -> None:
    empty = Audio("audio.raw", 16_000, 0, 0)
    transcript = transcribe(recording, empty, Library())
    assert transcript.segments == [] and transcript.language == "und"
    stage = AlignByWhisperX(WhisperXAlignerSpec(None, "d", "3.8.6"))
    assert (
        list(stage.split(context_of(recording), Inputs([empty, Speech([], 0.0), transcript]))) == []
    )
    merged = stage.merge(
        context_of(recording), Inputs([empty, Speech([], 0.0), transcript]), iter(list[Aligned]())
    )
    assert merged.segments == []


def test_each_channel_is_transcribed_separately(recording: Recording, audio: Audio) -> None:
    # proves: V6 V10
    channels = [Channel("left", audio.file), Channel("right", audio.file)]
    apart = replace(audio, channels=channels)
    library = Library()
    made = transcribe(recording, apart, library)
    one = transcribe(recording, audio, library)
    assert len(made.segments) == 2 * len(one.segments)
    assert [segment.start for segment in made.segments] == sorted(
        segment.start for segment in made.segments
    )
    aligned = align(recording, apart, made, library)
    alone = align(recording, audio, one, library)
    for channel in ("left", "right"):
        mine = [segment for segment in aligned.segments if segment.channel == channel]
        assert [segment.text for segment in mine] == [segment.text for segment in alone.segments]
        assert {segment.speaker for segment in mine} == {channel}
