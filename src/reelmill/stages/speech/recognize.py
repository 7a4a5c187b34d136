"""Recognition: from windows of speech to text, with times of the original."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate, pairwise
from typing import Any, ClassVar

from reelmill.artifacts import (
    Artifact,
    Audio,
    Recognition,
    RecognizedWindow,
    Segment,
    Span,
    Speech,
)
from reelmill.core.arrays import Float32
from reelmill.core.word_places import cut_text
from reelmill.engine.stage import Inputs, ModelStage, StageContext
from reelmill.errors import InputError
from reelmill.models.whisper.decoded import DecodedSegment
from reelmill.models.whisper.decoding import DecodingOptions
from reelmill.models.whisper.languages import LANGUAGES
from reelmill.models.whisper.spec import WhisperSpec
from reelmill.models.whisper.whisper import Whisper
from reelmill.stages.speech.windows import (
    OriginalTimes,
    Pieces,
    joined_pieces,
    seconds_of,
    window_features,
)
from reelmill.stages.words.attention_words import words_of
from reelmill.stages.words.words import split_words

#: Whisper sometimes times a text past the end of the audio. Such a segment gets this length.
_SHORTEST = 0.1
#: This much speech at an end of a segment, before or after a pause, hardly contains its words.
_FEW_WORDS = 0.3
_DECIMALS = 3


@dataclass(frozen=True)
class SpeechWindow:
    """Up to 30 s of speech of one recording.

    `features` has shape (n_mels, up to 3000), float32; `languages` are those it may be in, any if
    there are none; `pieces` are the stretches of the original it was put together from, each with
    `padding` seconds before and after the speech; `channel` has it, where channels are recognized
    each on its own; `said` is what was said around it, if it is heard with that; cost is in seconds
    of speech.
    """

    features: Float32
    languages: tuple[str, ...]
    pieces: Pieces
    padding: float = 0.0
    channel: str | None = None
    said: str = ""

    @property
    def cost(self) -> float:
        return seconds_of(self.pieces)


@dataclass(frozen=True)
class Recognize(ModelStage[SpeechWindow, RecognizedWindow]):
    """Whisper over the speech of a recording; windows without speech give no text.

    Each window is in the likeliest of `languages` (of all, if there are none), whatever is spoken
    in the others: `Transcribe` sees them all and has the last word.

    `cut_at_pauses`: segments over a pause that was cut out are cut there by the length of their
    text; for pipelines in which no later stage knows where their words are.

    Raises:
        InputError: a language is not one of Whisper's.
    """

    name: ClassVar[str] = "recognize"
    version: ClassVar[int] = 7
    display_name = "Recognizing speech"
    commands = ("voice", "subtitle", "faces")
    models = ("model",)
    needs = (Audio, Speech)
    produces: ClassVar[type[Artifact]] = Recognition
    previewed: ClassVar[bool] = True

    model: WhisperSpec
    languages: tuple[str, ...] = ()
    options: DecodingOptions = field(default_factory=DecodingOptions)
    cut_at_pauses: bool = False

    def split(self, context: StageContext, inputs: Inputs) -> Iterator[SpeechWindow]:
        check_languages(self.languages)
        for channel, audio in inputs[Audio].sounds():
            speech = inputs[Speech].of(channel)
            cut = window_features(context.recording, audio, speech, self.model)
            for pieces, features in cut:
                yield SpeechWindow(features, self.languages, pieces, speech.padding, channel)

    @property
    def inferring(self) -> Any:
        return (self.options, self.cut_at_pauses)

    def infer(self, model: Whisper, batch: Sequence[SpeechWindow]) -> list[RecognizedWindow]:
        return recognized(model, batch, self.options, self.cut_at_pauses)

    def merge(
        self, context: StageContext, inputs: Inputs, outputs: Iterator[RecognizedWindow]
    ) -> Recognition:
        return Recognition(list(outputs))


def check_languages(languages: Sequence[str]) -> None:
    """Raise InputError for a language that is not one of Whisper's."""
    for language in languages:
        if language not in LANGUAGES:
            raise InputError(
                f"Whisper has no language {language!r}; give one of {', '.join(LANGUAGES)}"
            )


def recognized(
    model: Whisper, batch: Sequence[SpeechWindow], options: DecodingOptions, cut_at_pauses: bool
) -> list[RecognizedWindow]:
    """The model's output for windows, in times of the original."""
    decoded = model.decode(
        [item.features for item in batch],
        [item.languages for item in batch],
        options,
        [item.said for item in batch],
    )
    found = []
    for item, window in zip(batch, decoded, strict=True):
        segments: Sequence[DecodedSegment] = window.segments
        if cut_at_pauses:
            written = options.language_of(window.language)
            segments = list(cut_by_length(segments, item.pieces, written, item.padding))
        found.append(
            RecognizedWindow(
                [Span(*piece) for piece in item.pieces],
                window.language,
                window.languages,
                list(
                    in_original(
                        segments,
                        item.pieces,
                        item.padding,
                        None if cut_at_pauses else window.language,
                    )
                ),
                item.channel,
            )
        )
    return found


def in_original(
    segments: Sequence[DecodedSegment],
    pieces: Pieces,
    padding: float = 0.0,
    language: str | None = None,
) -> Iterator[Segment]:
    """Segments of a window with times of the original: inside the pieces, in order, no overlap.

    A segment that only has the `padding` of a piece at one of its ends does not reach over the
    pause to it. With a `language`, segments have their words, where the recognizer has timed them.
    """
    times = OriginalTimes(pieces)
    reached = 0.0
    for segment in segments:
        end = min(max(segment.end, reached), times.duration)
        start = max(reached, min(segment.start, end - _SHORTEST))
        if end - start < _SHORTEST / 2:
            continue  # entirely past the audio: text without any speech
        reached = end
        start, end = times.without_slivers(start, end, padding + _SHORTEST)
        found = Segment(
            start=round(times.start(start), _DECIMALS),
            end=round(times.end(end), _DECIMALS),
            text=segment.text,
            avg_logprob=segment.avg_logprob,
            no_speech_prob=segment.no_speech_prob,
            compression_ratio=segment.compression_ratio,
            temperature=segment.temperature,
        )
        if language is not None and segment.tokens is not None:
            found.words = words_of(found, segment.text, language, segment.tokens, times)
        yield found


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
    """The words between each two borders, by their middles in the text; none without words."""
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
