"""facenet-pytorch's own MTCNN, for those who want exactly that (extra `faces`)."""

from __future__ import annotations

import importlib.metadata
import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from reelmill.core.arrays import UInt8
from reelmill.engine.stage import Device
from reelmill.errors import ModelUnavailableError
from reelmill.models.faces.detector import DetectorSpec, Faces, no_faces

NAME = "facenet-pytorch"
_MODULE, _NEEDED = "facenet_pytorch", ("torch", "torchvision")
#: Two of its own defaults, and the smallest face of our MTCNN, so that the two can be compared.
_SMALLEST = 20


@dataclass(frozen=True)
class FacenetPytorchSpec(DetectorSpec):
    """The MTCNN of the installed facenet-pytorch, unchanged."""

    version: str

    @property
    def name(self) -> str:
        return NAME

    @property
    def identity(self) -> str:
        return f"{NAME} {self.version}"

    @property
    def sure(self) -> float:
        return 0.85

    def memory_mb(self, device_kind: str) -> float:
        return 900.0 if device_kind == "cpu" else 1800.0

    def load(self, device: Device, threads: int) -> FacenetPytorch:
        """Raises ModelUnavailableError when a library cannot be loaded."""
        try:
            import torch
            from facenet_pytorch import MTCNN
        except (ImportError, OSError, RuntimeError) as error:
            raise ModelUnavailableError(
                f"--detector {NAME}: {' '.join(str(error).split())}; install matching versions "
                "of torch and torchvision, or use --detector mtcnn, which needs neither"
            ) from error
        torch.set_num_threads(threads)
        network = MTCNN(keep_all=True, min_face_size=_SMALLEST, device=str(device))
        return FacenetPytorch(network.eval())

    def warm_up(self, model: FacenetPytorch) -> None:
        model.look([np.full((60, 80, 3), 127, np.uint8)])


class FacenetPytorch:
    """The loaded MTCNN."""

    def __init__(self, network: Any) -> None:
        self._network = network

    def look(self, frames: Sequence[UInt8]) -> list[Faces]:
        """All faces of each frame. Frames are RGB (height, width, 3) of one size."""
        boxes, scores, points = self._network.detect(np.stack(frames), landmarks=True)
        return [_faces(*found) for found in zip(boxes, scores, points, strict=True)]


def installed_spec() -> FacenetPytorchSpec:
    """The spec of the installed library.

    Raises:
        ModelUnavailableError: it, or a library it needs, is not installed.
    """
    missing = [one for one in (_MODULE, *_NEEDED) if importlib.util.find_spec(one) is None]
    if missing:
        raise ModelUnavailableError(
            f"--detector {NAME} needs {', '.join(missing)}: pip install 'reelmill[faces]', or "
            "use --detector mtcnn, which has the same weights and needs no PyTorch"
        )
    return FacenetPytorchSpec(importlib.metadata.version(NAME))


def _faces(boxes: Any, scores: Any, points: Any) -> Faces:
    if boxes is None:
        return no_faces()
    order = np.argsort(-np.asarray(scores, np.float32))
    arrays = (np.asarray(one, np.float32)[order] for one in (boxes, scores, points))
    return Faces(*arrays)
