"""Vectors of faces and voices, and other arrays of numbers."""

from __future__ import annotations

import numpy as np

from reelmill.core.arrays import Float32, Int64


def unit(vectors: Float32) -> Float32:
    """Rows at unit length; rows of zeros stay zero."""
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    scaled: Float32 = (vectors / np.maximum(lengths, 1e-9)).astype(np.float32)
    return scaled


def distinct(numbers: Int64) -> Int64:
    """Each number once, in ascending order."""
    # Asked for nothing but the numbers, NumPy imports its masked arrays: 30 ms of each process.
    return np.unique(numbers, return_counts=True)[0]
