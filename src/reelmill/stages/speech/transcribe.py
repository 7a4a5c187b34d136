"""Recognition: windows of speech to text, with times of the original."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Protocol

from reelmill.artifacts import Artifact, Audio, Language, Segment, Speech, Transcript
from reelmill.engine.stage import Inputs, ModelStage, StageContext, setting
from reelmill.errors import InputError
from reelmill.models.whisper.decoding import DecodingOptions
from reelmill.models.whisper.features import Float32
from reelmill.models.whisper.languages import LANGUAGES
from reelmill.models.whisper.whisper import DecodedSegment, Whisper, WhisperSpec
from reelmill.stages.speech.windows import OriginalTimes, Pieces, seconds_of, window_features

#: Whisper sometimes times a text past the end of the sound: such a segment gets this long.
_SHORTEST = 0.1
_DECIMALS = 3


@dataclass(frozen=True)
class SpeechWindow:
    """Up to 30 s of speech of one recording.

    `features` has shape (n_mels, up to 3000), float32; `pieces` are the stretches of the
    original it was put together from; cost is in seconds of speech.
    """

    features: Float32
    language: str
    pieces: Pieces

    @property
    def cost(self) -> float:
        return seconds_of(self.pieces)


@dataclass(frozen=True)
class WindowText:
    """What is said in a window, in times of the original."""

    segments: tuple[Segment, ...]


class LanguageCheck(Protocol):
    """What comes after recognition says beforehand which languages are of no use to it."""

    def check(self, language: str) -> None:
        """Raises InputError for such a language (a code of Whisper's)."""


@dataclass(frozen=True)
class Transcribe(ModelStage[SpeechWindow, WindowText]):
    """Whisper over the speech of a recording; windows without speech give no text.

    Raises:
        InputError: the language is not one of Whisper's, or `usable` refuses it.
    """

    name: ClassVar[str] = "transcribe"
    version: ClassVar[int] = 1
    display_name = "Recognizing speech"
    commands = ("voice", "subtitle")
    models = ("model",)
    needs = (Audio, Speech, Language)
    produces: ClassVar[type[Artifact]] = Transcript

    model: WhisperSpec
    options: DecodingOptions = field(default_factory=DecodingOptions)
    usable: LanguageCheck | None = setting(None, affects_result=False)

    def split(self, context: StageContext, inputs: Inputs) -> Iterator[SpeechWindow]:
        language = inputs[Language].code
        if inputs[Speech].spans and language not in LANGUAGES:
            raise InputError(
                f"Whisper has no language {language!r}; give one of {', '.join(LANGUAGES)}"
            )
        if inputs[Speech].spans and self.usable is not None:
            self.usable.check(language)
        cut = window_features(context.recording, inputs[Audio], inputs[Speech], self.model)
        for pieces, features in cut:
            yield SpeechWindow(features, language, pieces)

    def infer(self, model: Whisper, batch: Sequence[SpeechWindow]) -> list[WindowText]:
        decoded = model.decode(
            [item.features for item in batch], [item.language for item in batch], self.options
        )
        return [
            WindowText(tuple(in_original(window.segments, item.pieces)))
            for item, window in zip(batch, decoded, strict=True)
        ]

    def merge(
        self, context: StageContext, inputs: Inputs, outputs: Iterator[WindowText]
    ) -> Transcript:
        language, speech = inputs[Language], inputs[Speech]
        return Transcript(
            language=language.code,
            language_probability=language.probability,
            model=self.model.name,
            duration=speech.duration,
            speech_seconds=speech.seconds,
            segments=[segment for window in outputs for segment in window.segments],
            findings=inputs[Audio].problems,
        )


def in_original(segments: Sequence[DecodedSegment], pieces: Pieces) -> Iterator[Segment]:
    """Segments of a window with times of the original: inside the pieces, in order, no overlap."""
    times = OriginalTimes(pieces)
    reached = 0.0
    for segment in segments:
        end = min(max(segment.end, reached), times.duration)
        start = max(reached, min(segment.start, end - _SHORTEST))
        if end - start < _SHORTEST / 2:
            continue  # wholly past the sound: the text of nothing
        reached = end
        yield Segment(
            start=round(times.start(start), _DECIMALS),
            end=round(times.end(end), _DECIMALS),
            text=segment.text,
            avg_logprob=segment.avg_logprob,
            no_speech_prob=segment.no_speech_prob,
            compression_ratio=segment.compression_ratio,
            temperature=segment.temperature,
        )
