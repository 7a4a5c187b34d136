"""The processes of a run: CPU pool, model workers, and the arena between them."""

from __future__ import annotations

import asyncio
import re
import time

from reelmill.core import gate
from reelmill.engine.config import EngineConfig
from reelmill.engine.execution.run_recorder import RunRecorder
from reelmill.engine.execution.stopping import Stopping
from reelmill.engine.inference.memory_estimator import MemoryEstimator
from reelmill.engine.inference.replicas import Told
from reelmill.engine.inference.service import InferenceService
from reelmill.engine.pipeline import Pipeline
from reelmill.engine.process import arena as buffers
from reelmill.engine.process import cpu_worker
from reelmill.engine.process.cpu_pool import CpuPool
from reelmill.engine.process.early import EarlyWorkers
from reelmill.engine.stage import ModelStage
from reelmill.engine.state import artifact_store as store

#: The names of log files of worker processes.
_LOGS = re.compile(r"[\w.-]+\.log")


class Workers:
    """Started when first needed, and ended together."""

    def __init__(
        self,
        pipeline: Pipeline,
        config: EngineConfig,
        recorder: RunRecorder,
        stopping: Stopping,
        estimator: MemoryEstimator,
        early: EarlyWorkers,
    ) -> None:
        self._stages = pipeline.stages
        self._config = config
        self._stopping = stopping
        logs = config.cache / "logs"
        gate.sweep(logs, _LOGS)  # logs of worker processes of earlier runs
        gate.make_folder(logs)
        self._early = early
        buffers.resize_memory(early.memory, config.arena_bytes)
        self.pool = CpuPool(
            config.workers,
            pipeline.stages,
            early.memory,
            logs,
            keys=cpu_worker.Keys(config.seal, config.spill_key),
            environment=config.worker_environment,
            memory_mb=config.worker_memory_mb,
            early=early,
        )
        self.inference = InferenceService(
            pipeline.stages,
            config,
            early.memory,
            buffers.Allocator(config.arena_bytes),
            logs,
            Told(
                batch=recorder.batch,
                room=self.pool.wake,
                fatal=stopping.fatal,
                disk_full=stopping.disk_full,
                warning=recorder.warn,
            ),
            estimator,
        )

    @property
    def processes(self) -> dict[int, str]:
        """The role of each process, by process id."""
        return {**dict.fromkeys(self.pool.pids, "worker"), **self.inference.replicas.processes}

    @property
    def left_files(self) -> bool:
        """Whether a worker was ended during a task and may have left files."""
        return bool(self.pool.broken_off)

    async def begin(self, new: int) -> None:
        """Start everything that `new` recordings need first, at the same time. This includes one
        worker more than there are recordings, for parts of one."""
        if not new:
            return
        await self.pool.begin(1)
        models = [at for at, stage in enumerate(self._stages) if isinstance(stage, ModelStage)]
        # If there are results, it may turn out that no model is needed.
        if models and not store.artifacts(self._config.cache).exists():
            self.inference.replicas.expect(models[0])
            await asyncio.sleep(0)  # model workers before the other workers: they take longer
        await self.pool.begin(new + 1)
        self._early.end_waiting()

    async def drain(self) -> None:
        """Start nothing new, and wait for started work, but not longer than a stop may take."""
        self.pool.drain()
        self.inference.drain()
        until = time.monotonic() + self._config.drain_seconds
        while self._busy and not self._stopping.is_urgent and time.monotonic() < until:
            await asyncio.sleep(0.02)

    @property
    def _busy(self) -> bool:
        return bool(self.pool.busy) or self.inference.replicas.busy

    async def close(self) -> None:
        """End all processes. They and the arena are gone when this returns."""
        await asyncio.gather(self.inference.stop(), self.pool.close())
        self._early.close()
