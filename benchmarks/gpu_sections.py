"""The sections of `benchmarks.gpu`, in their order."""

from __future__ import annotations

import time
from collections.abc import Callable

from benchmarks.gpu_ask import Ask, Tell
from benchmarks.gpu_device import Watch
from benchmarks.gpu_engine import out_of_memory, replicas, sequential
from benchmarks.gpu_networks import faces, speakers
from benchmarks.gpu_whisper import allocators, large_v3, once, turbo
from reelmill.models.runtimes import cublas
from reelmill.models.runtimes.onnx import knows_cuda

_MB = 1 << 20


def device(ask: Ask, tell: Tell) -> None:
    import ctranslate2
    import onnxruntime

    kind = ask.scale.device.kind
    seen = Watch().now()
    tell(
        {
            "nvml": None if seen is None else vars(seen),
            "cuda_devices": ctranslate2.get_cuda_device_count(),
            "cublas": vars(cublas.find_cublas()),
            "onnxruntime": onnxruntime.__version__,
            "onnxruntime_has_cuda": knows_cuda(),
        }
    )
    ask.need_cuda()
    tell({"compute_types": sorted(ctranslate2.get_supported_compute_types(kind))})


def build_models(ask: Ask, tell: Tell) -> None:
    for architecture in (ask.scale.turbo, ask.scale.large):
        began = time.monotonic()
        spec = ask.model(architecture)
        size = (spec.path / "model.bin").stat().st_size
        took = round(time.monotonic() - began, 2)
        tell({architecture.name: {"seconds": took, "mb": round(size / _MB)}})


#: In the order they are run, with the seconds each may take. A section follows those that it needs;
#: the most important come first, so that a run that is cut short has them.
SECTIONS: dict[str, tuple[Callable[[Ask, Tell], None], float]] = {
    "device": (device, 20),
    "build_models": (build_models, 45),
    "turbo": (turbo, 70),
    "large_v3": (large_v3, 120),
    "out_of_memory": (out_of_memory, 60),
    "sequential": (sequential, 45),
    "replicas": (replicas, 45),
    "speakers": (speakers, 25),
    "faces": (faces, 25),
    "allocators": (allocators, 30),
}
#: Run by another section.
INNER: dict[str, Callable[[Ask, Tell], None]] = {"once": once}
