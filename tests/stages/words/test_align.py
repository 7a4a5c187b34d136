"""Word times from a scripted network, whose sound says which letter it is."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from reelmill.artifacts import (
    Audio,
    Segment,
    Span,
    Speech,
    Transcript,
    WhisperTimes,
    Word,
)
from reelmill.core.recording import FileState, Recording
from reelmill.engine.stage import Inputs
from reelmill.models.alignment.spelling import read_alphabet
from reelmill.models.alignment.wav2vec2 import AlignerModel, AlignerSpec
from reelmill.stages.words.align import Align
from reelmill.testing import context_of, split_of

FRAME = 0.02
LETTERS = "abcdefghijklmnopqrstuvwxyz"


class ScriptedNetwork:
    """Hears letter n where samples are about n / 100."""

    seconds_per_frame = FRAME

    def __init__(self, vocabulary: Path) -> None:
        self.alphabet = read_alphabet(vocabulary)

    def log_probs(self, sounds):
        found = []
        for sound in sounds:
            frames = sound[: len(sound) // 320 * 320].reshape(-1, 320).mean(axis=1)
            probs = np.full((len(frames), self.alphabet.size), 1e-3, np.float32)
            probs[np.arange(len(frames)), np.rint(frames * 100).astype(int)] = 0.9
            found.append(np.log(probs))
        return found


class ScriptedAligners:
    def __init__(self, vocabulary: Path) -> None:
        self._network = ScriptedNetwork(vocabulary)

    def of(self, language: str) -> ScriptedNetwork:
        return self._network


@pytest.fixture
def spec(tmp_path: Path) -> AlignerSpec:
    names = ["|", "<pad>", *LETTERS]
    vocabulary = {name: number for number, name in enumerate(names)}
    (tmp_path / "vocab.json").write_text(json.dumps(vocabulary))
    model = AlignerModel(tmp_path, "scripted", "digest")
    return AlignerSpec((("en", model), ("ko", model)))


def spoken_sound(folder: Path, seconds: float, *words: tuple[str, float]) -> Recording:
    """Samples in which each word begins at its time and has three frames a letter."""
    samples = np.zeros(int(seconds * 16_000), np.int16)
    for word, start in words:
        for place, letter in enumerate(word):
            begin = round((start + place * 3 * FRAME) * 16_000)
            samples[begin : begin + 960] = round((LETTERS.index(letter) + 2) / 100 * 32768)
    samples.astype("<i2").tofile(folder / "audio.raw")
    return Recording(Path("call.wav"), "call", folder, FileState("a" * 64, "b", 1, 1))


def inputs(said: list[tuple[float, float, str]], seconds: float, language: str = "en", words=None):
    segments = [Segment(a, b, text, -0.2, 0.0, 1.0, 0.0) for a, b, text in said]
    return Inputs(
        [
            Audio("audio.raw", 16_000, int(seconds * 16_000), 0),
            Speech([Span(0, seconds)], seconds),
            Transcript(language, 0.9, "demo", seconds, seconds, segments),
            WhisperTimes(words or [[] for _ in segments]),
        ]
    )


def aligned(stage: Align, recording: Recording, given: Inputs):
    items, handed = split_of(stage, recording, given)
    found = stage.infer(ScriptedAligners(recording.folder / "vocab.json"), items) if items else []
    return stage.merge(context_of(recording, handed=handed), given, iter(found))


def timed(transcript) -> list[tuple[str, float, float, str]]:
    return [(w.text, w.start, w.end, w.timing) for s in transcript.segments for w in s.words]


def test_words_are_at_the_times_they_are_spoken(spec: AlignerSpec, tmp_path: Path) -> None:
    # proves: V4
    recording = spoken_sound(tmp_path, 6, ("hello", 1.0), ("you", 1.5), ("there", 4.0))
    found = aligned(
        Align(spec), recording, inputs([(0.8, 2.0, "Hello, you!"), (3.9, 4.5, "There.")], 6)
    )
    assert timed(found) == [
        ("Hello,", 1.0, 1.3, "aligned"),
        ("you!", 1.5, 1.68, "aligned"),
        ("There.", 4.0, 4.3, "aligned"),
    ]
    assert [(s.start, s.end, s.text) for s in found.segments] == [
        (1.0, 1.68, "Hello, you!"),
        (4.0, 4.3, "There."),
    ]
    assert found.aligner == "scripted" and found.notes == []
    assert all(w.score > 0.8 for s in found.segments for w in s.words)


def test_numerals_are_aligned_as_spoken_words(spec: AlignerSpec, tmp_path: Path) -> None:
    # proves: V4
    recording = spoken_sound(tmp_path, 4, ("at", 1.0), ("twenty", 1.5), ("one", 1.9), ("now", 3.0))
    found = aligned(Align(spec), recording, inputs([(0.9, 3.3, "at 21 now")], 4))
    assert timed(found) == [
        ("at", 1.0, 1.12, "aligned"),
        ("21", 1.5, 2.08, "aligned"),
        ("now", 3.0, 3.18, "aligned"),
    ]


def test_foreign_words_get_times_and_a_mark(spec: AlignerSpec, tmp_path: Path) -> None:
    # proves: V4
    recording = spoken_sound(tmp_path, 4, ("go", 1.0), ("xyz", 2.0), ("now", 3.0))
    found = aligned(Align(spec), recording, inputs([(0.9, 3.3, "go Привет - now")], 4))
    (first, foreign, dash, last) = timed(found)
    assert first[3] == last[3] == "aligned"
    assert foreign == ("Привет", 2.0, 2.18, "interpolated")
    assert dash[3] == "interpolated" and foreign[2] <= dash[1] <= dash[2] <= last[1]
    assert found.notes == ["2 of 4 words have interpolated times"]


def test_more_text_than_sound_still_gets_times(spec: AlignerSpec, tmp_path: Path) -> None:
    recording = spoken_sound(tmp_path, 0.2, ("a", 0.0))
    text = "far too many words for a fifth of a second"
    found = aligned(Align(spec), recording, inputs([(0.0, 0.2, text)], 0.2))
    words = timed(found)
    assert [word[0] for word in words] == text.split()
    assert {word[3] for word in words} == {"interpolated"}
    edges = [edge for word in words for edge in word[1:3]]
    assert edges == sorted(edges) and edges[-1] <= 0.2


def test_a_language_without_aligner_keeps_whisper_times(spec: AlignerSpec, tmp_path: Path) -> None:
    # proves: V4 G19
    recording = spoken_sound(tmp_path, 4)
    words = [[Word(1.0, 1.5, "bonjour", 0.8, "whisper")]]
    given = inputs([(0.9, 2.0, "bonjour")], 4, "fr", words)
    assert list(Align(spec).split(context_of(recording), given)) == []
    found = aligned(Align(spec), recording, given)
    assert timed(found) == [("bonjour", 1.0, 1.5, "whisper")]
    assert found.aligner is None
    assert found.notes == [
        "no aligner for the language 'fr' is on this machine: word times are Whisper's own"
    ]


def test_no_speech_gives_no_words(spec: AlignerSpec, tmp_path: Path) -> None:
    # proves: S6
    recording = spoken_sound(tmp_path, 1)
    for language in ("en", "und"):
        found = aligned(Align(spec), recording, inputs([], 1, language))
        assert found.segments == [] and found.notes == []


def test_a_batch_of_recordings_gives_the_same_as_one_by_one(
    spec: AlignerSpec, tmp_path: Path
) -> None:
    # proves: G2 V4
    stage, items = Align(spec), []
    for number, word in enumerate(("hello", "there", "no")):
        folder = tmp_path / str(number)
        folder.mkdir()
        recording = spoken_sound(folder, 2 + number, (word, 0.5 + number / 10))
        items += stage.split(context_of(recording), inputs([(0.4, 1.2, word)], 2 + number))
    model = ScriptedAligners(tmp_path / "vocab.json")
    together = stage.infer(model, items)
    for item, one in zip(items, together, strict=True):
        (alone,) = stage.infer(model, [item])
        assert np.array_equal(alone.starts, one.starts) and np.array_equal(alone.ends, one.ends)
    assert [float(one.starts[0]) for one in together] == pytest.approx([0.5, 0.6, 0.7], abs=0.021)
