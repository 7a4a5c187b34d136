"""TranscribeByWhisperX: from recordings to text with WhisperX's detector and recognizer."""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from reelmill.artifacts import Artifact, Audio, Segment, Transcript
from reelmill.artifacts.speech import in_time_order
from reelmill.engine.stage import Inputs, ModelStage, StageContext
from reelmill.models.whisper.languages import UNDETERMINED
from reelmill.models.whisperx.whisperx import Heard, HeardSegment, Recognizer, WhisperXSpec
from reelmill.stages.media.full_audio import TIMEOUT_PER_COST, WholeSound, whole_sound
from reelmill.stages.speech.empty import empty_result


@dataclass(frozen=True)
class TranscribeByWhisperX(ModelStage[WholeSound, Heard]):
    """A recording at a time, as the library has it, or a channel where each has a person.
    `language` None: detected by it.

    WhisperX does not tell how sure it is of a language or of silence: those figures are NaN.
    """

    name: ClassVar[str] = "transcribe-whisperx"
    version: ClassVar[int] = 2
    display_name = "Recognizing speech with WhisperX"
    commands = ("voice", "faces")
    models = ("model",)
    enabled_by = ("engine", "whisperx")
    needs = (Audio,)
    produces: ClassVar[type[Artifact]] = Transcript
    max_batch_size: ClassVar[int | None] = 1
    timeout_per_cost: ClassVar[float] = TIMEOUT_PER_COST

    model: WhisperXSpec
    language: str | None = None

    def split(self, context: StageContext, inputs: Inputs) -> Iterator[WholeSound]:
        for _, audio in inputs[Audio].sounds():
            sound = whole_sound(context.recording, audio)
            if sound.cost > 0:
                yield sound

    @property
    def inferring(self) -> Any:
        return self.language

    def infer(self, model: Recognizer, batch: Sequence[WholeSound]) -> list[Heard]:
        return [model.transcribe(item.read(), self.language) for item in batch]

    def merge(self, context: StageContext, inputs: Inputs, outputs: Iterator[Heard]) -> Transcript:
        duration = inputs[Audio].samples / inputs[Audio].sample_rate
        nothing = Heard(self.language or UNDETERMINED, ())
        found: list[Segment] = []
        language = self.language or UNDETERMINED
        for channel, _ in inputs[Audio].sounds():
            heard = next(outputs, nothing)
            segments = list(as_segments(heard.segments, duration))
            if segments and not found:
                language = heard.language
            found += [replace(segment, channel=channel, speaker=channel) for segment in segments]
        segments = in_time_order(found)
        speech_seconds = sum(segment.end - segment.start for segment in segments)
        return Transcript(
            language=language,
            language_probability=1.0 if self.language else math.nan if segments else 0.0,
            model=f"{self.model.name} (WhisperX {self.model.version})",
            duration=duration,
            speech_seconds=speech_seconds,
            segments=segments,
            findings=[*inputs[Audio].problems, *empty_result(speech_seconds, segments)],
        )


def as_segments(heard: Sequence[HeardSegment], duration: float) -> Iterator[Segment]:
    """WhisperX's segments as ours, within the recording, without those that have no text."""
    for one in heard:
        start, end = max(0.0, one.start), min(one.end, duration)
        if one.text.strip() and end > start:
            yield segment_of(start, end, one.text, one.avg_logprob)


def segment_of(start: float, end: float, text: str, avg_logprob: float | None) -> Segment:
    """WhisperX uses beam search, always at temperature 0."""
    raw = text.encode("utf-8")
    return Segment(
        start=round(start, 3),
        end=round(end, 3),
        text=text,
        avg_logprob=math.nan if avg_logprob is None else avg_logprob,
        no_speech_prob=math.nan,
        compression_ratio=len(raw) / len(zlib.compress(raw)),
        temperature=0.0,
    )
