"""What a process has of the machine's memory and of a device's, asked by the process itself."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Any

import psutil

from reelmill.engine.stage import Device

_MB = 1 << 20
_OWN_PARTS = ("RssAnon:", "RssFile:")


def process_mb() -> float:
    """Memory of this process in MB, without the arena it shares with the others."""
    with contextlib.suppress(OSError):
        lines = Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines()
        kilobytes = [int(line.split()[1]) for line in lines if line.startswith(_OWN_PARTS)]
        if kilobytes:
            return sum(kilobytes) / 1024
    return float(psutil.Process().memory_info().rss / _MB)


class DeviceMeter:
    """What this process has of a device's memory; nothing on the CPU or without NVML.

    In a container NVML may not know our process: then it is what came to be used since the meter
    was made, others' use included.
    """

    def __init__(self, device: Device) -> None:
        self._nvml: Any = None
        self._before_mb = 0.0
        if device.kind == "cpu":
            return
        with contextlib.suppress(Exception):  # no driver: pynvml has an error type per cause
            from reelmill.engine.monitor import NvmlDevices

            self._nvml = NvmlDevices()
            self._index = device.index
            self._before_mb = self._used_mb() or 0.0

    def mb(self) -> float | None:
        if self._nvml is None:
            return None
        own = self._nvml.own_mb(self._index, os.getpid())
        if own is not None:
            return float(own)
        used = self._used_mb()
        return None if used is None else max(0.0, used - self._before_mb)

    def _used_mb(self) -> float | None:
        samples = self._nvml.sample(())
        return next((float(s.used_mb) for s in samples if s.index == self._index), None)
