"""The sampler: figures of a scripted device, and of real processes."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence

import pytest

from reelmill.engine.resources.monitor import DeviceSample, Monitor, NvmlDevices
from tests.engine.toys import NoDevices


class Script:
    """A device that has given amounts of its 1000 MB in use, one a second."""

    def __init__(self, *used: float) -> None:
        self._used = list(used)

    def sample(self, own_pids: Sequence[int]) -> tuple[DeviceSample, ...]:
        return (DeviceSample(0, "scripted", self._used.pop(0), 1000.0, 40.0),)


def test_maximum_and_mean_of_a_scripted_device() -> None:
    # proves: G5 G15
    monitor = Monitor(Script(100.0, 700.0, 400.0), lambda: {os.getpid(): "test"})
    for _ in range(3):
        monitor.take()
    memory = monitor.device_memory
    assert memory is not None
    assert (memory.maximum_mb, memory.mean_mb, memory.total_mb) == (700.0, 400.0, 1000.0)
    assert monitor.device_utilization == 40.0
    assert monitor.last is not None and monitor.last.devices[0].used_share == 0.4


def test_without_a_device_there_are_no_device_figures() -> None:
    # proves: G19
    monitor = Monitor(NoDevices(), lambda: {os.getpid(): "test"})
    assert monitor.last is None and monitor.host_memory is None and monitor.cpu_percent is None
    monitor.take()
    assert monitor.device_memory is None and monitor.device_utilization is None
    assert monitor.host_memory is not None and monitor.host_memory.maximum_mb > 5


def test_memory_of_living_processes_of_the_run_is_counted() -> None:
    # proves: G15
    busy = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    pids = [os.getpid(), busy.pid]
    monitor = Monitor(NoDevices(), lambda: dict.fromkeys(pids, "test"))
    alone = Monitor(NoDevices(), lambda: {os.getpid(): "test"}).take().run_memory_mb
    both = monitor.take()
    until = time.monotonic() + 60
    while both.cpu_percent <= 1.0 and time.monotonic() < until:
        time.sleep(0.1)
        both = monitor.take()
    busy.kill()
    busy.wait()
    assert both.cpu_percent > 1.0  # little, on a machine with much else to do
    assert both.run_memory_mb > alone
    assert [(one.pid, one.what) for one in both.processes] == [(pid, "test") for pid in pids]
    assert all(one.memory_mb > 1 for one in both.processes)
    assert monitor.take().run_memory_mb < both.run_memory_mb
    assert len(monitor._processes) == 1


def test_only_the_last_samples_are_kept() -> None:
    monitor = Monitor(NoDevices(), dict)
    for _ in range(200):
        monitor.take()
    assert len(monitor.recent) == 120


def test_a_line_of_metrics_has_all_figures() -> None:
    line = Monitor(Script(100.0), dict).take().as_line()
    assert line["event"] == "sample" and line["devices"][0]["used_mb"] == 100.0


class _NvmlError(Exception):
    pass


class _Memory:
    used, total = 300 << 20, 1000 << 20


class _Process:
    def __init__(self, pid: int, mb: int | None) -> None:
        self.pid, self.usedGpuMemory = pid, None if mb is None else mb << 20


class _FakeNvml:
    """The part of pynvml that is used; a card that does not tell its clock."""

    NVMLError = _NvmlError
    NVML_TEMPERATURE_GPU = NVML_CLOCK_SM = 0

    @staticmethod
    def nvmlInit() -> None:  # noqa: N802
        pass

    @staticmethod
    def nvmlDeviceGetCount() -> int:  # noqa: N802
        return 1

    @staticmethod
    def nvmlDeviceGetHandleByIndex(index: int) -> object:  # noqa: N802
        return object()

    @staticmethod
    def nvmlDeviceGetMemoryInfo(handle: object) -> _Memory:  # noqa: N802
        return _Memory()

    @staticmethod
    def nvmlDeviceGetName(handle: object) -> bytes:  # noqa: N802
        return b"Card"

    @staticmethod
    def nvmlDeviceGetUtilizationRates(handle: object) -> object:  # noqa: N802
        raise _NvmlError

    @staticmethod
    def nvmlDeviceGetTemperature(handle: object, kind: int) -> int:  # noqa: N802
        return 50

    @staticmethod
    def nvmlDeviceGetClockInfo(handle: object, kind: int) -> int:  # noqa: N802
        raise _NvmlError

    @staticmethod
    def nvmlDeviceGetComputeRunningProcesses(handle: object) -> list[_Process]:  # noqa: N802
        return [_Process(1, 100), _Process(2, 50), _Process(3, None)]


def test_figures_a_gpu_lacks_are_left_out_and_other_programs_are_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # proves: G5 G6
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    devices = NvmlDevices(_FakeNvml)
    (sample,) = devices.sample([1])
    assert sample.name == "Card" and sample.used_share == pytest.approx(0.3)
    assert sample.foreign_mb == 50.0
    assert sample.temperature == 50.0 and sample.clock_mhz is None
    assert sample.utilization == 0.0
