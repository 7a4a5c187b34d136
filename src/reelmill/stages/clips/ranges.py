"""Divide a video into stretches that are processed in parallel. Pure functions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from reelmill.artifacts import Span

#: The longest and shortest part: long enough that the cost of starting it (opening, seeking, an
#: encoder's look-ahead) is small in comparison.
MOST_SECONDS, LEAST_SECONDS = 20.0, 4.0

#: A short video is divided into this many parts, so that it uses several cores.
_PARTS = 8


def ranges(key_times: Sequence[float], wanted: Sequence[Span], end: float) -> list[Span]:
    """Stretches that together cover `wanted` (in any order) and begin at key frames where these are
    near enough. They depend on the video only, not on the machine.

    Args:
        key_times: of all key frames, s, ascending.
        end: end of the video; no stretch begins after it.
    """
    if not wanted:
        return []
    needed = _covered(wanted)
    length = min(MOST_SECONDS, max(LEAST_SECONDS, needed / _PARTS))
    first = min(span.start for span in wanted)
    last = max(*(span.end for span in wanted), end)
    edges = _edges(key_times, first, last, length)
    found = []
    for start, stop in pairwise(edges):
        inside = [
            (max(start, span.start), min(stop, span.end))
            for span in wanted
            if span.start < stop and span.end > start
        ]
        if inside:
            found.append(Span(start, min(stop, max(b for _, b in inside) + 1e-3)))
    return found


def _edges(key_times: Sequence[float], first: float, last: float, length: float) -> list[float]:
    """`first`, `last` and what lies about `length` apart between them. They are counted from
    `first`, each at the key frame nearest to it, so that all parts last about as long and workers
    end at the same time."""
    edges, due = [first], first + length
    between = [time for time in key_times if first < time < last]
    for key, following in pairwise([*between, last, math.inf]):
        if key != last and key < due and following - due <= due - key:
            continue
        gap = key - edges[-1]
        # Key frames are far apart: begin between them, although decoding has to start at the last
        # one.
        parts = max(1, round(gap / length)) if gap >= 1.5 * length else 1
        edges += [edges[-1] + gap * part / parts for part in range(1, parts)]
        edges.append(key)
        due += length * max(1, math.ceil((key + length / 2 - due) / length))
    return edges


def _covered(spans: Sequence[Span]) -> float:
    """Seconds that lie in any of the spans."""
    total, until = 0.0, -math.inf
    for span in sorted(spans, key=lambda span: span.start):
        total += max(0.0, span.end - max(span.start, until))
        until = max(until, span.end)
    return total
