"""AlignByWhisperX: a time for each word, by WhisperX's aligners."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from reelmill.artifacts import AlignedTranscript, Artifact, Audio, Segment, Transcript
from reelmill.engine.stage import Inputs, ModelStage, StageContext
from reelmill.models.whisperx.whisperx import (
    AlignedSegment,
    Aligner,
    HeardSegment,
    WhisperXAlignerSpec,
)
from reelmill.stages.media.full_audio import TIMEOUT_PER_COST, WholeSound
from reelmill.stages.speech.transcribe_whisperx import segment_of
from reelmill.stages.words.words import TimedText, split_words, timed_words


@dataclass(frozen=True)
class WordsToAlign(WholeSound):
    """A recording and what is said in it."""

    language: str
    segments: tuple[HeardSegment, ...]


@dataclass(frozen=True)
class Aligned:
    """Sentences with words; `why_not`: why there are none."""

    segments: tuple[AlignedSegment, ...]
    why_not: str | None = None


@dataclass(frozen=True)
class AlignByWhisperX(ModelStage[WordsToAlign, Aligned]):
    """WhisperX's words and sentences. A word that it gave no time lies between its neighbours."""

    name: ClassVar[str] = "align-whisperx"
    version: ClassVar[int] = 1
    display_name = "Timing words with WhisperX"
    commands = ("voice",)
    models = ("aligner",)
    enabled_by = ("engine", "whisperx")
    needs = (Audio, Transcript)
    produces: ClassVar[type[Artifact]] = AlignedTranscript
    max_batch_size: ClassVar[int | None] = 1
    timeout_per_cost: ClassVar[float] = TIMEOUT_PER_COST

    model: WhisperXAlignerSpec

    def split(self, context: StageContext, inputs: Inputs) -> Iterator[WordsToAlign]:
        transcript = inputs[Transcript]
        if not transcript.segments:
            return
        given = tuple(
            HeardSegment(one.start, one.end, one.text, one.avg_logprob)
            for one in transcript.segments
        )
        yield WordsToAlign(str(context.folder), inputs[Audio], transcript.language, given)

    def infer(self, model: Aligner, batch: Sequence[WordsToAlign]) -> list[Aligned]:
        return [_align(model, item) for item in batch]

    def merge(
        self, context: StageContext, inputs: Inputs, outputs: Iterator[Aligned]
    ) -> AlignedTranscript:
        transcript = inputs[Transcript]
        aligned = next(outputs, Aligned(()))
        segments = transcript.segments
        notes = []
        if aligned.why_not is not None:
            notes.append(
                f"words have no times: WhisperX has no aligner for {transcript.language!r} "
                f"here ({aligned.why_not}); give one with --aligner, or run again with --fresh "
                "once it can be fetched"
            )
        elif transcript.segments:
            segments = sentences(aligned.segments, transcript.language, transcript.duration)
        return AlignedTranscript(
            **{**vars(transcript), "segments": segments},
            aligner=None
            if aligned.why_not
            else f"{self.model.name} (WhisperX {self.model.version})",
            notes=notes,
        )


def _align(model: Aligner, item: WordsToAlign) -> Aligned:
    why_not = model.why_not(item.language)
    if why_not is not None:
        return Aligned((), why_not)
    return Aligned(tuple(model.align(item.read(), item.language, item.segments)))


def sentences(found: Sequence[AlignedSegment], language: str, duration: float) -> list[Segment]:
    """WhisperX's sentences as segments: in order, not overlapping, words inside."""
    segments: list[Segment] = []
    reached = 0.0
    for one in sorted(found, key=lambda sentence: sentence.start):
        start = min(max(one.start, reached), duration)
        end = min(max(one.end, start), duration)
        segment = segment_of(start, end, one.text, one.avg_logprob)
        words = [
            TimedText(word.text, *_times(word.start, word.end), word.score, "aligned")
            for word in one.words
        ] or [TimedText(text) for text in split_words(one.text, language)]
        segments.append(replace(segment, words=timed_words(words, start, end)))
        reached = end
    return segments


def _times(start: float | None, end: float | None) -> tuple[float | None, float | None]:
    """A word's times; None twice where WhisperX has none or is not sure of one of them."""
    if start is None or end is None or math.isnan(start) or math.isnan(end):
        return None, None
    return start, end
