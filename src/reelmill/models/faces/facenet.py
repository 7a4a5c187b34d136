"""Embeddings of faces by InceptionResnetV1, trained on VGGFace2.

Cao et al., "VGGFace2: A dataset for recognising faces across pose and age", 2018
(arXiv:1710.08092). The weights are facenet-pytorch's. They are too large to ship, so they are
downloaded once and converted to ONNX.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from reelmill.core.arrays import Float32, UInt8
from reelmill.models.faces.boxes import crops
from reelmill.models.faces.facenet_convert import SIZE
from reelmill.models.faces.network import AT_ONCE, FaceNetworkSpec

#: Pixels of the network's picture around a face's box, as in facenet-pytorch's own evaluation.
MARGIN = 14
_LIBRARIES_MB = 120
_A_FACE_MB = 12


@dataclass(frozen=True)
class FacenetSpec(FaceNetworkSpec):
    """A converted network: pictures (n, 160, 160, 3) to embeddings (n, d)."""

    side: ClassVar[int] = SIZE
    threshold: ClassVar[float] = 0.6

    def memory_mb(self, device_kind: str) -> float:
        """The weights, the activations of a batch, and the library."""
        weights = self.path.stat().st_size / (1 << 20)
        return 2 * weights + AT_ONCE * _A_FACE_MB + _LIBRARIES_MB

    def pictures(self, frame: UInt8, boxes: Float32, landmarks: Float32) -> UInt8:
        return face_pictures(frame, boxes)


def face_pictures(frame: UInt8, boxes: Float32) -> UInt8:
    """Faces cut out of a frame by their boxes, with a margin: (n, 160, 160, 3).

    Args:
        frame: RGB (height, width, 3).
        boxes: (n, 4) left, top, right, bottom.
    """
    sides = boxes[:, 2:] - boxes[:, :2]
    around = sides * np.float32(MARGIN / (SIZE - MARGIN) / 2)
    wider = np.concatenate([boxes[:, :2] - around, boxes[:, 2:] + around], axis=1)
    return crops([frame], np.zeros(len(boxes), np.int64), wider.astype(np.float32), SIZE)
