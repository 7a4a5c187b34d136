"""Find the tiles of a video call: the rectangles into which straight lines divide the picture, in
the same place in all frames. The picture is cut recursively along such lines (Nagy and Seth, 1984,
for pages of text)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from reelmill.core.arrays import Bool, UInt8

#: Left, top, right, bottom.
Rectangle = tuple[int, int, int, int]

#: Frames of a run that are compared: a line must be in all of them.
_COMPARED = 4
#: Brightness changes at a line by this much, over this share of its length.
_STEP, _SHARE = 7, 0.85
#: A strip narrower than this share of the picture's side is a gap between tiles.
_LEAST_SIDE = 0.12
_MOST_DEPTH = 4


def find_tiles(frames: Sequence[UInt8]) -> list[Rectangle]:
    """The tiles of frames (height, width, 3) that show one scene; none if it is a single
    picture."""
    places = np.unique(np.linspace(0, len(frames) - 1, _COMPARED).round().astype(int))
    light = [frames[place][..., 1].astype(np.int16) for place in places.tolist()]
    upright = np.minimum.reduce([np.abs(one[:, 2:] - one[:, :-2]) for one in light]) > _STEP
    level = np.minimum.reduce([np.abs(one[2:] - one[:-2]) for one in light]) > _STEP
    height, width = light[0].shape
    found = list(_divided(upright, level, (0, 0, width, height), 0))
    return found if len(found) > 1 else []


def _divided(upright: Bool, level: Bool, area: Rectangle, depth: int) -> Iterator[Rectangle]:
    """An area, or the areas that lines through all of it divide it into."""
    left, top, right, bottom = area
    if depth < _MOST_DEPTH:
        least = round(_LEAST_SIDE * (upright.shape[1] + 2))
        columns = _strips(upright[top:bottom, left : right - 2].mean(axis=0), least)
        if len(columns) > 1:
            for start, end in columns:
                part = (left + start, top, left + end, bottom)
                yield from _divided(upright, level, part, depth + 1)
            return
        least = round(_LEAST_SIDE * (level.shape[0] + 2))
        rows = _strips(level[top : bottom - 2, left:right].mean(axis=1), least)
        if len(rows) > 1:
            for start, end in rows:
                part = (left, top + start, right, top + end)
                yield from _divided(upright, level, part, depth + 1)
            return
    yield area


def _strips(share: npt.NDArray[np.float64], least: int) -> list[tuple[int, int]]:
    """The strips between lines that are wide enough. share: for each position, that of a line."""
    lines = (np.flatnonzero(share >= _SHARE) + 1).tolist()
    edges = [0, *lines, len(share) + 2]
    return [(start + (start > 0), end) for start, end in pairwise(edges) if end - start >= least]
