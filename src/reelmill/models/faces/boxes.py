"""Boxes as arrays: (n, 4) float32, left, top, right, bottom in pixels of the searched frame."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from reelmill.core.arrays import Float32, Int64, UInt8
from reelmill.core.vectors import distinct

#: From this ratio of samples to output pixels per side on, samples are averaged.
_BLUR_FROM = 1.6
_MOST_SAMPLES = 4


def areas(boxes: Float32) -> Float32:
    """(n,) square pixels; 0 for inverted boxes."""
    sides: Float32 = np.maximum(boxes[:, 2:] - boxes[:, :2], 0)
    return sides[:, 0] * sides[:, 1]


def common_areas(one: Float32, other: Float32) -> Float32:
    """(n, m) square pixels that each of `one` shares with each of `other`."""
    return _shared(one[:, None], other[None, :])


def overlaps(one: Float32, other: Float32) -> Float32:
    """(n, m) intersection over union."""
    common = common_areas(one, other)
    return _share(common, areas(one)[:, None] + areas(other)[None, :])


def pair_overlaps(one: Float32, other: Float32) -> Float32:
    """(n,) intersection over union of the boxes of each row."""
    return _share(_shared(one, other), areas(one) + areas(other))


def _shared(one: Float32, other: Float32) -> Float32:
    """The common area of boxes, in square pixels. The last axis has four values."""
    width = np.minimum(one[..., 2], other[..., 2]) - np.maximum(one[..., 0], other[..., 0])
    height = np.minimum(one[..., 3], other[..., 3]) - np.maximum(one[..., 1], other[..., 1])
    shared: Float32 = np.maximum(width, 0) * np.maximum(height, 0)
    return shared


def _share(common: Float32, both: Float32) -> Float32:
    shares: Float32 = common / np.maximum(both - common, 1e-9)
    return shares


def suppress(
    boxes: Float32, scores: Float32, groups: Int64, most: float, *, of_smaller: bool = False
) -> Int64:
    """Non-maximum suppression within each group (picture): the rows that stay, best first in
    each group.

    Args:
        boxes, scores, groups: (n, 4), (n,), (n,).
        most: overlap up to which both of two boxes stay.
        of_smaller: overlap is measured as a share of the smaller box, not of the union.
    """
    order = np.lexsort((-scores, groups))
    starts = np.flatnonzero(np.diff(groups[order], prepend=-1))
    kept = [
        rows[_suppressed(boxes[rows], most, of_smaller)] for rows in np.split(order, starts[1:])
    ]
    return np.concatenate(kept) if kept else order


def _suppressed(boxes: Float32, most: float, of_smaller: bool) -> npt.NDArray[np.bool_]:
    """Which of the boxes, best first, stay."""
    if of_smaller:
        area = areas(boxes)
        smaller = np.minimum(area[:, None], area[None, :])
        clash = common_areas(boxes, boxes) / np.maximum(smaller, 1e-9) > most
    else:
        clash = overlaps(boxes, boxes) > most
    stays = np.ones(len(boxes), np.bool_)
    for i in range(len(boxes)):
        if stays[i]:
            stays[i + 1 :] &= ~clash[i, i + 1 :]
    return stays


def squared(boxes: Float32) -> Float32:
    """The squares with the same centre and the longer side."""
    middle = (boxes[:, :2] + boxes[:, 2:]) / 2
    half = np.max(boxes[:, 2:] - boxes[:, :2], axis=1, keepdims=True) / 2
    return np.concatenate([middle - half, middle + half], axis=1)


def moved(boxes: Float32, shifts: Float32) -> Float32:
    """Each edge moved by its share of the box's width or height."""
    sides = boxes[:, 2:] - boxes[:, :2]
    result: Float32 = boxes + shifts * np.concatenate([sides, sides], axis=1)
    return result


def crops(frames: Sequence[UInt8], which: Int64, boxes: Float32, size: int) -> UInt8:
    """Pieces of frames, each scaled to a square: (n, size, size, 3) uint8.

    Areas outside a frame get the colours of its edge. Large boxes are averaged, not subsampled.

    Args:
        frames: RGB pictures, (height, width, 3), all of one size.
        which: (n,) the frame of each box.
        boxes: (n, 4).
        size: pixels a side.
    """
    result = np.empty((len(boxes), size, size, 3), np.uint8)
    sides = (boxes[:, 2:] - boxes[:, :2]).max(axis=1, initial=0)
    samples = np.clip(np.round(sides / size / _BLUR_FROM), 1, _MOST_SAMPLES).astype(np.int64)
    stack = [frame.reshape(-1, 3) for frame in frames]
    for rows in (np.flatnonzero(samples == s) for s in distinct(samples)):
        many = int(samples[rows[0]])
        for frame in distinct(which[rows]):
            these = rows[which[rows] == frame]
            height, width = frames[frame].shape[:2]
            if many == 1:
                result[these] = _sampled(stack[frame], height, width, boxes[these], size)
            else:
                result[these] = _averaged(stack[frame], height, width, boxes[these], (size, many))
    return result


def halved(frames: Sequence[UInt8]) -> UInt8:
    """Pictures of half the width and height, of means of 2 x 2 pixels: (n, height / 2, width / 2,
    3), what bilinear scaling by one half makes of them, in a third of the time.

    Args:
        frames: (height, width, 3), all of one size with even sides.
    """
    height, width, colours = frames[0].shape
    result = np.empty((len(frames), height // 2, width // 2, colours), np.uint8)
    for frame, half in zip(frames, result, strict=True):
        rows = np.add(frame[0::2], frame[1::2], dtype=np.uint16).reshape(height // 2, -1)
        for colour in range(colours):
            sums = rows[:, colour :: 2 * colours] + rows[:, colours + colour :: 2 * colours]
            half[..., colour] = sums >> 2
    return result


def _sampled(pixels: UInt8, height: int, width: int, boxes: Float32, size: int) -> Float32:
    """Bilinear samples on a grid of `size` a side in each box: (n, size, size, 3)."""
    steps = (np.arange(size, dtype=np.float32) + 0.5) / size
    sides = boxes[:, 2:] - boxes[:, :2]
    x = boxes[:, 0, None] + steps * sides[:, 0, None] - 0.5
    y = boxes[:, 1, None] + steps * sides[:, 1, None] - 0.5
    left, across = _before(x, width)
    top, down = _before(y, height)
    places = top[:, :, None] * width + left[:, None, :]
    # The colours of a row lie behind each other, because NumPy is slow at short last axes.
    across, down = across.repeat(3, axis=1)[:, None, :], down[:, :, None]
    before, after = 1 - across, across
    shape = (len(boxes), size, 3 * size)
    mixed = _following(pixels, places, 0).reshape(shape) * before
    mixed += _following(pixels, places, 1).reshape(shape) * after
    lower = _following(pixels, places, width).reshape(shape) * before
    lower += _following(pixels, places, width + 1).reshape(shape) * after
    mixed *= 1 - down
    lower *= down
    mixed += lower
    return mixed.reshape(len(boxes), size, size, 3)


def _averaged(
    pixels: UInt8, height: int, width: int, boxes: Float32, grid: tuple[int, int]
) -> UInt8:
    """Means of `many` x `many` nearest pixels for each of `size` x `size` places."""
    size, many = grid
    steps = (np.arange(size * many, dtype=np.float32) + 0.5) / (size * many)
    sides = boxes[:, 2:] - boxes[:, :2]
    x = (boxes[:, 0, None] + steps * sides[:, 0, None]).astype(np.int64).clip(0, width - 1)
    y = (boxes[:, 1, None] + steps * sides[:, 1, None]).astype(np.int64).clip(0, height - 1)
    picked = _picked(pixels, width, y, x).reshape(len(boxes), size, many, size, many, 3)
    sums = np.zeros((len(boxes), size, size, 3), np.uint16)
    for row in range(many):
        for column in range(many):
            sums += picked[:, :, row, :, column]
    return ((sums + many * many // 2) // (many * many)).astype(np.uint8)


def _before(at: Float32, limit: int) -> tuple[Int64, Float32]:
    """The pixel before each position, and the distance from it; 0 at the last pixel."""
    inside = np.clip(at, 0, limit - 1)
    first = inside.astype(np.int64)
    return first, (inside - first).astype(np.float32)


def _following(pixels: UInt8, places: Int64, by: int) -> UInt8:
    """The pixels `by` after places; at the right and lower edge others, which weigh nothing."""
    return pixels[min(by, len(pixels) - 1) :].take(places, axis=0, mode="clip")


def _picked(pixels: UInt8, width: int, rows: Int64, columns: Int64) -> UInt8:
    return pixels.take(rows[:, :, None] * width + columns[:, None, :], axis=0)
