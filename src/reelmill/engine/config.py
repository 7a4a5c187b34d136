"""What the engine can be told, with its defaults and their reasons."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from reelmill.core.keys import Seal, user_key
from reelmill.engine.resources import device_policy, policy
from reelmill.engine.resources.placement import ModelPlacement
from reelmill.engine.stage import Device


@dataclass(frozen=True)
class Intervals:
    """How often the engine looks, and for how long it waits; seconds."""

    #: Between samples of CPU, memory and devices. The policies count samples as seconds.
    sample: float = 1.0
    #: Between events that tell where the run stands.
    tell: float = 0.25
    #: Between looks at GPUs that were left or found busy.
    look_at_devices: float = device_policy.LOOK_EVERY_S
    #: Until a replica that memory drove to the CPU may go back; twice as long each further time.
    away_from_device: float = 60.0
    #: A GPU's driver gives memory back a moment after the process has gone.
    memory_back: float = 10.0
    #: For a thin batch to fill while recordings are being split.
    linger: float = 0.02


@dataclass(frozen=True)
class EngineConfig:
    """Settings of one run. Times in seconds."""

    out: Path
    workers: int = 1
    #: Cores the models may use, and threads of each model worker on the CPU; None: by their number.
    cores: int = 1
    threads: int | None = None
    devices: tuple[Device, ...] = field(default=(Device("cpu"),))
    device_reason: str = ""
    #: The number of model workers on the CPU is left to the engine.
    model_workers_open: bool = False
    #: Nobody named a device: a busy GPU is left, and one that comes free is used.
    devices_automatic: bool = False
    #: The share of the machine's memory in use past which the run does not go on.
    memory_limit: float = policy.MEMORY_LIMIT
    #: Whether models stay loaded together, or one after the other.
    placement: ModelPlacement = "auto"
    #: What models were seen to need on this machine is remembered here.
    model_profiles: Path | None = None
    batch_size: int = 20
    max_batch: int = 32
    #: Items on their way to the models: enough for several batches of 30 s speech windows (1 MB).
    arena_bytes: int = 256 << 20
    #: Recordings between first and last stage: enough that short ones can fill a batch.
    open_recordings: int = 96
    retry_waits: tuple[float, ...] = policy.RETRY_WAITS
    intervals: Intervals = field(default_factory=Intervals)
    least_deadline: float = 120.0
    start_deadline: float = 600.0
    #: A CPU task on a six-hour video may take long; one that shows no progress for so long hangs.
    stall_timeout: float = 300.0
    #: The most memory a CPU worker may take, MB; None: no limit.
    worker_memory_mb: int | None = None
    #: Variables the CPU workers have beside ours.
    worker_environment: Mapping[str, str] = field(default_factory=dict)
    #: What a stop waits for before it ends what is still running; with that it takes 30 at most.
    drain_seconds: float = 20.0
    fresh: bool = False
    #: Names below `out` that are never a recording's result: those of reports.
    reserved: tuple[str, ...] = ()
    #: What marks results as ours, and tells that those of earlier runs are.
    seal: Seal = field(default_factory=lambda: user_key().seal)
    #: Known to this run's processes alone: what goes through spill files is sealed with it.
    spill_key: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)
    #: Keep the files of transient stages (decoded audio).
    keep_temporary: bool = False

    @property
    def cache(self) -> Path:
        return self.out / ".cache"
