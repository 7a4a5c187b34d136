"""Faces made other people's: features of two mixed and moved about.

A network that tells faces apart takes the results for strangers of those they are made of, which
mirroring alone does not do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from PIL.Image import Image

Float64 = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Face:
    """A picture and where its face is: `box` x, y, width, height; `points` (5, 2) x, y of the
    eyes, the nose and the corners of the mouth."""

    picture: Image
    box: tuple[float, float, float, float]
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Features:
    """What is changed: the eyes are `eyes` times as near to each other, the jaw is narrower by the
    share `jaw`, the nose is moved by `nose` tenths, and `other` is the share of the other face."""

    eyes: float
    jaw: float
    nose: float
    other: float


def remade(face: Face, other: Face, features: Features) -> Image:
    """The picture of a face with the features of another person, who does not exist."""
    from PIL import Image as Images

    mixed = _mixed(face, other, features.other)
    height, width = mixed.shape[:2]
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float64)
    left, top, across, down = face.box
    u = (columns - left - across / 2) / down
    v = (rows - top - down / 2) / down
    near = np.exp(-(((u * u + v * v) / 0.6) ** 2))
    stretched = u * (1 + (features.eyes - 1) * np.exp(-(((v + 0.15) / 0.15) ** 2)))
    stretched *= 1 + features.jaw * np.clip(v, -0.5, 0.6)
    moved = np.sin(np.clip(4 * v + 0.3, -3.1, 3.1)) * np.exp(-((u / 0.35) ** 2))
    x = columns + near * (stretched - u) * down
    y = rows + near * features.nose * 0.1 * moved * down
    return Images.fromarray(np.round(_sampled(mixed, x, y)).astype(np.uint8))


def _mixed(face: Face, other: Face, share: float) -> Float64:
    """`share` of the other face over the inner part of this one, point on point."""
    own = np.asarray(face.picture).astype(np.float64)
    height, width = own.shape[:2]
    points = np.array(face.points)
    known = np.concatenate([points, np.ones((len(points), 1))], axis=1)
    to_other = np.linalg.lstsq(known, np.array(other.points), rcond=None)[0]
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float64)
    places = np.stack([columns, rows, np.ones_like(rows)], axis=2) @ to_other
    over = _sampled(np.asarray(other.picture).astype(np.float64), places[..., 0], places[..., 1])
    middle, between = points.mean(axis=0), np.linalg.norm(points[1] - points[0])
    far = (columns - middle[0]) ** 2 + (rows - middle[1]) ** 2 / 1.6
    weight = share * np.exp(-((far / (1.15 * between) ** 2) ** 2))[..., None]
    mixed: Float64 = own * (1 - weight) + over * weight
    return mixed


def _sampled(pixels: Float64, x: Float64, y: Float64) -> Float64:
    """Bilinear samples at places x, y; outside, the edge's."""
    height, width = pixels.shape[:2]
    x, y = np.clip(x, 0, width - 1.001), np.clip(y, 0, height - 1.001)
    left, top = x.astype(np.int64), y.astype(np.int64)
    across, down = (x - left)[..., None], (y - top)[..., None]
    upper: Any = pixels[top, left] * (1 - across) + pixels[top, left + 1] * across
    lower: Any = pixels[top + 1, left] * (1 - across) + pixels[top + 1, left + 1] * across
    samples: Float64 = upper * (1 - down) + lower * down
    return samples
