"""Word times by forced alignment: the text is known, and an acoustic model finds where it is
spoken."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from reelmill.artifacts import (
    AlignedTranscript,
    Artifact,
    Audio,
    Segment,
    Span,
    Speech,
    Transcript,
    WhisperTimes,
    WordTiming,
)
from reelmill.core.arrays import Float32, Float64
from reelmill.engine.stage import Inputs, ModelStage, StageContext
from reelmill.media.audio.samples import open_samples, window
from reelmill.models.alignment.spelling import ANY
from reelmill.models.alignment.trellis import Spelled, align, spell_words
from reelmill.models.alignment.wav2vec2 import Aligners, AlignerSpec
from reelmill.stages.speech.windows import OriginalTimes, Pieces, seconds_of
from reelmill.stages.words.align_windows import AlignStretch, stretches
from reelmill.stages.words.in_speech import channels_kept_to_speech
from reelmill.stages.words.verbalize import normalize_text
from reelmill.stages.words.words import TimedText, split_words, timed_words

#: A word to be timed: the number of its segment, its text, and how it is timed if found.
AskedWord = tuple[int, str, WordTiming]


@dataclass(frozen=True)
class AlignItem:
    """Some seconds of speech and what is said in it.

    `samples` is mono at 16 kHz, float32; `text` its words in the aligner's letters, `words` how
    many they are; cost is in seconds of speech.
    """

    samples: Float32
    language: str
    text: Spelled
    words: int
    pieces: Pieces

    @property
    def cost(self) -> float:
        return seconds_of(self.pieces)


@dataclass(frozen=True)
class FoundWords:
    """Start and end of each word in seconds of the original (NaN: not found), and its score."""

    starts: Float64
    ends: Float64
    scores: Float32


@dataclass(frozen=True)
class Align(ModelStage[AlignItem, FoundWords]):
    """Times every word of a transcript, and adjusts the segments' times to them.

    Words with letters that the model lacks are placed where any letters are heard between their
    neighbours (`interpolated`). A language without an aligner keeps Whisper's own word times.
    """

    name: ClassVar[str] = "align"
    version: ClassVar[int] = 6
    display_name = "Timing words"
    commands = ("voice", "subtitle", "faces")
    models = ("model", "aligner")
    needs = (
        Audio,
        Speech,
        Transcript,
        WhisperTimes,
    )
    produces: ClassVar[type[Artifact]] = AlignedTranscript

    model: AlignerSpec
    #: What is unavailable in this run, in plain words. Shown with every transcript.
    notes: tuple[str, ...] = ()

    def split(
        self, context: StageContext, inputs: Inputs
    ) -> Generator[AlignItem, None, list[list[AskedWord]]]:
        transcript = inputs[Transcript]
        asked: list[list[AskedWord]] = []
        for channel, audio in inputs[Audio].sounds():
            said = [(n, one) for n, one in enumerate(transcript.segments) if one.channel == channel]
            samples = open_samples(context.folder, audio) if said else None
            spans = inputs[Speech].of(channel).spans
            for stretch, language in self._stretches(transcript, [one for _, one in said], spans):
                assert samples is not None
                alphabet = self.model.model_for(language).alphabet  # type: ignore[union-attr]
                words = _words_of(said[stretch.first : stretch.after], language)
                spelled = [alphabet.spell(normalize_text(word, language)) for _, word in words]
                timings = [_timing(letters) for letters in spelled]
                asked.append([(*word, how) for word, how in zip(words, timings, strict=True)])
                sound = np.concatenate([window(samples, *piece) for piece in stretch.pieces])
                text = spell_words([_any_once(letters) for letters in spelled])
                yield AlignItem(sound, language, text, len(words), stretch.pieces)
        return asked

    def _stretches(
        self, transcript: Transcript, segments: Sequence[Segment], spans: Sequence[Span]
    ) -> Iterator[tuple[AlignStretch, str]]:
        """Stretches in languages that have an aligner, each in a single language."""
        first = 0
        for language, group in groupby(segments, key=transcript.language_of):
            count = len(list(group))
            if self.model.model_for(language) is not None:
                for stretch in stretches(segments, spans, first, first + count):
                    yield stretch, language
            first += count

    @property
    def inferring(self) -> Any:
        return ()

    def infer(self, model: Aligners, batch: Sequence[AlignItem]) -> list[FoundWords]:
        found: dict[int, FoundWords] = {}
        for language in {item.language for item in batch}:
            rows = [row for row, item in enumerate(batch) if item.language == language]
            items = [batch[row] for row in rows]
            network = model.of(language)
            frames = align(
                network.log_probs([item.samples for item in items]),
                [item.text for item in items],
                [item.words for item in items],
                network.alphabet,
            )
            for row, item, one in zip(rows, items, frames, strict=True):
                times = OriginalTimes(item.pieces)
                found[row] = FoundWords(
                    _seconds(one.first, network.seconds_per_frame, times.start),
                    _seconds(one.after, network.seconds_per_frame, times.end),
                    one.score,
                )
        return [found[row] for row in range(len(batch))]

    def merge(
        self, context: StageContext, inputs: Inputs, outputs: Iterator[FoundWords]
    ) -> AlignedTranscript:
        transcript = inputs[Transcript]
        notes = [*self.notes, *self._without_aligner(transcript)]
        segments = [
            replace(segment, words=list(words))
            for segment, words in zip(transcript.segments, inputs[WhisperTimes].words, strict=True)
        ]
        segments = _aligned(segments, (context.handed and context.handed[0]) or [], outputs)
        segments = channels_kept_to_speech(segments, inputs[Speech])
        notes += _remarks(segments)
        used = (self.model.model_for(transcript.language_of(segment)) for segment in segments)
        aligner = self.model.model_for(transcript.language) or next(filter(None, used), None)
        return AlignedTranscript(
            **{**vars(transcript), "segments": segments},
            aligner=None if aligner is None else aligner.label,
            notes=notes,
        )

    def _without_aligner(self, transcript: Transcript) -> list[str]:
        """A note on languages without an aligner, if others have one."""
        if self.notes or not self.model.models:
            return []
        languages = dict.fromkeys(map(transcript.language_of, transcript.segments))
        return [
            f"no aligner for the language {language!r} is on this machine: word times are "
            "Whisper's own"
            for language in languages
            if self.model.model_for(language) is None
        ]


def _words_of(segments: Sequence[tuple[int, Segment]], language: str) -> list[tuple[int, str]]:
    """The words of numbered segments, each with its segment's number."""
    return [
        (number, word)
        for number, segment in segments
        for word in split_words(segment.text, language)
    ]


def _any_once(letters: list[int]) -> list[int]:
    """A word's letters; ANY once for a word of which the alphabet has none."""
    return [ANY] if letters and all(letter == ANY for letter in letters) else letters


def _timing(letters: list[int]) -> WordTiming:
    """How a word is timed. If the alphabet has less than half of it, it is interpolated."""
    known = sum(letter != ANY for letter in letters)
    return "aligned" if 2 * known >= len(letters) else "interpolated"


def _seconds(
    frames: npt.NDArray[np.int32], seconds_per_frame: float, of: Callable[[float], float]
) -> Float64:
    return np.array([of(frame * seconds_per_frame) if frame >= 0 else np.nan for frame in frames])


def _aligned(
    whole: Sequence[Segment], asked: Sequence[Sequence[AskedWord]], outputs: Iterator[FoundWords]
) -> list[Segment]:
    """The segments with the words found in each stretch."""
    segments = list(whole)
    for of_stretch in asked:
        found = next(outputs)
        words: dict[int, list[TimedText]] = {}
        for index, (number, word, timing) in enumerate(of_stretch):
            words.setdefault(number, []).append(_timed(word, timing, found, index))
        earliest = 0.0
        for number, of_segment in words.items():
            segment = segments[number]
            segments[number] = placed = _placed(segment, of_segment, earliest)
            earliest = placed.end
    return segments


def _timed(word: str, timing: WordTiming, found: FoundWords, index: int) -> TimedText:
    start, end = float(found.starts[index]), float(found.ends[index])
    if np.isnan(start):
        return TimedText(word)
    return TimedText(word, start, end, float(found.scores[index]), timing)


def _placed(segment: Segment, words: list[TimedText], earliest: float) -> Segment:
    """A segment from its first to its last word; unchanged if no word was found."""
    found = [word for word in words if word.start is not None and word.end is not None]
    start, end = max(segment.start, earliest), max(segment.end, earliest)
    if found:
        first, last = found[0].start or 0.0, found[-1].end or 0.0
        # A first or last word without a time needs room within the recognizer's times.
        start = max(earliest, first if words[0].start is not None else min(first, start))
        end = max(start, last)
    timed = timed_words(words, start, end)
    return replace(segment, start=timed[0].start, end=timed[-1].end, words=timed)


def _remarks(segments: Sequence[Segment]) -> list[str]:
    """What a reader of the times should know."""
    kinds = Counter(word.timing for segment in segments for word in segment.words)
    total, estimated = sum(kinds.values()), kinds["interpolated"]
    if not estimated:
        return []
    return [f"{estimated} of {total} words have interpolated times"]
