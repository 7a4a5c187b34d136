"""AlignByWhisperX: a time for each word, by WhisperX's aligners."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from reelmill.artifacts import AlignedTranscript, Artifact, Audio, Segment, Speech, Transcript
from reelmill.artifacts.speech import in_time_order
from reelmill.engine.stage import Inputs, ModelStage, StageContext
from reelmill.models.whisperx.whisperx import (
    AlignedSegment,
    Aligner,
    HeardSegment,
    WhisperXAlignerSpec,
)
from reelmill.stages.media.full_audio import TIMEOUT_PER_COST, WholeSound
from reelmill.stages.speech.transcribe_whisperx import segment_of
from reelmill.stages.words.in_speech import of_others_kept_to_speech
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
    """WhisperX's words and sentences, kept to speech. A word that it gave no time lies between its
    neighbours."""

    name: ClassVar[str] = "align-whisperx"
    version: ClassVar[int] = 3
    display_name = "Timing words with WhisperX"
    commands = ("voice", "faces")
    models = ("aligner",)
    enabled_by = ("engine", "whisperx")
    needs = (Audio, Speech, Transcript)
    produces: ClassVar[type[Artifact]] = AlignedTranscript
    max_batch_size: ClassVar[int | None] = 1
    timeout_per_cost: ClassVar[float] = TIMEOUT_PER_COST

    model: WhisperXAlignerSpec

    def split(self, context: StageContext, inputs: Inputs) -> Iterator[WordsToAlign]:
        transcript = inputs[Transcript]
        for channel, audio in inputs[Audio].sounds():
            given = tuple(
                HeardSegment(one.start, one.end, one.text, one.avg_logprob)
                for one in transcript.segments
                if one.channel == channel
            )
            if given:
                yield WordsToAlign(str(context.folder), audio, transcript.language, given)

    @property
    def inferring(self) -> Any:
        return ()

    def infer(self, model: Aligner, batch: Sequence[WordsToAlign]) -> list[Aligned]:
        return [_align(model, item) for item in batch]

    def merge(
        self, context: StageContext, inputs: Inputs, outputs: Iterator[Aligned]
    ) -> AlignedTranscript:
        transcript = inputs[Transcript]
        found: list[Segment] = []
        why_not = None
        for channel, _ in inputs[Audio].sounds():
            given = [one for one in transcript.segments if one.channel == channel]
            aligned = next(outputs) if given else Aligned(())
            why_not = why_not or aligned.why_not
            if aligned.why_not is None:
                given = sentences(aligned.segments, transcript.language, transcript.duration)
            found += [replace(one, channel=channel, speaker=channel) for one in given]
        notes = []
        if why_not is not None:
            notes.append(
                f"words have no times: WhisperX has no aligner for {transcript.language!r} "
                f"here ({why_not}); give one with --aligner, or run again with --fresh once it "
                "can be downloaded"
            )
        return AlignedTranscript(
            **{**vars(transcript), "segments": self._kept(in_time_order(found), inputs[Speech])},
            aligner=None if why_not else f"{self.model.name} (WhisperX {self.model.version})",
            notes=notes,
        )

    @staticmethod
    def _kept(segments: list[Segment], speech: Speech) -> list[Segment]:
        """Segments whose words cover no pause that our speech detector leaves out."""
        if not any(segment.words for segment in segments):
            return segments
        return of_others_kept_to_speech(segments, speech)


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
