"""Vectors of faces and voices."""

from __future__ import annotations

import numpy as np

from reelmill.core.arrays import Float32


def unit(vectors: Float32) -> Float32:
    """Rows at unit length; rows of zeros stay zero."""
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    scaled: Float32 = (vectors / np.maximum(lengths, 1e-9)).astype(np.float32)
    return scaled
