"""The driver's figures of a GPU while something runs on it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from reelmill.engine.resources.monitor import DeviceSample, NvmlDevices


@dataclass
class Watch:
    """Samples one GPU from a thread; has no figures if NVML sees none."""

    index: int = 0
    every_s: float = 0.05
    seen: list[DeviceSample] = field(default_factory=list)
    _nvml: NvmlDevices = field(default_factory=NvmlDevices)
    _ended: threading.Event = field(default_factory=threading.Event)

    def now(self) -> DeviceSample | None:
        samples = self._nvml.sample(())
        return next((one for one in samples if one.index == self.index), None)

    @contextmanager
    def watching(self) -> Iterator[Watch]:
        """Sample until the block ends, after forgetting earlier samples."""
        self.seen.clear()
        self._ended.clear()
        thread = threading.Thread(target=self._watch, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._ended.set()
            thread.join()

    def _watch(self) -> None:
        while True:
            sample = self.now()
            if sample is None:
                return
            self.seen.append(sample)
            if self._ended.wait(self.every_s):
                return

    def most_mb(self) -> float | None:
        return max((round(one.used_mb, 1) for one in self.seen), default=None)

    def figures(self) -> dict[str, Any]:
        """Memory in MB, shares in percent; empty where nothing was seen."""
        if not self.seen:
            return {}
        loads = [one.utilization for one in self.seen]
        clocks = [one.clock_mhz for one in self.seen if one.clock_mhz is not None]
        degrees = [one.temperature for one in self.seen if one.temperature is not None]
        return {
            "samples": len(self.seen),
            "used_mb_first": round(self.seen[0].used_mb, 1),
            "used_mb_most": self.most_mb(),
            "used_mb_last": round(self.seen[-1].used_mb, 1),
            "utilization_mean": round(sum(loads) / len(loads), 1),
            "utilization_most": max(loads),
            "clock_mhz_most": max(clocks, default=None),
            "temperature_most": max(degrees, default=None),
        }
