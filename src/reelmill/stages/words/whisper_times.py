"""Whisper's own word times, for languages that have no aligner."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from reelmill.artifacts import (
    Artifact,
    Audio,
    Segment,
    Speech,
    Transcript,
    WhisperTimes,
    Word,
)
from reelmill.core.arrays import Float32
from reelmill.core.text import UNSPACED
from reelmill.engine.stage import Inputs, ModelStage, StageContext, exactly
from reelmill.models.whisper.decoded import TextTokens
from reelmill.models.whisper.spec import WhisperSpec
from reelmill.models.whisper.whisper import Whisper
from reelmill.stages.speech.windows import OriginalTimes, Pieces, seconds_of, window_features
from reelmill.stages.words.attention_words import words_of


@dataclass(frozen=True)
class TextWindow:
    """A window of speech and the segments of one language that were recognized in it, with their
    numbers in the transcript.

    `features` has shape (n_mels, up to 3000), float32; cost is in seconds of speech.
    """

    features: Float32
    language: str
    segments: tuple[Segment, ...]
    pieces: Pieces
    numbers: tuple[int, ...]

    @property
    def cost(self) -> float:
        return seconds_of(self.pieces)


@dataclass(frozen=True)
class WindowWords:
    """Of each segment of a window its number and its words, in times of the original."""

    numbers: tuple[int, ...]
    words: tuple[tuple[Word, ...], ...]


@dataclass(frozen=True)
class TimeByWhisper(ModelStage[TextWindow, WindowWords]):
    """Asks the recognizer, which is loaded anyway, where it attended when it wrote each word.

    Segments whose words recognition has timed keep these. Languages in `aligned` are skipped,
    because an aligner times their words better.
    """

    name: ClassVar[str] = "whisper-times"
    version: ClassVar[int] = 3
    display_name = "Timing words with Whisper"
    commands = ("voice", "subtitle", "faces")
    models = ("model", "aligner")
    needs = (Audio, Speech, exactly(Transcript))
    produces: ClassVar[type[Artifact]] = WhisperTimes

    model: WhisperSpec
    aligned: tuple[str, ...] = ()

    def split(self, context: StageContext, inputs: Inputs) -> Iterator[TextWindow]:
        transcript = inputs[Transcript]
        segments = list(enumerate(transcript.segments))
        if all(self._is_timed(transcript, segment) for _, segment in segments):
            return
        for channel, audio in inputs[Audio].sounds():
            waiting = [(number, one) for number, one in segments if one.channel == channel]
            speech = inputs[Speech].of(channel)
            cut = window_features(context.recording, audio, speech, self.model)
            for pieces, features in cut:
                inside: dict[str, list[tuple[int, Segment]]] = {}
                while waiting and _middle(waiting[0][1]) <= pieces[-1][1]:
                    number, segment = waiting.pop(0)
                    if not self._is_timed(transcript, segment):
                        language = transcript.language_of(segment)
                        inside.setdefault(language, []).append((number, segment))
                for language, said in inside.items():
                    numbers, texts = zip(*said, strict=True)
                    yield TextWindow(features, language, texts, pieces, numbers)

    def _is_timed(self, transcript: Transcript, segment: Segment) -> bool:
        """Whether recognition has timed a segment's words, or an aligner will."""
        return bool(segment.words) or transcript.language_of(segment) in self.aligned

    @property
    def inferring(self) -> Any:
        return ()

    def infer(self, model: Whisper, batch: Sequence[TextWindow]) -> list[WindowWords]:
        times = model.token_times(
            [item.features for item in batch],
            [item.language for item in batch],
            [[_as_written(one.text, item.language) for one in item.segments] for item in batch],
        )
        return [_window_words(item, found) for item, found in zip(batch, times, strict=True)]

    def merge(
        self, context: StageContext, inputs: Inputs, outputs: Iterator[WindowWords]
    ) -> WhisperTimes:
        transcript = inputs[Transcript]
        found = {
            number: list(words)
            for window in outputs
            for number, words in zip(window.numbers, window.words, strict=True)
        }
        nothing = TextTokens((), (), (), ())
        for number, segment in enumerate(transcript.segments):
            language = transcript.language_of(segment)
            if language in self.aligned:
                continue
            if segment.words:
                found[number] = segment.words
            elif number not in found:
                # After the last window: no speech that anybody could look for.
                found[number] = words_of(
                    segment, _as_written(segment.text, language), language, nothing, None
                )
        return WhisperTimes([found.get(number, []) for number in range(len(transcript.segments))])


def _middle(segment: Segment) -> float:
    return (segment.start + segment.end) / 2


def _as_written(text: str, language: str) -> str:
    """As Whisper writes it: with a space before words that are separated by spaces."""
    text = text.strip()
    return text if language in UNSPACED else f" {text}"


def _window_words(item: TextWindow, found: Sequence[TextTokens]) -> WindowWords:
    times = OriginalTimes(item.pieces)
    return WindowWords(
        item.numbers,
        tuple(
            tuple(
                words_of(
                    segment,
                    _as_written(segment.text, item.language),
                    item.language,
                    tokens,
                    times,
                )
            )
            for segment, tokens in zip(item.segments, found, strict=True)
        ),
    )
