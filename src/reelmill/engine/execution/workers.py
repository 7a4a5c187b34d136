"""Processes: CPU pool, model workers, and the arena between them; and how one run uses them."""

from __future__ import annotations

import asyncio
import re
import time
from pathlib import Path

from reelmill.core import gate
from reelmill.engine.config import EngineConfig
from reelmill.engine.execution.planner import Planner
from reelmill.engine.execution.run_recorder import RunRecorder
from reelmill.engine.execution.stopping import Stopping
from reelmill.engine.inference.memory_estimator import MemoryEstimator
from reelmill.engine.inference.service import InferenceService
from reelmill.engine.inference.told import Told
from reelmill.engine.process import arena as buffers
from reelmill.engine.process.client import Client
from reelmill.engine.process.cpu_pool import CpuPool
from reelmill.engine.process.early import EarlyWorkers
from reelmill.engine.resources.model_profiles import ModelProfiles
from reelmill.engine.resources.monitor import Monitor
from reelmill.engine.stage import ModelStage
from reelmill.engine.state import artifact_store as store

#: The names of log files of worker processes.
_LOGS = re.compile(r"[\w.-]+\.log")


class Workers:
    """The processes of one run, or of an engine that several runs share. They are started when
    first needed, and ended together."""

    def __init__(
        self, config: EngineConfig, logs: Path, monitor: Monitor, early: EarlyWorkers
    ) -> None:
        """`logs`: a folder for the output of the processes, where only they write."""
        gate.sweep(logs, _LOGS)  # logs of worker processes of earlier runs
        gate.make_folder(logs)
        self.early = early
        self._profiles = ModelProfiles(config.model_profiles)
        self.planner = Planner(config, monitor, self._profiles)
        buffers.resize_memory(early.memory, config.arena_bytes)
        self.pool = CpuPool(
            config.workers,
            early.memory,
            logs,
            memory_mb=config.worker_memory_mb,
            early=early,
        )
        self.inference = InferenceService(
            config,
            early.memory,
            buffers.Allocator(config.arena_bytes),
            logs,
            self.pool.wake,
            MemoryEstimator(monitor, self._profiles),
            self.planner.need_of,
        )
        self.planner.watch(self.inference)

    @property
    def processes(self) -> dict[int, str]:
        """The role of each process, by process id."""
        return {**dict.fromkeys(self.pool.pids, "worker"), **self.inference.replicas.processes}

    def save_profiles(self) -> str | None:
        """Save what was measured of models. Returns a reason if that is not possible."""
        return self._profiles.save()

    async def hang_up(self) -> None:
        """Let all processes exit, without waiting for that: they take a while to give back their
        memory and the arena. None of them has a task any more, and `close` follows."""
        self.early.close()
        await self.inference.hang_up()
        self.pool.hang_up()
        await asyncio.sleep(0)  # the connections are closed by the loop

    async def close(self) -> None:
        """End all processes. They and the arena are gone when this returns."""
        await asyncio.gather(self.inference.stop(), self.pool.close())
        self.early.close()


class RunWorkers:
    """The processes as one run uses them."""

    def __init__(
        self,
        workers: Workers,
        client: Client,
        config: EngineConfig,
        recorder: RunRecorder,
        stopping: Stopping,
    ) -> None:
        self._workers = workers
        self._client = client
        self._config = config
        self._stopping = stopping
        self.planner = workers.planner
        self.pool = workers.pool.join(client)
        told = Told(
            batch=recorder.batch,
            fatal=stopping.fatal,
            disk_full=stopping.disk_full,
            warning=recorder.warn,
        )
        self.inference = workers.inference.join(client, told, config)

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
        stages = self._client.stages
        models = {at: one.model for at, one in enumerate(stages) if isinstance(one, ModelStage)}
        # If there are results, it may turn out that no model is needed.
        if models and not store.artifacts(self._config.cache).exists():
            # The largest takes longest to load.
            self.inference.expect(max(models, key=lambda at: models[at].memory_mb("cpu")))
            await asyncio.sleep(0)  # model workers before the other workers: they take longer
        await self.pool.begin(new + 1)
        self._workers.early.end_waiting()

    async def drain(self) -> None:
        """Start nothing new, and wait for started work, but not longer than a stop may take."""
        self.pool.drain()
        self.inference.drain()
        until = time.monotonic() + self._config.drain_seconds
        while self._busy and not self._stopping.is_urgent and time.monotonic() < until:
            await asyncio.sleep(0.02)

    @property
    def _busy(self) -> bool:
        return bool(self.pool.busy) or self.inference.busy

    def leave(self) -> None:
        """The run has ended, and none of its tasks is left."""
        self._client.is_over = True
        self.pool.close()
        self._workers.inference.leave(self.inference)
