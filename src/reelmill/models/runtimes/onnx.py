"""Open networks with ONNX Runtime."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from reelmill.core.paths import ASSETS
from reelmill.engine.stage import Device, ModelSpec
from reelmill.errors import ModelUnavailableError, is_out_of_memory

#: Models that come with the package, one folder each.
SHIPPED = ASSETS / "models"

_CUDA = "CUDAExecutionProvider"
#: Our batches are of many shapes. For each new one cuDNN would by default try all its algorithms,
#: and the arena would take twice what was asked for, and keep it from the other models.
_CUDA_OPTIONS = {
    "cudnn_conv_algo_search": "HEURISTIC",
    "arena_extend_strategy": "kSameAsRequested",
}
_GPU_PACKAGE = 'pip install "onnxruntime-gpu[cuda,cudnn]"'
CUDA_REMEDY = f"pip uninstall onnxruntime; {_GPU_PACKAGE} (one replaces the other)"
_NO_CUDA = f"this ONNX Runtime has no CUDA support: {CUDA_REMEDY}"


class OnnxModelSpec(ModelSpec):
    """A model that ONNX Runtime computes."""

    def unsupported_reason(self, device_kind: str) -> str:
        return "" if device_kind == "cpu" or knows_cuda() else _NO_CUDA


@dataclass(frozen=True)
class OnnxFileSpec(OnnxModelSpec):
    """A network in its own file.

    Args:
        path: the ONNX file.
        label: its name for users.
        digest: of the file.
    """

    path: Path
    label: str
    digest: str

    @property
    def name(self) -> str:
        return self.label

    @property
    def identity(self) -> str:
        return self.digest


@lru_cache(maxsize=1)
def knows_cuda() -> bool:
    """Whether the installed ONNX Runtime was built for CUDA. It is not imported for this."""
    spec = find_spec("onnxruntime")
    folders = spec.submodule_search_locations or [] if spec else []
    return any(
        any(Path(folder, "capi").glob("*onnxruntime_providers_cuda.*")) for folder in folders
    )


@lru_cache(maxsize=1)
def multiplies_bytes_exactly() -> bool:
    """Whether this CPU is known to have instructions (VNNI) for sums of products of 8-bit numbers.
    On x86 CPUs without them ONNX Runtime's fast kernels overflow; it has slower ones that do not.
    """
    try:
        text = Path("/proc/cpuinfo").read_text("utf-8", "replace")
    except OSError:
        return False
    return not {"avx512_vnni", "avx_vnni"}.isdisjoint(text.split())


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
    # ONNX Runtime keeps a memory plan for each input shape. Our inputs have many shapes that seldom
    # repeat: with plans the face detector took 170 MB more and was no faster.
    options.enable_mem_pattern = False
    providers: list[Any] = ["CPUExecutionProvider"]
    # Threads that spin while waiting would take cores from other model workers.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if not multiplies_bytes_exactly():
        options.add_session_config_entry("session.x64quantprecision", "1")
    if device.kind == "cuda":
        if _CUDA not in onnxruntime.get_available_providers():
            raise ModelUnavailableError(f"{_NO_CUDA}, or use --device cpu")
        if hasattr(onnxruntime, "preload_dlls"):  # finds CUDA's libraries among the Python packages
            onnxruntime.preload_dlls()
        providers.insert(0, (_CUDA, {"device_id": device.index, **_CUDA_OPTIONS}))
    try:
        network = onnxruntime.InferenceSession(str(path), options, providers=providers)
    except Exception as error:
        if is_out_of_memory(error):
            raise
        came_with_us = path.is_relative_to(SHIPPED)
        remedy = "install reelmill" if came_with_us else "name another model or copy the file"
        raise ModelUnavailableError(
            f"{path} cannot be loaded by ONNX Runtime on {device}: "
            f"{str(error).strip().splitlines()[0]}; {remedy} again"
        ) from error
    if device.kind == "cuda" and _CUDA not in network.get_providers():
        raise ModelUnavailableError(
            f"ONNX Runtime {onnxruntime.__version__} cannot compute on {device}: CUDA's or cuDNN's "
            f"libraries are missing or of another version; {_GPU_PACKAGE}, or use --device cpu"
        )
    return network
