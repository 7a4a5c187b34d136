"""What an engine that serves several runs is doing at one moment, for a status page."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class DeviceState:
    """A GPU, as its driver reports it: memory in MB, including that of other programs, utilization
    in percent."""

    device: str
    name: str
    used_mb: float
    total_mb: float
    utilization: float


@dataclass(frozen=True)
class ModelWorkerState:
    """A model worker. `busy_share` is the share of time between its first and last batch in which
    it was inferring; `memory_mb` is the most it has had. `pid` is None until it has started."""

    name: str
    model: str
    device: str
    pid: int | None
    loaded: bool
    batches: int
    items: int
    busy_share: float | None
    memory_mb: float | None


@dataclass(frozen=True)
class RunState:
    """A run on the engine. `open_recordings` have been started and are not finished."""

    out: Path
    task: str
    priority: int
    paused: bool
    recordings: int
    done: int
    failed: int
    open_recordings: int


@dataclass(frozen=True)
class EngineSnapshot:
    """An engine at one moment. Memory in MB.

    Attributes:
        seconds: since it was opened.
        devices: where models are loaded.
        gpus: every GPU that the driver reports.
        memory_mb: of all the engine's processes; None before the first sample.
        machine_used_mb: of the machine or its container, with other programs.
        machine_total_mb: all it has.
        cpu_percent: of one core, by all the engine's processes.
        workers: CPU workers that may run at the same time.
        workers_busy: those that have a task.
        arena_used: share of the shared memory that holds items on their way to models.
        model_workers: loaded or being loaded.
        queued_items: items that wait for a model, by what is done with them.
        runs: in order of their start.
    """

    seconds: float
    devices: tuple[str, ...]
    gpus: tuple[DeviceState, ...]
    memory_mb: float | None
    machine_used_mb: float | None
    machine_total_mb: float | None
    cpu_percent: float | None
    workers: int
    workers_busy: int
    arena_used: float
    model_workers: tuple[ModelWorkerState, ...]
    queued_items: dict[str, int]
    runs: tuple[RunState, ...]
