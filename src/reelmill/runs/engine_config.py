"""Turns a user's settings into those of the engine."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from reelmill.core import gate
from reelmill.core.cores import usable_cores
from reelmill.core.paths import user_cache
from reelmill.engine.config import EngineConfig
from reelmill.engine.pipeline import Pipeline
from reelmill.engine.resources import policy
from reelmill.engine.resources.devices import DeviceChoice
from reelmill.engine.resources.monitor import machine_memory_mb
from reelmill.engine.stage import FileStage
from reelmill.engine.state.artifact_store import artifacts
from reelmill.media.limits import MediaLimits
from reelmill.runs.reports import RESERVED
from reelmill.settings import Settings

_MB = 1 << 20


def engine_config(
    settings: Settings, out: Path, choice: DeviceChoice, pipeline: Pipeline, fresh: bool
) -> EngineConfig:
    """The user's settings, and for those not given, values that suit the machine."""
    cores = usable_cores()
    parts = any((isinstance(stage, FileStage) and stage.parted) for stage in pipeline.stages)
    workers = settings.workers or policy.default_workers(cores, cpu_parts=parts)
    most = _largest_batch(settings, choice)
    arena = policy.default_arena_mb(_gpus(choice), most, workers if parts else 1)
    return replace(
        _for_machine(settings, choice, out, cores=cores, workers=workers, arena_mb=arena),
        worker_environment=worker_environment(settings),
        stall_timeout=settings.stall_timeout,
        placement=settings.placement,
        batch_size=min(settings.batch_size, most),
        max_batch=most,
        fresh=fresh,
        reserved=RESERVED,
        keep_temporary=settings.keep_audio,
    )


#: What an engine decides for all its runs.
SHARED = (
    "workers", "worker_memory_mb", "cores", "threads", "devices", "device_reason",
    "model_workers_open", "devices_automatic", "memory_limit", "arena_bytes", "spill_key",
)  # fmt: skip
#: With fewer CPU workers, one long recording would keep those of other runs waiting.
_LEAST_SHARED_WORKERS = 2
#: Items of any task: frames of videos are larger than windows of speech.
_LEAST_SHARED_ARENA_MB = 256


def shared_config(
    settings: Settings, choice: DeviceChoice, cores: int, folder: Path
) -> EngineConfig:
    """The settings of an engine that several runs share."""
    workers = settings.workers or max(_LEAST_SHARED_WORKERS, policy.default_workers(cores))
    by_batch = policy.default_arena_mb(_gpus(choice), _largest_batch(settings, choice))
    arena = max(_LEAST_SHARED_ARENA_MB, by_batch)
    return _for_machine(settings, choice, folder, cores=cores, workers=workers, arena_mb=arena)


def _for_machine(
    settings: Settings, choice: DeviceChoice, out: Path, *, cores: int, workers: int, arena_mb: int
) -> EngineConfig:
    """What does not depend on a pipeline. `arena_mb` is for a user who sets none."""
    limit = settings.memory_limit / 100
    worker_memory = policy.worker_memory_mb(machine_memory_mb()[1], limit, workers)
    return EngineConfig(
        out=out,
        workers=workers,
        worker_memory_mb=settings.worker_memory or worker_memory,
        cores=cores,
        threads=settings.threads,
        devices=choice.devices,
        device_reason=choice.reason,
        model_workers_open=choice.model_workers_open,
        devices_automatic=choice.automatic,
        memory_limit=limit,
        model_profiles=user_cache() / "model_profiles.json",
        arena_bytes=(settings.arena or arena_mb) * _MB,
    )


def _gpus(choice: DeviceChoice) -> int:
    return sum(device.kind != "cpu" for device in choice.devices)


def worker_environment(settings: Settings) -> dict[str, str]:
    """The variables of the CPU workers: the limits on what one recording may take."""
    media = MediaLimits(
        settings.max_tracks, settings.max_pixels, settings.max_silence, settings.max_stretch
    )
    return media.variables()


def early_workers(settings: Settings, out: Path, new: int, *, cpu_parts: bool) -> int:
    """How many CPU workers to start before the pipeline is built, for `new` recordings: those that
    are needed first. None if there may be nothing to do, or no core without work."""
    cores = usable_cores()
    if cores < 2 or not new or artifacts(out / gate.CACHE).exists():
        return 0
    return min(settings.workers or policy.default_workers(cores, cpu_parts=cpu_parts), new + 1)


def _largest_batch(settings: Settings, choice: DeviceChoice) -> int:
    """As set; otherwise by the GPU's memory, and never less than the first batch."""
    if settings.max_batch is not None and "max_batch" in settings.model_fields_set:
        return settings.max_batch
    by_memory = settings.max_batch or policy.default_max_batch(choice.free_mb or 0.0)
    return max(by_memory, settings.batch_size)
