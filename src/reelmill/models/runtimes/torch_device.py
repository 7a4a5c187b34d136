"""Shared code for models that need PyTorch: the device and the environment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from reelmill.engine.stage import Device, ModelSpec
from reelmill.errors import ModelUnavailableError
from reelmill.models.files import hub


class TorchModelSpec(ModelSpec):
    """A model of a library on PyTorch.

    `digest` identifies the weights, `version` is the library's, and `cuda` says whether its PyTorch
    supports GPUs.
    """

    library: ClassVar[str]

    digest: str
    version: str
    cuda: bool

    @property
    def identity(self) -> str:
        return f"{self.digest}:{self.library}-{self.version}"

    @property
    def environment(self) -> Mapping[str, str]:
        """The environment variables: no pyannote.audio telemetry, and downloads go to our cache."""
        return {"PYANNOTE_METRICS_ENABLED": "0", "HF_HUB_CACHE": str(hub.models_folder())}

    def unsupported_reason(self, device_kind: str) -> str:
        if device_kind == "cpu" or self.cuda:
            return ""
        return "PyTorch there has no CUDA support; install its CUDA build"


def torch_device(device: Device, threads: int) -> str:
    """The device as `cpu` or `cuda:0`. On the CPU, PyTorch uses `threads` threads from now on.

    Raises:
        ModelUnavailableError: PyTorch sees no such GPU.
    """
    import torch

    torch.set_num_threads(threads)
    if device.kind == "cpu":
        return "cpu"
    if device.index >= torch.cuda.device_count():
        raise ModelUnavailableError(
            f"PyTorch {torch.__version__} sees {torch.cuda.device_count()} CUDA device(s), not "
            f"{device}; install its CUDA build, or use --device cpu"
        )
    return str(device)
