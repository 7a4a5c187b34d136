"""What Whisper found in a window: segments, languages, times of tokens."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class TextTokens:
    """Tokens of a text: their characters, seconds in the window, and probability."""

    characters: tuple[tuple[int, int], ...]
    starts: tuple[float, ...]
    ends: tuple[float, ...]
    probabilities: tuple[float, ...]


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
    #: Its words and marks, where the decoder's attention timed them.
    tokens: TextTokens | None = None


@dataclass(frozen=True)
class DecodedWindow:
    """The segments of one window in order; empty if nobody speaks in it.

    `languages`: the probabilities of the likeliest languages and of those allowed; empty for an
    English-only model. The text is in `language`.
    """

    segments: tuple[DecodedSegment, ...]
    language: str
    languages: dict[str, float]
