"""PyTorch's name for a device."""

from __future__ import annotations

from reelmill.engine.stage import Device
from reelmill.errors import ModelUnavailableError


def torch_device(device: Device, threads: int) -> str:
    """As `cpu` or `cuda:0`; on the CPU PyTorch computes with `threads` threads from now on.

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
            f"{device}; install its CUDA build, or give --device cpu"
        )
    return str(device)
