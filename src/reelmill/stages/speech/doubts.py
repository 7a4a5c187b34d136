"""Measures how uncertain a text is, by its likelihood and by how much of the speech it covers."""

from __future__ import annotations

import statistics
import unicodedata
from collections.abc import Iterable, Iterator, Sequence

from reelmill.artifacts import RecognizedWindow, Segment
from reelmill.export.transcript.marks import UNINTELLIGIBLE

#: A text below this mean log probability of its tokens is recognized again.
LOW_LOGPROB = -0.8
#: People say 9 to 14 letters per second, including pauses. A text with fewer leaves something out.
FEWEST_LETTERS_PER_SECOND = 4.0
#: For less speech than this, coverage is not judged.
SHORTEST_SECONDS = 5.0
#: A segment below this share of the recording's usual pace is slow. The pace is judged by so many
#: segments or more, of so many seconds.
_SLOW_SHARE, _FEWEST_PACED, _SHORTEST_PACED = 0.55, 5, 1.0
_WIDE_FROM = "\u1100"


def letters(text: str) -> int:
    """The number of letters and digits in a text. A letter of a syllabary or of Han counts as
    two."""
    return sum(
        2 if letter >= _WIDE_FROM else 1
        for letter in unicodedata.normalize("NFC", text)
        if letter.isalnum()
    )


def letters_of(segments: Sequence[Segment]) -> int:
    """Letters of all segments."""
    return sum(letters(segment.text) for segment in segments)


def mean_logprob(segments: Sequence[Segment]) -> float:
    """The mean of the segments' log probabilities, weighted by length; 0 if there are none."""
    seconds = sum(one.end - one.start for one in segments)
    return sum(one.avg_logprob * (one.end - one.start) for one in segments) / (seconds or 1.0)


def is_unlikely(segment: Segment) -> bool:
    """Whether a text is still uncertain after everything was tried (faster-whisper's threshold)."""
    return segment.avg_logprob < UNINTELLIGIBLE


def usual_pace(windows: Iterable[RecognizedWindow]) -> float:
    """The letters per second of speech that a quarter of a recording's segments reach; 0 if there
    are few."""
    paces = [
        letters(segment.text) / spoken
        for window in windows
        for segment in window.segments
        if (spoken := _spoken(segment, window)) >= _SHORTEST_PACED
    ]
    return statistics.quantiles(paces)[2] if len(paces) >= _FEWEST_PACED else 0.0


def covers_little(window: RecognizedWindow, pace: float = 0.0) -> bool:
    """Whether a window's text, or a long segment of it, is far too short for its speech.

    `pace`: the usual letters per second of the recording. A segment far slower than that may lack
    sentences, such as one that is said again and again.
    """
    if window.seconds < SHORTEST_SECONDS:
        return False
    if letters_of(window.segments) < FEWEST_LETTERS_PER_SECOND * window.seconds:
        return True
    if without_text(window):
        return True
    return any(is_sparse(segment, window, pace) for segment in window.segments)


def without_text(window: RecognizedWindow) -> list[tuple[float, float, float]]:
    """Stretches of a window in which no segment is although somebody speaks for long: start, end,
    and the seconds of speech in them."""
    found: list[tuple[float, float, float]] = []
    for start, end in _between(window):
        pieces = [(max(start, one.start), min(end, one.end)) for one in window.pieces]
        spoken = [(first, last) for first, last in pieces if last > first]
        seconds = sum(last - first for first, last in spoken)
        if seconds >= SHORTEST_SECONDS:
            found.append((spoken[0][0], spoken[-1][1], seconds))
    return found


def _between(window: RecognizedWindow) -> Iterator[tuple[float, float]]:
    """Where no segment is, from the beginning of a window to its end."""
    end = window.pieces[0].start
    for segment in sorted(window.segments, key=lambda one: one.start):
        yield end, segment.start
        end = max(end, segment.end)
    yield end, window.pieces[-1].end


def is_sparse(segment: Segment, window: RecognizedWindow, pace: float = 0.0) -> bool:
    """Whether a segment is long and has few letters for the speech of a window that it spans."""
    spoken = _spoken(segment, window)
    fewest = max(FEWEST_LETTERS_PER_SECOND, _SLOW_SHARE * pace)
    return spoken >= SHORTEST_SECONDS and letters(segment.text) < fewest * spoken


def _spoken(segment: Segment, window: RecognizedWindow) -> float:
    """The seconds of speech of a window that a segment spans."""
    return sum(
        max(0.0, min(segment.end, piece.end) - max(segment.start, piece.start))
        for piece in window.pieces
    )


def is_doubtful(window: RecognizedWindow, pace: float = 0.0, temperature: float = 0.0) -> bool:
    """Whether a window is to be recognized again: its text is unlikely, was found only by a step
    of the fallback above the first `temperature`, or covers too little of the speech (`pace`: as in
    `covers_little`)."""
    return covers_little(window, pace) or any(
        segment.avg_logprob < LOW_LOGPROB or segment.temperature > temperature
        for segment in window.segments
    )
