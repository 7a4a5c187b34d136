"""The settings of the engine, with defaults and the reasons for them."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from reelmill.core.keys import Seal, user_key
from reelmill.core.retries import RETRY_WAITS
from reelmill.engine.resources import device_policy, policy
from reelmill.engine.resources.placement import ModelPlacement
from reelmill.engine.stage import Device


@dataclass(frozen=True)
class Intervals:
    """Intervals and waiting times of the engine, in seconds."""

    #: Between samples of CPU, memory and devices. The policies count samples as seconds.
    sample: float = 1.0
    #: Between events that report progress.
    tell: float = 0.25
    #: Between checks of GPUs that were left or found busy.
    look_at_devices: float = device_policy.LOOK_EVERY_S
    #: Before a replica that moved to the CPU for lack of memory may return. Doubled each time it
    #: moves.
    away_from_device: float = 60.0
    #: How long to wait for a GPU's memory: the driver releases it a moment after the process has
    #: ended.
    memory_back: float = 10.0
    #: How long to wait for a small batch to fill while recordings are being split.
    linger: float = 0.02


@dataclass(frozen=True)
class EngineConfig:
    """Settings of one run. Times in seconds."""

    out: Path
    workers: int = 1
    #: Cores the models may use, and threads of each model worker on the CPU. None: chosen by their
    #: number.
    cores: int = 1
    threads: int | None = None
    devices: tuple[Device, ...] = field(default=(Device("cpu"),))
    device_reason: str = ""
    #: The engine chooses the number of model workers on the CPU.
    model_workers_open: bool = False
    #: The user named no device. The run leaves a busy GPU and uses one that becomes free.
    devices_automatic: bool = False
    #: The share of the machine's memory above which the run stops.
    memory_limit: float = policy.MEMORY_LIMIT
    #: Whether models stay loaded together or are loaded one after the other.
    placement: ModelPlacement = "auto"
    #: The measured needs of models on this machine are saved here.
    model_profiles: Path | None = None
    batch_size: int = 20
    max_batch: int = 32
    #: Size of the arena, for items on their way to the models: several batches of 30 s speech
    #: windows (1 MB each).
    arena_bytes: int = 256 << 20
    #: Recordings between their first and last stage: enough for short ones to fill a batch.
    open_recordings: int = 96
    retry_waits: tuple[float, ...] = RETRY_WAITS
    intervals: Intervals = field(default_factory=Intervals)
    least_deadline: float = 120.0
    start_deadline: float = 600.0
    #: A CPU task on a six-hour video may take long. A task without progress for this long counts as
    #: hung.
    stall_timeout: float = 300.0
    #: The most memory a CPU worker may use, in MB; None: no limit.
    worker_memory_mb: int | None = None
    #: Additional environment variables of the CPU workers.
    worker_environment: Mapping[str, str] = field(default_factory=dict)
    #: How long a stop waits before it ends what is still running. A stop then takes at most 30 s in
    #: all.
    drain_seconds: float = 20.0
    fresh: bool = False
    #: Names below `out` that can never be a recording's result: those of reports.
    reserved: tuple[str, ...] = ()
    #: Marks results as ours, and recognizes those of earlier runs.
    seal: Seal = field(default_factory=lambda: user_key().seal)
    #: A key that only this run's processes know. It seals what goes through spill files.
    spill_key: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)
    #: Keep the files of temporary stages (decoded audio).
    keep_temporary: bool = False
    #: Tell of the outputs of stages that are previewed as they come.
    previews: bool = False

    @property
    def cache(self) -> Path:
        return self.out / ".cache"
