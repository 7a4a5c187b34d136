"""What Whisper found in a window: segments, languages, times of tokens."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class DecodedSegment:
    """Text of a window, times in seconds from the window's start."""

    start: float
    end: float
    text: str
    avg_logprob: float
    no_speech_prob: float
    compression_ratio: float
    temperature: float


@dataclass(frozen=True)
class DecodedWindow:
    """The segments of one window in order; none if nobody speaks in it.

    `languages` are the probabilities of the likeliest languages and of those that were allowed,
    none from an English-only model; the text is in `language`.
    """

    segments: tuple[DecodedSegment, ...]
    language: str
    languages: dict[str, float]


@dataclass(frozen=True)
class TextTokens:
    """Tokens of a text: which characters, seconds in the window, probability."""

    characters: tuple[tuple[int, int], ...]
    starts: tuple[float, ...]
    ends: tuple[float, ...]
    probabilities: tuple[float, ...]
