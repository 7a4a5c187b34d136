"""Whose face it is: embeddings by InceptionResnetV1, trained on VGGFace2.

Cao et al., "VGGFace2: A dataset for recognising faces across pose and age", 2018
(arXiv:1710.08092). The weights are facenet-pytorch's; they are not shipped, because they are large,
but fetched once and converted to ONNX.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from reelmill.engine.stage import Device
from reelmill.errors import ModelUnavailableError
from reelmill.models.faces.boxes import Float32, UInt8, crops
from reelmill.models.faces.facenet_convert import SIZE
from reelmill.models.runtimes.onnx import OnnxModelSpec, open_network

#: Pixels of the network's picture around a face's box, as in facenet-pytorch's own evaluation.
MARGIN = 14
_LIBRARIES_MB = 120
_A_FACE_MB = 12
#: Faces the network gets in one call.
_AT_ONCE = 32


@dataclass(frozen=True)
class FacenetSpec(OnnxModelSpec):
    """A converted network on this machine: pictures (n, 160, 160, 3) to embeddings (n, d)."""

    path: Path
    label: str
    digest: str

    @property
    def name(self) -> str:
        return self.label

    @property
    def identity(self) -> str:
        return self.digest

    def memory_mb(self, device_kind: str) -> float:
        """The weights, a batch of faces on its way through, and the library."""
        weights = self.path.stat().st_size / (1 << 20)
        return 2 * weights + _AT_ONCE * _A_FACE_MB + _LIBRARIES_MB

    def load(self, device: Device, threads: int) -> Facenet:
        """As `open_network`."""
        return Facenet(open_network(self.path, device, threads), self.path)

    def warm_up(self, model: Facenet) -> None:
        model.embed(np.full((1, SIZE, SIZE, 3), 127, np.uint8))


class Facenet:
    """A loaded network."""

    def __init__(self, network: Any, path: Path) -> None:
        self._network, self._path = network, path
        self._input = network.get_inputs()[0]

    def embed(self, faces: UInt8) -> Float32:
        """Vectors of unit length, (n, d), of faces as `face_pictures` cuts them.

        Raises:
            ModelUnavailableError: the file is no such network.
        """
        if self._input.type != "tensor(uint8)":
            raise ModelUnavailableError(
                f"{self._path}: takes {self._input.type} {self._input.shape}, not uint8 pictures "
                f"(n, {SIZE}, {SIZE}, 3); give weights of facenet-pytorch, which are converted"
            )
        parts = [
            self._network.run(None, {self._input.name: faces[start : start + _AT_ONCE]})[0]
            for start in range(0, len(faces), _AT_ONCE)
        ]
        return np.concatenate(parts)


def face_pictures(frame: UInt8, boxes: Float32) -> UInt8:
    """Faces cut out of a frame as the network was trained to see them: (n, 160, 160, 3).

    Args:
        frame: RGB (height, width, 3).
        boxes: (n, 4) left, top, right, bottom.
    """
    sides = boxes[:, 2:] - boxes[:, :2]
    around = sides * np.float32(MARGIN / (SIZE - MARGIN) / 2)
    wider = np.concatenate([boxes[:, :2] - around, boxes[:, 2:] + around], axis=1)
    return crops([frame], np.zeros(len(boxes), np.int64), wider.astype(np.float32), SIZE)
