"""Cut speech into short stretches in which, as far as is known, one person speaks."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from reelmill.artifacts import Span, SpeakerActivity

#: A change of the speaker this close to a border, in s, is that border.
_NEAR = 0.1
_SHORTEST = 0.1


def utterances(activity: SpeakerActivity, longest: float) -> list[Span]:
    """Speech without overlaps, cut where the speaker seems to change and into equal parts of at
    most `longest` seconds. Stretches shorter than 0.1 s are left out."""
    changes = activity.changes
    found = []
    for start, end in without(activity.speech, activity.overlaps):
        after, before = bisect_left(changes, start + _NEAR), bisect_left(changes, end - _NEAR)
        borders = [start, *changes[after:before], end]
        for left, right in pairwise(borders):
            if right - left >= _SHORTEST:
                found += list(_parts(left, right, longest))
    return found


def goes_on(stretches: Sequence[Span], changes: Sequence[float]) -> npt.NDArray[np.bool_]:
    """Whether each stretch begins where the previous one ends, with no change of the speaker there;
    both in order. Shape (stretches,)."""
    heard = set(changes)
    found = np.zeros(len(stretches), np.bool_)
    for index, (before, after) in enumerate(pairwise(stretches), 1):
        found[index] = before.end == after.start and after.start not in heard
    return found


def without(spans: Sequence[Span], others: Sequence[Span]) -> Iterator[tuple[float, float]]:
    """The parts of `spans` that lie in none of `others`; both in order."""
    place = 0
    for span in spans:
        start = span.start
        while place < len(others) and others[place].start < span.end:
            if others[place].start > start:
                yield start, others[place].start
            start = max(start, others[place].end)
            place += 1
        if span.end > start:
            yield start, span.end


def _parts(start: float, end: float, longest: float) -> Iterator[Span]:
    count = max(1, math.ceil((end - start) / longest - 1e-6))
    edges = [start + index * (end - start) / count for index in range(count + 1)]
    for left, right in pairwise(edges):
        yield Span(round(left, 3), round(right, 3))
