"""Which stretches of a video are worked on apart. Pure functions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from reelmill.artifacts import Span

#: A part is this long, unless the whole is short: long enough that beginning it (opening,
#: seeking, an encoder's look-ahead) is small beside it.
MOST_SECONDS, LEAST_SECONDS = 20.0, 4.0

#: A short video is divided too, so that it fills several cores.
_PARTS = 8


def ranges(key_times: Sequence[float], wanted: Sequence[Span], end: float) -> list[Span]:
    """Stretches that together cover `wanted` (in any order), begun at key frames where these are
    near enough. The same for the same video, whatever the machine.

    Args:
        key_times: of all key frames, s, ascending.
        end: of the video; nothing begins after it.
    """
    if not wanted:
        return []
    needed = _covered(wanted)
    length = min(MOST_SECONDS, max(LEAST_SECONDS, needed / _PARTS))
    first = min(span.start for span in wanted)
    last = max(*(span.end for span in wanted), end)
    edges = [first]
    for key in [*(time for time in key_times if first < time < last), last]:
        gap = key - edges[-1]
        if gap < length and key != last:
            continue
        # Key frames that are far apart: begin between them, which costs decoding from the last.
        parts = max(1, round(gap / length)) if gap >= 1.5 * length else 1
        edges += [edges[-1] + gap * part / parts for part in range(1, parts)]
        edges.append(key)
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


def _covered(spans: Sequence[Span]) -> float:
    """Seconds that lie in any of the spans."""
    total, until = 0.0, -math.inf
    for span in sorted(spans, key=lambda span: span.start):
        total += max(0.0, span.end - max(span.start, until))
        until = max(until, span.end)
    return total
