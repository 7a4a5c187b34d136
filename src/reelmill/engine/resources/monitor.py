"""Samples CPU, memory and devices once a second."""

from __future__ import annotations

import contextlib
import ctypes
import os
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from reelmill.engine.telemetry.metrics import MemoryUse

if TYPE_CHECKING:
    import psutil  # not installed where a model worker of another environment asks NVML

_MB = 1 << 20
#: NVML's library, which comes with the driver.
_NVML = "libnvidia-ml.so.1"
_CGROUP = Path("/sys/fs/cgroup")


@dataclass(frozen=True)
class DeviceSample:
    """A device as NVML reports it: memory in use in MB, including other processes, and utilization
    in percent.

    `foreign_mb` and `own_mb`: memory of processes outside and inside the run; None if NVML does not
    tell, or knows none of ours (as in a container).
    """

    index: int
    name: str
    used_mb: float
    total_mb: float
    utilization: float
    temperature: float | None = None
    clock_mhz: float | None = None
    foreign_mb: float | None = None
    own_mb: float | None = None

    @property
    def used_share(self) -> float:
        return self.used_mb / self.total_mb if self.total_mb else 0.0


@dataclass(frozen=True)
class ProcessSample:
    """A process of the run. `memory_mb` is all resident memory, shared or not."""

    pid: int
    what: str
    memory_mb: float


@dataclass(frozen=True)
class Sample:
    """The machine and the run at one moment. Memory in MB, CPU in percent of one core."""

    at: float
    cpu_percent: float
    run_memory_mb: float
    machine_used_mb: float
    machine_total_mb: float
    devices: tuple[DeviceSample, ...] = ()
    processes: tuple[ProcessSample, ...] = ()

    def as_line(self) -> dict[str, Any]:
        return {"event": "sample", **asdict(self)}


class Devices(Protocol):
    """A source of device figures: NVML, or a script in tests."""

    def sample(self, own_pids: Sequence[int]) -> tuple[DeviceSample, ...]: ...


class NvmlDevices:
    """NVIDIA devices through NVML; none if there is no driver."""

    def __init__(self, nvml: Any = None) -> None:
        """`nvml`: an object with pynvml's functions; by default the installed pynvml."""
        self._handles: list[Any] = []
        self._nvml: Any = None
        with contextlib.suppress(Exception):  # no driver: pynvml has an error type per cause
            if nvml is None:
                ctypes.CDLL(_NVML)  # fails at once; pynvml takes 16 ms to import, and then fails
                import pynvml as nvml  # type: ignore[no-redef]
            nvml.nvmlInit()
            self._nvml = nvml
            self._handles = _visible_handles(nvml)

    def sample(self, own_pids: Sequence[int]) -> tuple[DeviceSample, ...]:
        found = []
        for index, handle in enumerate(self._handles):
            with contextlib.suppress(self._nvml.NVMLError):  # a lost device is left out
                found.append(self._one(index, handle, set(own_pids)))
        return tuple(found)

    def own_mb(self, index: int, pid: int) -> float | None:
        """The memory of a process on a device; None if NVML does not know the process."""
        if index >= len(self._handles):
            return None
        with contextlib.suppress(self._nvml.NVMLError):
            for process in self._nvml.nvmlDeviceGetComputeRunningProcesses(self._handles[index]):
                if process.pid == pid and process.usedGpuMemory is not None:
                    return float(process.usedGpuMemory / _MB)
        return None

    def _one(self, index: int, handle: Any, own: set[int]) -> DeviceSample:
        nvml = self._nvml
        memory = nvml.nvmlDeviceGetMemoryInfo(handle)
        name = nvml.nvmlDeviceGetName(handle)

        def reading(call: Callable[[], float]) -> float | None:
            try:
                return float(call())
            except nvml.NVMLError:  # not every card reports everything
                return None

        def uses() -> tuple[float, float | None]:
            processes = nvml.nvmlDeviceGetComputeRunningProcesses(handle)
            ours = [p.usedGpuMemory or 0 for p in processes if p.pid in own]
            foreign = sum((p.usedGpuMemory or 0) for p in processes if p.pid not in own)
            return foreign / _MB, sum(ours) / _MB if ours else None

        foreign_mb: float | None = None
        own_mb: float | None = None
        with contextlib.suppress(nvml.NVMLError):
            foreign_mb, own_mb = uses()
        utilization = reading(lambda: nvml.nvmlDeviceGetUtilizationRates(handle).gpu)
        return DeviceSample(
            index,
            name.decode() if isinstance(name, bytes) else str(name),
            memory.used / _MB,
            memory.total / _MB,
            utilization or 0.0,
            reading(lambda: nvml.nvmlDeviceGetTemperature(handle, nvml.NVML_TEMPERATURE_GPU)),
            reading(lambda: nvml.nvmlDeviceGetClockInfo(handle, nvml.NVML_CLOCK_SM)),
            foreign_mb,
            own_mb,
        )


def _visible_handles(nvml: Any) -> list[Any]:
    """The GPUs that CUDA will use, in its order. `CUDA_VISIBLE_DEVICES` names or numbers them.

    Model workers are told to number them by bus (`CUDA_DEVICE_ORDER`), as NVML does.
    """
    handles = [nvml.nvmlDeviceGetHandleByIndex(i) for i in range(nvml.nvmlDeviceGetCount())]
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is None:
        return handles
    shown = []
    for name in (part.strip() for part in visible.split(",")):
        if name.isdigit() and int(name) < len(handles):
            shown.append(handles[int(name)])
        elif name.startswith("GPU-"):
            shown.append(nvml.nvmlDeviceGetHandleByUUID(name))
        else:  # like CUDA, ignore everything after a name that matches nothing
            break
    return shown


def machine_memory_mb() -> tuple[float, float]:
    """Used and total MB of the machine or of its container, whichever has less left."""
    import psutil

    machine = psutil.virtual_memory()
    used, total = (machine.total - machine.available) / _MB, machine.total / _MB
    limit = _cgroup_number("memory.max", "memory/memory.limit_in_bytes")
    current = _cgroup_number("memory.current", "memory/memory.usage_in_bytes")
    if limit is None or current is None or limit / _MB >= total:
        return used, total
    inside = max(0.0, current - _cgroup_cache()) / _MB
    if limit / _MB - inside < total - used:
        return inside, limit / _MB
    return used, total


def _cgroup_number(*names: str) -> float | None:
    """A figure of control groups version 2 or, if it has none, version 1."""
    for name in names:
        with contextlib.suppress(OSError, ValueError):
            return float((_CGROUP / name).read_text())
    return None


def _cgroup_cache() -> float:
    """Bytes of cached files that the kernel would release."""
    for name in ("memory.stat", "memory/memory.stat"):
        with contextlib.suppress(OSError, ValueError):
            for line in (_CGROUP / name).read_text().splitlines():
                key, _, value = line.partition(" ")
                if key in ("inactive_file", "total_inactive_file"):
                    return float(value)
    return 0.0


@dataclass
class _Mean:
    maximum: float = 0.0
    total: float = 0.0
    count: int = 0

    def add(self, value: float) -> None:
        self.maximum = max(self.maximum, value)
        self.total += value
        self.count += 1

    @property
    def mean(self) -> float:
        return self.total / self.count if self.count else 0.0


@dataclass
class Monitor:
    """Takes samples of the run's processes, and keeps the last ones and the totals.

    `running`: the run's current processes by id, with their roles. `leader`: takes the samples of
    an engine that several runs share; each run counts those of its own time.
    """

    devices: Devices
    running: Callable[[], Mapping[int, str]]
    leader: Monitor | None = None
    recent: deque[Sample] = field(default_factory=lambda: deque(maxlen=120))
    _processes: dict[int, psutil.Process] = field(default_factory=dict)
    _memory: _Mean = field(default_factory=_Mean)
    _cpu: _Mean = field(default_factory=_Mean)
    _device_memory: _Mean = field(default_factory=_Mean)
    _utilization: _Mean = field(default_factory=_Mean)
    _device_total_mb: float = 0.0

    def take(self) -> Sample:
        """Take a sample. The first one of a process counts no CPU, because there is nothing to
        compare with."""
        leader = self.leader
        sample = self._sample() if leader is None else leader.last or leader.take()
        self._count(sample)
        return sample

    def fresh(self) -> Sample:
        """As `take`, even if somebody else has just taken one."""
        if self.leader is not None:
            self.leader.take()
        return self.take()

    def _sample(self) -> Sample:
        import psutil

        cpu = private = shared = 0.0
        running = self.running()
        pids = list(running)
        seen: list[ProcessSample] = []
        self._processes = {pid: self._processes.get(pid) or p for pid, p in _alive(pids)}
        for pid, process in self._processes.items():
            with contextlib.suppress(psutil.Error):
                cpu += process.cpu_percent()
                use = process.memory_info()
                of_many = getattr(use, "shared", 0)  # mainly the arena, which is counted once
                private += (use.rss - of_many) / _MB
                shared = max(shared, of_many / _MB)
                seen.append(ProcessSample(pid, running[pid], round(use.rss / _MB, 1)))
        used, total = machine_memory_mb()
        return Sample(
            time.time(),
            cpu,
            private + shared,
            used,
            total,
            self.devices.sample(pids),
            tuple(seen),
        )

    def _count(self, sample: Sample) -> None:
        self.recent.append(sample)
        self._cpu.add(sample.cpu_percent)
        self._memory.add(sample.run_memory_mb)
        if sample.devices:
            self._device_memory.add(sum(device.used_mb for device in sample.devices))
            self._utilization.add(
                sum(device.utilization for device in sample.devices) / len(sample.devices)
            )
            self._device_total_mb = sum(device.total_mb for device in sample.devices)

    @property
    def last(self) -> Sample | None:
        return self.recent[-1] if self.recent else None

    @property
    def cpu_percent(self) -> float | None:
        return self._cpu.mean if self._cpu.count else None

    @property
    def host_memory(self) -> MemoryUse | None:
        if self.last is None:
            return None
        return MemoryUse(self._memory.maximum, self._memory.mean, self.last.machine_total_mb)

    @property
    def device_memory(self) -> MemoryUse | None:
        if not self._device_memory.count:
            return None
        return MemoryUse(
            self._device_memory.maximum, self._device_memory.mean, self._device_total_mb
        )

    @property
    def device_utilization(self) -> float | None:
        return self._utilization.mean if self._utilization.count else None


def _alive(pids: Sequence[int]) -> list[tuple[int, psutil.Process]]:
    import psutil

    found = []
    for pid in pids:
        with contextlib.suppress(psutil.NoSuchProcess):
            found.append((pid, psutil.Process(pid)))
    return found
