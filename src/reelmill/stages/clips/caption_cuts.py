"""End captions where the shot changes to somebody else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from reelmill.artifacts import Caption, Shot

#: A word that begins at most this long, s, after a cut belongs to the speaker before, because shots
#: are cut a little earlier than the next speaker's first word.
_LATE = 0.08
#: A caption that would be shown for less than this time, s, before a cut begins with the cut.
_LEAST = 0.3


def cut_at_shots(found: Sequence[Caption], shots: Sequence[Shot]) -> list[Caption]:
    """End captions where somebody leaves the picture for somebody else, so that nobody is shown
    with what another one has just said. Words that are spoken later get a caption of their own."""
    result = list(found)
    for before, after in pairwise(shots):
        if after.persons and set(before.persons) - set(after.persons):
            result = [part for one in result for part in _cut(one, after.start)]
    return result


def _cut(caption: Caption, time: float) -> list[Caption]:
    if not caption.start < time < caption.end:
        return [caption]
    earlier = [word for word in caption.words if word.start <= time + _LATE]
    later = [word for word in caption.words if word.start > time + _LATE]
    if not later:
        return [replace(caption, end=time)]
    if not earlier or time - caption.start < _LEAST:
        return [replace(caption, start=time)]
    return [Caption(caption.start, time, earlier), Caption(later[0].start, caption.end, later)]
