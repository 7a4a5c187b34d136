"""How much of a GPU's memory a process reports."""

from __future__ import annotations

import time

import pytest

from reelmill.engine.resources import monitor
from reelmill.engine.resources.process_memory import DeviceMeter
from reelmill.engine.stage import Device


class _Gpu:
    """NVML of a GPU on which this process has `mb` at the moment."""

    def __init__(self) -> None:
        self.mb = 1000.0
        self.seen: set[float] = set()

    def own_mb(self, index: int, pid: int) -> float:
        self.seen.add(self.mb)
        return self.mb

    def sample(self, own_pids: object) -> tuple[()]:
        return ()


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> _Gpu:
    gpu = _Gpu()
    monkeypatch.setattr(monitor, "NvmlDevices", lambda: gpu)
    return gpu


def test_memory_freed_within_a_batch_still_counts(gpu: _Gpu) -> None:
    # proves: G3
    meter = DeviceMeter(Device("cuda"))
    with meter.watching():
        gpu.mb = 5000.0
        until = time.monotonic() + 60
        while 5000.0 not in gpu.seen and time.monotonic() < until:
            time.sleep(0.01)
        gpu.mb = 1000.0
    assert meter.mb() == 1000.0
    assert meter.peak_mb == 5000.0


def test_each_batch_is_measured_separately_even_after_an_error(gpu: _Gpu) -> None:
    meter = DeviceMeter(Device("cuda"))
    gpu.mb = 5000.0
    with pytest.raises(RuntimeError), meter.watching():
        raise RuntimeError("CUDA failed with error out of memory")
    gpu.mb = 2000.0
    with meter.watching():
        pass
    assert meter.peak_mb == 2000.0


def test_on_the_cpu_nothing_is_measured() -> None:
    meter = DeviceMeter(Device("cpu"))
    with meter.watching():
        pass
    assert meter.mb() is None and meter.peak_mb is None
