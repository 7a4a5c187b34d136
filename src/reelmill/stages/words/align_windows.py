"""Stretches of a recording to align at once: neighbouring segments and the speech around them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from reelmill.artifacts import Segment, Span
from reelmill.stages.speech.windows import Pieces, seconds_of

#: Seconds of speech aligned together: enough to allow for wrong segment times, and few enough for a
#: core's caches (the layers near the input have 3,200 rows per second). 6 s cost a tenth more and
#: 10 s a third, without finding words better.
MOST_SECONDS = 4.0
#: How far a segment's words may lie outside the times that the recognizer gave it.
_REACH = 1.0


@dataclass(frozen=True)
class AlignStretch:
    """Segments `first` to `after` (not included) and the pieces of the original they lie in."""

    first: int
    after: int
    pieces: Pieces


def stretches(
    segments: Sequence[Segment],
    spans: Sequence[Span],
    first: int = 0,
    last: int | None = None,
    limit: float = MOST_SECONDS,
) -> Iterator[AlignStretch]:
    """Cut a transcript, or its segments `first` to `last` (not included), where the pauses between
    segments are longest.

    Every segment is in one stretch; the segments of a stretch have at most `limit` seconds of
    speech, beside what is within reach of them, unless a single segment has more.
    """
    speech = _Spans(spans)
    last = len(segments) if last is None else last
    while first < last:
        after = min(_longest(segments, speech, first, limit), last)
        if after < last:
            after = _best_cut(segments, first, after)
        yield AlignStretch(first, after, _pieces(segments, speech, first, after))
        first = after


class _Spans:
    """Finds speech in a long recording without searching all of it."""

    def __init__(self, spans: Sequence[Span]) -> None:
        self._spans = spans
        self._ends = [span.end for span in spans]

    def within(self, begin: float, end: float) -> Iterator[tuple[float, float]]:
        for index in range(bisect_right(self._ends, begin), len(self._spans)):
            span = self._spans[index]
            if span.start >= end:
                break
            yield max(span.start, begin), min(span.end, end)


def _longest(segments: Sequence[Segment], spans: _Spans, first: int, limit: float) -> int:
    after = first + 1
    while after < len(segments):
        if segments[after].end - segments[first].start > limit and (
            seconds_of(_pieces(segments, spans, first, after + 1)) > limit
        ):
            break
        after += 1
    return after


def _best_cut(segments: Sequence[Segment], first: int, after: int) -> int:
    """The longest pause in the second half; the last one if several are equal."""
    middle = first + (after - first + 1) // 2
    return max(
        range(max(middle, first + 1), after + 1),
        key=lambda cut: (segments[cut].start - segments[cut - 1].end, cut),
    )


def _pieces(segments: Sequence[Segment], spans: _Spans, first: int, after: int) -> Pieces:
    """Speech within reach of the segments, as far as their neighbours allow."""
    earliest, latest = 0.0, float("inf")
    if first > 0:
        earliest = _border(segments[first - 1], segments[first])
    if after < len(segments):
        latest = _border(segments[after - 1], segments[after])
    pieces: list[tuple[float, float]] = []
    for segment in segments[first:after]:
        begin = max(segment.start - _REACH, earliest)
        end = min(segment.end + _REACH, latest)
        for piece in list(spans.within(begin, end)) or [(segment.start, segment.end)]:
            _add(pieces, *piece)
    return tuple(pieces)


def _border(left: Segment, right: Segment) -> float:
    return max((left.end + right.start) / 2, left.start)


def _add(pieces: list[tuple[float, float]], start: float, end: float) -> None:
    """Append a piece, or lengthen the last one if they touch."""
    if pieces and start <= pieces[-1][1]:
        pieces[-1] = (pieces[-1][0], max(pieces[-1][1], end))
    else:
        pieces.append((start, end))
