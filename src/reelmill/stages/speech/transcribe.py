"""Recognition: windows of speech to text, with times of the original."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate, pairwise
from typing import ClassVar, Protocol

from reelmill.artifacts import Artifact, Audio, Language, Segment, Speech, Transcript
from reelmill.engine.stage import Inputs, ModelStage, StageContext, setting
from reelmill.errors import InputError
from reelmill.models.whisper.decoding import DecodingOptions
from reelmill.models.whisper.features import Float32
from reelmill.models.whisper.languages import LANGUAGES
from reelmill.models.whisper.whisper import DecodedSegment, Whisper, WhisperSpec
from reelmill.stages.speech.empty import empty_result
from reelmill.stages.speech.windows import (
    OriginalTimes,
    Pieces,
    joined_pieces,
    seconds_of,
    window_features,
)
from reelmill.stages.words.words import cut_text, split_words

#: Whisper sometimes times a text past the end of the sound: such a segment gets this long.
_SHORTEST = 0.1
#: Seconds of speech at an end of a segment, before or after a pause, that are hardly its words.
_FEW_WORDS = 0.3
_DECIMALS = 3


@dataclass(frozen=True)
class SpeechWindow:
    """Up to 30 s of speech of one recording.

    `features` has shape (n_mels, up to 3000), float32; `pieces` are the stretches of the
    original it was put together from, each with `padding` seconds before and after the speech;
    cost is in seconds of speech.
    """

    features: Float32
    language: str
    pieces: Pieces
    padding: float = 0.0

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

    `cut_at_pauses`: segments over a pause that was cut out are cut there by the length of their
    text; for pipelines in which no later stage knows where their words are.

    Raises:
        InputError: the language is not one of Whisper's, or `usable` refuses it.
    """

    name: ClassVar[str] = "transcribe"
    version: ClassVar[int] = 3
    display_name = "Recognizing speech"
    commands = ("voice", "subtitle")
    models = ("model",)
    needs = (Audio, Speech, Language)
    produces: ClassVar[type[Artifact]] = Transcript

    model: WhisperSpec
    options: DecodingOptions = field(default_factory=DecodingOptions)
    cut_at_pauses: bool = False
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
            yield SpeechWindow(features, language, pieces, inputs[Speech].padding)

    def infer(self, model: Whisper, batch: Sequence[SpeechWindow]) -> list[WindowText]:
        decoded = model.decode(
            [item.features for item in batch], [item.language for item in batch], self.options
        )
        return [
            WindowText(tuple(self._in_original(window.segments, item)))
            for item, window in zip(batch, decoded, strict=True)
        ]

    def _in_original(
        self, segments: Sequence[DecodedSegment], item: SpeechWindow
    ) -> Iterator[Segment]:
        if self.cut_at_pauses:
            segments = list(cut_by_length(segments, item.pieces, item.language, item.padding))
        return in_original(segments, item.pieces, item.padding)

    def merge(
        self, context: StageContext, inputs: Inputs, outputs: Iterator[WindowText]
    ) -> Transcript:
        language, speech = inputs[Language], inputs[Speech]
        segments = [segment for window in outputs for segment in window.segments]
        return Transcript(
            language=language.code,
            language_probability=language.probability,
            model=self.model.name,
            duration=speech.duration,
            speech_seconds=speech.seconds,
            segments=segments,
            findings=[*inputs[Audio].problems, *empty_result(speech.seconds, segments)],
        )


def in_original(
    segments: Sequence[DecodedSegment], pieces: Pieces, padding: float = 0.0
) -> Iterator[Segment]:
    """Segments of a window with times of the original: inside the pieces, in order, no overlap.

    A segment that only has the `padding` of a piece at one of its ends does not reach over the
    pause to it.
    """
    times = OriginalTimes(pieces)
    reached = 0.0
    for segment in segments:
        end = min(max(segment.end, reached), times.duration)
        start = max(reached, min(segment.start, end - _SHORTEST))
        if end - start < _SHORTEST / 2:
            continue  # wholly past the sound: the text of nothing
        reached = end
        start, end = times.without_slivers(start, end, padding + _SHORTEST)
        yield Segment(
            start=round(times.start(start), _DECIMALS),
            end=round(times.end(end), _DECIMALS),
            text=segment.text,
            avg_logprob=segment.avg_logprob,
            no_speech_prob=segment.no_speech_prob,
            compression_ratio=segment.compression_ratio,
            temperature=segment.temperature,
        )


def cut_by_length(
    segments: Sequence[DecodedSegment], pieces: Pieces, language: str, padding: float = 0.0
) -> Iterator[DecodedSegment]:
    """Segments cut at the pauses they reach over, their words shared out by length of text.

    What a segment has of a piece at one of its ends is given no words where it is little more than
    `padding`: Whisper begins a segment where the one before ended, before the pause.
    """
    times = OriginalTimes(tuple(joined_pieces(pieces)))
    for whole in segments:
        start, end = times.without_slivers(
            whole.start, min(whole.end, times.duration), padding + _FEW_WORDS
        )
        segment = replace(whole, start=start, end=end)
        borders = [start, *(border for border in times.ends if start < border < end), end]
        words = split_words(segment.text, language)
        if len(borders) == 2 or not words:
            yield segment
            continue
        sides = _shared_out(words, borders)
        texts = cut_text(segment.text, [words for words, _, _ in sides])
        for (_, start, end), text in zip(sides, texts, strict=True):
            yield replace(segment, start=start, end=end, text=text)


def _shared_out(
    words: Sequence[str], borders: Sequence[float]
) -> list[tuple[list[str], float, float]]:
    """The words between two borders each, by their middles in the text; none without words."""
    ends = list(accumulate(len(word) for word in words))
    per_letter = (borders[-1] - borders[0]) / ends[-1]
    sides: list[list[str]] = [[] for _ in borders[1:]]
    for word, end in zip(words, ends, strict=True):
        middle = borders[0] + per_letter * (end - len(word) / 2)
        sides[min(bisect_right(borders, middle), len(sides)) - 1].append(word)
    return [
        (side, start, end)
        for side, (start, end) in zip(sides, pairwise(borders), strict=True)
        if side
    ]
