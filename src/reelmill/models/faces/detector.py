"""The interface of all face detectors."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np

from reelmill.core.arrays import Float32
from reelmill.engine.stage import ModelSpec


@dataclass(frozen=True)
class Faces:
    """Faces of one frame, or one face of each of n frames.

    boxes: (n, 4) left, top, right, bottom. scores: (n,) from 0 to 1. landmarks: (n, 5, 2) of the
    eyes, the nose and the corners of the mouth, from left to right in the picture.
    """

    boxes: Float32
    scores: Float32
    landmarks: Float32

    def __len__(self) -> int:
        return len(self.scores)

    def take(self, rows: Any) -> Faces:
        return Faces(self.boxes[rows], self.scores[rows], self.landmarks[rows])


def no_faces() -> Faces:
    return Faces(
        np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros((0, 5, 2), np.float32)
    )


@dataclass(frozen=True)
class DetectorSpec(ModelSpec):
    """A face detector. The loaded model has `look(frames)`; one that also has `check(frames, which,
    boxes)`, as MTCNN, need not search every frame."""

    @property
    @abstractmethod
    def sure(self) -> float:
        """The least mean score over several frames of a face."""
