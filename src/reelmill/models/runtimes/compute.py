"""The number format CTranslate2 computes in on a device."""

from __future__ import annotations

from reelmill.engine.stage import Device

#: In order of preference, for devices that lack the first (old GPUs have no float16, old CPUs no
#: int8).
_PREFERRED = {
    "cuda": ("float16", "int8_float32", "float32"),
    "cpu": ("int8", "int8_float32", "float32"),
}


def compute_type_for(device: Device, wanted: str) -> str:
    """`wanted`. For "auto", float16 on CUDA and int8 on the CPU, or what the device supports
    instead."""
    if wanted != "auto":
        return wanted
    import ctranslate2

    supported = ctranslate2.get_supported_compute_types(device.kind, device.index)
    return next((one for one in _PREFERRED[device.kind] if one in supported), "default")
