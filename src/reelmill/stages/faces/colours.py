"""Describe clothes by a histogram of the colours below the face."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from reelmill.core.arrays import Float32, UInt8

#: Bins of the two colour differences and of brightness.
_CHROMA_BINS, _LIGHT_BINS = 8, 3
BINS = _CHROMA_BINS * _CHROMA_BINS * _LIGHT_BINS

#: The area of the chest below the face's box, in heights and widths of the box.
_FROM, _TO, _ASIDE = 0.35, 1.35, 1.0
_LEAST_PIXELS = 64
_LEAST_SHARE = 0.35
_MOST_PIXELS = 1200


def worn_colours(frame: UInt8, boxes: Float32) -> tuple[Float32, npt.NDArray[np.bool_]]:
    """Histograms of the chests under faces.

    Args:
        frame: RGB (height, width, 3).
        boxes: (n, 4) left, top, right, bottom of faces.

    Returns:
        (n, BINS), each of sum 1, and whether enough of the chest is in the picture (n,).
    """
    height, width = frame.shape[:2]
    result = np.zeros((len(boxes), BINS), np.float32)
    seen = np.zeros(len(boxes), np.bool_)
    for row, (left, top, right, bottom) in enumerate(boxes.astype(np.float64)):
        tall, half = bottom - top, _ASIDE * (right - left)
        middle = (left + right) / 2
        x0, x1 = max(0, round(middle - half)), min(width, round(middle + half))
        y0, y1 = max(0, round(bottom + _FROM * tall)), min(height, round(bottom + _TO * tall))
        inside = max(0, x1 - x0) * max(0, y1 - y0)
        whole = 2 * half * (_TO - _FROM) * tall
        if inside < _LEAST_PIXELS or inside < _LEAST_SHARE * whole:
            continue
        step = max(1, round((inside / _MOST_PIXELS) ** 0.5))
        result[row] = histogram(frame[y0:y1:step, x0:x1:step].reshape(-1, 3))
        seen[row] = True
    return result, seen


def histogram(pixels: UInt8) -> Float32:
    """Of RGB pixels (n, 3) over colour differences and brightness: (BINS,), sum 1.

    Each pixel is divided between neighbouring bins, so that a small change of light changes the
    histogram only slightly.
    """
    red, green, blue = pixels.astype(np.float32).T
    light = (red + 2 * green + blue) / 4
    axes = (
        (_spread(red - light), _CHROMA_BINS),
        (_spread(blue - light), _CHROMA_BINS),
        (light / 256, _LIGHT_BINS),
    )
    counts = np.zeros(BINS, np.float32)
    index = np.zeros((1, len(pixels)), np.int64)
    weight = np.ones((1, len(pixels)), np.float32)
    for value, bins in axes:
        place = np.clip(value * bins - 0.5, 0, bins - 1)
        low = np.minimum(place.astype(np.int64), bins - 2)
        high_share = place - low
        index = np.concatenate([index * bins + low, index * bins + low + 1])
        weight = np.concatenate([weight * (1 - high_share), weight * high_share])
    counts += np.bincount(index.ravel(), weight.ravel(), BINS)[:BINS].astype(np.float32)
    shares: Float32 = counts / np.float32(max(1, len(pixels)))
    return shares


def _spread(difference: Float32) -> Float32:
    """Map colour differences to 0..1 and spread the many small ones."""
    return (0.5 + 0.5 * np.sign(difference) * np.sqrt(np.abs(difference) / 192)).astype(np.float32)


def embedding(histograms: Float32) -> Float32:
    """The square roots, of unit length: the dot product of two is their Bhattacharyya coefficient.

    Bhattacharyya, "On a measure of divergence between two statistical populations", 1943.
    """
    return np.sqrt(np.maximum(histograms, 0)).astype(np.float32)
