"""The memory of a process, on the machine and on a device, measured by the process itself."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from reelmill.engine.stage import Device

_MB = 1 << 20
#: Between looks at a device while it infers: a batch takes some tenths of a second and more.
_LOOK_EVERY_S = 0.05
_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def process_mb() -> float:
    """The memory of this process in MB, without the arena it shares with others."""
    parts = _status()
    if "RssAnon" in parts:
        return parts["RssAnon"] + parts["RssFile"]
    import psutil

    return float(psutil.Process().memory_info().rss / _MB)


def begin_peak() -> None:
    """Start a new measurement of `peak_mb`, if the system supports it (Linux)."""
    with contextlib.suppress(OSError):
        _CLEAR.write_text("5")


def peak_mb() -> float:
    """The peak since `begin_peak`, without the arena; the current memory where the peak is
    unknown."""
    parts = _status()
    if "VmHWM" in parts and "RssShmem" in parts:
        return parts["VmHWM"] - parts["RssShmem"]
    return process_mb()


def release() -> float:
    """Collect garbage and release memory that libraries keep. Returns the released MB."""
    before = process_mb()
    gc.collect()
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        torch.cuda.empty_cache()
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):  # this libc does not have it
            ctypes.CDLL(None).malloc_trim(0)
    return max(0.0, before - process_mb())


def _status() -> dict[str, float]:
    """The memory lines of the process's status, in MB; none outside Linux."""
    with contextlib.suppress(OSError):
        lines = _STATUS.read_text(encoding="ascii", errors="replace").splitlines()
        fields = (line.split() for line in lines if line.endswith(" kB"))
        return {name.rstrip(":"): int(kilobytes) / 1024 for name, kilobytes, *_ in fields}
    return {}


class DeviceMeter:
    """This process's memory on a device; nothing on the CPU or without NVML.

    In a container NVML may not know our process. Then it is the increase of memory in use since the
    meter was created, including other programs.
    """

    def __init__(self, device: Device) -> None:
        self._nvml: Any = None
        self._before_mb = 0.0
        self._most_mb: float | None = None
        if device.kind == "cpu":
            return
        with contextlib.suppress(Exception):  # no driver: pynvml has an error type per cause
            from reelmill.engine.resources.monitor import NvmlDevices

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

    @contextlib.contextmanager
    def watching(self) -> Iterator[None]:
        """While the block runs, look what this process has: CTranslate2 gives large pieces back as
        soon as they are not in use, so that after a batch nothing is left to be seen of it."""
        self._most_mb = self.mb()
        if self._nvml is None:
            yield
            return
        ended = threading.Event()
        looking = threading.Thread(target=self._look, args=(ended,), daemon=True)
        looking.start()
        try:
            yield
        finally:
            ended.set()
            looking.join()

    @property
    def peak_mb(self) -> float | None:
        """The most this process was seen to have in the last `watching`."""
        return self._most_mb

    def _look(self, ended: threading.Event) -> None:
        while not ended.wait(_LOOK_EVERY_S):
            self._most_mb = max(self._most_mb or 0.0, self.mb() or 0.0)
        self._most_mb = max(self._most_mb or 0.0, self.mb() or 0.0)

    def _used_mb(self) -> float | None:
        samples = self._nvml.sample(())
        return next((float(s.used_mb) for s in samples if s.index == self._index), None)
