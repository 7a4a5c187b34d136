"""Resolve the name of a face detector."""

from __future__ import annotations

from pathlib import Path

from reelmill.errors import ModelUnavailableError
from reelmill.models.faces import facenet_pytorch
from reelmill.models.faces.detector import DetectorSpec
from reelmill.models.faces.facenet_pytorch import installed_spec
from reelmill.models.faces.mtcnn import MtcnnSpec
from reelmill.models.faces.yunet_scrfd import GridDetectorSpec
from reelmill.models.files.cache import file_digest

DEFAULT = "mtcnn"


def detector_spec(name: str) -> DetectorSpec:
    """The detector `name`: `mtcnn`, `facenet-pytorch`, or an ONNX file of YuNet or SCRFD.

    Raises:
        ModelUnavailableError: there is none of that name, or a library is missing.
    """
    if name == DEFAULT:
        return MtcnnSpec()
    if name == facenet_pytorch.NAME:
        return installed_spec()
    path = Path(name).expanduser()
    if path.is_file() and path.suffix == ".onnx":
        return GridDetectorSpec(path.resolve(), file_digest(path))
    what = "is not an .onnx file" if path.exists() else "the file does not exist"
    raise ModelUnavailableError(
        f"--detector {name}: {what}; give {DEFAULT}, {facenet_pytorch.NAME}, or the .onnx file of "
        "a YuNet or SCRFD"
    )
