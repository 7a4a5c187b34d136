"""Recognize faces with the shipped network: dlib's face recognition, aligned by five landmarks.

King, "High Quality Face Recognition with Deep Metric Learning", dlib.net, 2017: a residual network
(He et al. 2016, arXiv:1512.03385) of 29 convolutions, trained with a metric loss on three million
faces; public domain. `training/faces/convert_dlib.py` made the file that is shipped and compares it
with dlib.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import ClassVar

import numpy as np

from reelmill.core.arrays import Float32, Float64, UInt8
from reelmill.models.faces.network import FaceNetworkSpec
from reelmill.models.files.cache import file_digest
from reelmill.models.runtimes.onnx import SHIPPED

#: The name for `--identity`.
DLIB = "dlib"
FILE = SHIPPED / "face-identity" / "model.onnx"

#: The positions of MTCNN's landmarks in the pictures that dlib's own five-point predictor cuts out,
#: with a margin of a quarter of the face's size: medians over 182 faces, made symmetric
#: (training/faces/align_dlib.py).
TEMPLATE = np.array(
    [[47.0, 45.4], [101.0, 45.4], [74.0, 77.9], [48.5, 101.7], [99.5, 101.7]], np.float64
)
_MEMORY_MB = 170.0


@dataclass(frozen=True)
class DlibSpec(FaceNetworkSpec):
    """The shipped network: pictures (n, 150, 150, 3) to embeddings (n, 128)."""

    side: ClassVar[int] = 150
    threshold: ClassVar[float] = 0.65

    @property
    def lightweight(self) -> bool:
        return True

    def memory_mb(self, device_kind: str) -> float:
        return _MEMORY_MB if device_kind == "cpu" else 4 * _MEMORY_MB

    def pictures(self, frame: UInt8, boxes: Float32, landmarks: Float32) -> UInt8:
        return aligned(frame, landmarks, TEMPLATE, self.side)


@lru_cache(maxsize=1)
def shipped() -> DlibSpec:
    """The network that comes with the package."""
    return DlibSpec(Path(FILE), DLIB, file_digest(FILE))


def aligned(frame: UInt8, landmarks: Float32, template: Float64, side: int) -> UInt8:
    """Faces rotated, scaled and shifted so that their landmarks match a template.

    Areas outside the frame are black, as in the network's training pictures.

    Args:
        frame: RGB (height, width, 3).
        landmarks: (n, k, 2) x, y in pixels of the frame.
        template: (k, 2) x, y in pixels of the result.
        side: of the result, pixels.

    Returns:
        (n, side, side, 3) uint8.
    """
    result = np.zeros((len(landmarks), side, side, 3), np.uint8)
    for row, points in enumerate(landmarks.astype(np.float64)):
        factor, shift = similarity(template, points)
        if abs(factor) > 0:
            result[row] = _cut(frame, factor, shift, side)
    return result


def similarity(source: Float64, target: Float64) -> tuple[complex, complex]:
    """The least-squares rotation, scale and shift from points to points, as complex numbers `a`
    and `b`: x + iy goes to a (x + iy) + b.

    Umeyama, "Least-squares estimation of transformation parameters between two point patterns",
    IEEE PAMI 13(4), 1991; in two dimensions without reflection a division of complex numbers.

    Args:
        source, target: (k, 2) x, y.
    """
    one, other = (points[:, 0] + 1j * points[:, 1] for points in (source, target))
    middle, other_middle = one.mean(), other.mean()
    centred = one - middle
    spread = float((np.abs(centred) ** 2).sum())
    factor = complex((np.conj(centred) * (other - other_middle)).sum() / max(spread, 1e-12))
    return factor, complex(other_middle - factor * middle)


def _cut(frame: UInt8, factor: complex, shift: complex, side: int) -> UInt8:
    """Cut the square of a frame in which pixel z of the result is at factor * z + shift. If it is
    larger than the result, pixels are averaged first."""
    from PIL import Image  # only where faces are cut

    height, width = frame.shape[:2]
    corners = [factor * z + shift for z in (0, side, 1j * side, side + 1j * side)]
    shrink = max(1, math.floor(abs(factor) + 0.25))
    left = min(max(0, math.floor(min(z.real for z in corners)) - shrink), width - 1)
    top = min(max(0, math.floor(min(z.imag for z in corners)) - shrink), height - 1)
    right = max(left + 1, min(width, math.ceil(max(z.real for z in corners)) + shrink))
    bottom = max(top + 1, min(height, math.ceil(max(z.imag for z in corners)) + shrink))
    piece = Image.fromarray(np.ascontiguousarray(frame[top:bottom, left:right]))
    if shrink > 1:
        piece = piece.reduce(shrink)
    a = factor / shrink
    # landmarks and template count from the middle of pixels, Pillow from their edges
    b = (shift - complex(left, top) + (0.5 + 0.5j)) / shrink - a * (0.5 + 0.5j)
    inverse = (a.real, -a.imag, b.real, a.imag, a.real, b.imag)
    cut = piece.transform((side, side), Image.Transform.AFFINE, inverse, Image.Resampling.BILINEAR)
    return np.asarray(cut)
