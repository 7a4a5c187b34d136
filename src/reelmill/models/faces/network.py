"""The interface of face networks: how a face is cut out, and its embedding."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from reelmill.core.arrays import Float32, UInt8
from reelmill.engine.stage import Device
from reelmill.errors import ModelUnavailableError
from reelmill.models.runtimes.onnx import OnnxFileSpec, open_network

#: Faces the network gets in one call.
AT_ONCE = 32
_OUTPUT = "embeddings"


@dataclass(frozen=True)
class FaceNetworkSpec(OnnxFileSpec):
    """A network on this machine: pictures of faces (n, side, side, 3) to embeddings (n, d).
    Embeddings of different networks cannot be compared.
    """

    purpose: ClassVar[str] = "face network"
    #: The side of the picture of a face, pixels.
    side: ClassVar[int]
    #: The least cosine of two embeddings of one person.
    threshold: ClassVar[float]

    @abstractmethod
    def pictures(self, frame: UInt8, boxes: Float32, landmarks: Float32) -> UInt8:
        """Faces cut out of a frame as the network was trained to see them.

        Args:
            frame: RGB (height, width, 3).
            boxes: (n, 4) left, top, right, bottom, pixels.
            landmarks: (n, 5, 2) x, y of the eyes, the nose and the corners of the mouth, those on
                the left of the picture first.

        Returns:
            (n, side, side, 3) uint8 RGB.
        """

    def load(self, device: Device, threads: int) -> FaceNetwork:
        """As `open_network`."""
        return FaceNetwork(open_network(self.path, device, threads), self)

    def warm_up(self, model: FaceNetwork) -> None:
        model.embed(np.full((1, self.side, self.side, 3), 127, np.uint8))


class FaceNetwork:
    """A loaded network."""

    def __init__(self, network: Any, spec: FaceNetworkSpec) -> None:
        self._network, self._spec = network, spec
        self._input = network.get_inputs()[0]

    def pictures(self, frame: UInt8, boxes: Float32, landmarks: Float32) -> UInt8:
        """As `FaceNetworkSpec.pictures`."""
        return self._spec.pictures(frame, boxes, landmarks)

    def embed(self, faces: UInt8) -> Float32:
        """Vectors of unit length, (n, d), of faces as `FaceNetworkSpec.pictures` cuts them.

        Raises:
            ModelUnavailableError: the file has another kind of network.
        """
        if self._input.type != "tensor(uint8)":
            raise ModelUnavailableError(
                f"{self._spec.path}: takes {self._input.type} {self._input.shape}, not uint8 "
                f"pictures (n, {self._spec.side}, {self._spec.side}, 3); give facenet-pytorch's "
                "own weights, which Reelmill converts"
            )
        parts = [
            self._network.run([_OUTPUT], {self._input.name: faces[start : start + AT_ONCE]})[0]
            for start in range(0, len(faces), AT_ONCE)
        ]
        return np.concatenate(parts)
