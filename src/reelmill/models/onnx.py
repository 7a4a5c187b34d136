"""Opening networks with ONNX Runtime."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from reelmill.engine.stage import Device
from reelmill.errors import ModelUnavailableError, is_out_of_memory

#: Models that come with the package, a folder each.
SHIPPED = Path(__file__).resolve().parent.parent / "assets" / "models"


def open_network(path: Path, device: Device, threads: int) -> Any:
    """An `onnxruntime.InferenceSession` on the device; `threads` on the CPU.

    Raises:
        ModelUnavailableError: the file is damaged or missing, or this ONNX Runtime cannot use
            the device.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = 3
    # Plans of memory are kept for each shape of input; ours have many, and none of them repeats
    # often: the face detector took 170 MB more and no less time.
    options.enable_mem_pattern = False
    providers: list[Any] = ["CPUExecutionProvider"]
    if device.kind == "cuda":
        if "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
            raise ModelUnavailableError(
                "this ONNX Runtime knows no CUDA: pip uninstall onnxruntime; "
                "pip install onnxruntime-gpu (one replaces the other), or use --device cpu"
            )
        providers.insert(0, ("CUDAExecutionProvider", {"device_id": device.index}))
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=providers)
    except Exception as error:
        if is_out_of_memory(error):
            raise
        came_with_us = path.is_relative_to(SHIPPED)
        remedy = "install reelmill" if came_with_us else "name another model or copy the file"
        raise ModelUnavailableError(
            f"{path} cannot be loaded by ONNX Runtime on {device}: "
            f"{str(error).strip().splitlines()[0]}; {remedy} again"
        ) from error
