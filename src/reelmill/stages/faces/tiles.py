"""Find the tiles of a video call: the rectangles into which straight lines divide the picture, in
the same place in all frames. The picture is cut recursively along such lines (Nagy and Seth, 1984,
for pages of text)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np

from reelmill.core.arrays import Bool, Float64, UInt8
from reelmill.core.vectors import distinct

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
    places = distinct(np.linspace(0, len(frames) - 1, _COMPARED).round().astype(int)).tolist()
    height, width = frames[0].shape[:2]
    upright = np.ones((height, width - 2), np.bool_)
    level = np.ones((height - 2, width), np.bool_)
    for place in places:
        light = np.ascontiguousarray(frames[place][..., 1])
        upright &= _far_apart(light[:, 2:], light[:, :-2])
        level &= _far_apart(light[2:], light[:-2])
        # A line through the whole picture is in every frame; most pictures have none in the first.
        if not _lines(_shares(upright, 0)) and not _lines(_shares(level, 1)):
            return []
    found = list(_divided(upright, level, (0, 0, width, height), 0))
    return found if len(found) > 1 else []


def _far_apart(one: UInt8, other: UInt8) -> Bool:
    """Where brightness differs by more than `_STEP`."""
    return np.maximum(one, other) - np.minimum(one, other) > _STEP


def _shares(changes: Bool, axis: int) -> Float64:
    """The share of changes in each column (axis 0) or row (axis 1)."""
    shares: Float64 = changes.view(np.uint8).sum(axis=axis, dtype=np.uint32) / changes.shape[axis]
    return shares


def _lines(shares: Float64) -> list[int]:
    """The positions of lines, given the shares of changes."""
    lines: list[int] = (np.flatnonzero(shares >= _SHARE) + 1).tolist()
    return lines


def _divided(upright: Bool, level: Bool, area: Rectangle, depth: int) -> Iterator[Rectangle]:
    """An area, or the areas that lines through all of it divide it into."""
    left, top, right, bottom = area
    if depth < _MOST_DEPTH:
        least = round(_LEAST_SIDE * (upright.shape[1] + 2))
        columns = _strips(_shares(upright[top:bottom, left : right - 2], 0), least)
        if len(columns) > 1:
            for start, end in columns:
                part = (left + start, top, left + end, bottom)
                yield from _divided(upright, level, part, depth + 1)
            return
        least = round(_LEAST_SIDE * (level.shape[0] + 2))
        rows = _strips(_shares(level[top : bottom - 2, left:right], 1), least)
        if len(rows) > 1:
            for start, end in rows:
                part = (left, top + start, right, top + end)
                yield from _divided(upright, level, part, depth + 1)
            return
    yield area


def _strips(shares: Float64, least: int) -> list[tuple[int, int]]:
    """The strips between lines that are wide enough."""
    edges = [0, *_lines(shares), len(shares) + 2]
    return [(start + (start > 0), end) for start, end in pairwise(edges) if end - start >= least]
