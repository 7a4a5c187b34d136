"""An engine that several runs share: its processes, its samples, and what applies to all runs."""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reelmill.engine.config import EngineConfig
from reelmill.engine.execution.resource_controller import ResourceController
from reelmill.engine.execution.run_recorder import RunRecorder
from reelmill.engine.execution.workers import Workers
from reelmill.engine.inference.replica_set import ReplicaSet
from reelmill.engine.inference.replicas import Replica
from reelmill.engine.process.client import Client
from reelmill.engine.process.early import EarlyWorkers
from reelmill.engine.resources.monitor import Devices, Monitor
from reelmill.engine.telemetry.engine_snapshot import (
    DeviceState,
    EngineSnapshot,
    ModelWorkerState,
    RunState,
)
from reelmill.errors import reason

#: How often what was measured of models is saved, in seconds.
_SAVE_EVERY_S = 60.0
#: When memory stays short, another run is stopped only after this many seconds.
_BETWEEN_STOPS_S = 15.0


@dataclass(frozen=True)
class _Member:
    """A run on the engine."""

    client: Client
    recorder: RunRecorder
    fatal: Callable[[str], None]


class ResidentEngine:
    """The processes that runs share, in the loop in which the runs are."""

    def __init__(
        self,
        config: EngineConfig,
        logs: Path,
        devices: Devices,
        processes: Callable[[], dict[int, str]],
        idle_unload: float | None,
    ) -> None:
        """Only in the loop, by the thread with which the processes are to end.

        Args:
            config: the settings that apply to all runs.
            logs: the folder for the output of processes.
            devices: where figures of GPUs come from.
            processes: the processes of the program itself, by id, with their roles.
            idle_unload: seconds after which a model that no run needs is unloaded; None: never.
        """
        self.config = config
        self.monitor = Monitor(devices, lambda: {**processes(), **self.workers.processes})
        self.workers = Workers(config, logs, self.monitor, EarlyWorkers())
        self._idle_unload = idle_unload
        self._members: dict[Client, _Member] = {}
        self._opened_at = time.monotonic()
        self._stopped_at = self._busy_at = self._saved_at = self._opened_at
        self._controller = ResourceController(config, self.workers, self, self._stop_one)
        self._ticking = asyncio.create_task(self._go_on())
        self._ticking.add_done_callback(self._has_ended)

    # -- runs

    def joins(self, client: Client, recorder: RunRecorder, fatal: Callable[[str], None]) -> None:
        """A run begins."""
        self._members[client] = _Member(client, recorder, fatal)

    def leaves(self, client: Client) -> None:
        """A run has ended."""
        self._members.pop(client, None)

    # -- what applies to all runs

    def warn(self, text: str) -> None:
        """Warn all runs."""
        for member in list(self._members.values()):
            member.recorder.warn(text)

    def note(self, text: str) -> None:
        """Tell all runs of a decision."""
        for member in list(self._members.values()):
            member.recorder.note(text)

    def line(self, values: dict[str, Any]) -> None:
        """Write a line into the metrics of all runs, with their own times."""
        for member in list(self._members.values()):
            at = {"at": member.recorder.clock()} if "at" in values else {}
            member.recorder.line({**values, **at})

    def clock(self) -> float:
        """Seconds since the engine was opened."""
        return round(time.monotonic() - self._opened_at, 4)

    def _stop_one(self, text: str) -> None:
        """Memory stays short. One run is stopped: of those with the lowest priority, the latest.
        The others go on, unless that does not help."""
        now = time.monotonic()
        going_on = [one for one in self._members.values() if not one.client.is_draining]
        if not going_on or now - self._stopped_at < _BETWEEN_STOPS_S:
            return
        self._stopped_at = now
        last = max(going_on, key=lambda one: (-one.client.priority, one.client.number))
        last.fatal(text)

    async def _go_on(self) -> None:
        intervals = self.config.intervals
        sampled_at = -math.inf
        while True:
            self._controller.balance()
            if time.monotonic() - sampled_at >= intervals.sample:
                sampled_at = time.monotonic()
                await self._look()
            await asyncio.sleep(min(intervals.tell, intervals.sample))

    async def _look(self) -> None:
        self._controller.see(self.monitor.take())
        if self._idle_unload is not None:
            await self._unload(self._idle_unload)
        if time.monotonic() - self._saved_at > _SAVE_EVERY_S:
            self._saved_at = time.monotonic()
            self._save()

    def _save(self) -> None:
        """Save what was measured of models, for other runs and in case this program is killed."""
        if problem := self.workers.save_profiles():
            self.warn(problem)

    async def _unload(self, after: float) -> None:
        """Unload idle models, and end CPU workers that have had nothing to do for as long."""
        for model in await self.workers.inference.unload_idle(after):
            self.note(f"{model} was unloaded: no run has needed it for {after:g} s")
        now = time.monotonic()
        if self.workers.pool.busy or any(one.open_recordings for one in self._members):
            self._busy_at = now
        elif now - self._busy_at > after:
            await self.workers.pool.trim()

    def _has_ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            for member in list(self._members.values()):
                member.recorder.line({"event": "error", "message": repr(error)})
                member.fatal(f"internal error in the engine (please report): {reason(error)}")

    async def close(self) -> None:
        """End all processes. They and the arena are gone when this returns."""
        self._ticking.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._ticking
        await self.workers.close()
        self.workers.save_profiles()

    # -- its state

    def snapshot(self) -> EngineSnapshot:
        """What the engine is doing now."""
        sample = self.monitor.last
        queued: dict[str, int] = {}
        for one in self.workers.inference.replicas.sets:
            for queue in one.queues:
                name = queue.stage.display_name or queue.stage.name
                queued[name] = queued.get(name, 0) + len(queue.batcher)
        gpus = sample.devices if sample else ()
        return EngineSnapshot(
            seconds=self.clock(),
            devices=tuple(map(str, self.config.devices)),
            gpus=tuple(
                DeviceState(f"cuda:{s.index}", s.name, s.used_mb, s.total_mb, s.utilization)
                for s in gpus
            ),
            memory_mb=sample.run_memory_mb if sample else None,
            machine_used_mb=sample.machine_used_mb if sample else None,
            machine_total_mb=sample.machine_total_mb if sample else None,
            cpu_percent=sample.cpu_percent if sample else None,
            workers=self.config.workers,
            workers_busy=self.workers.pool.busy,
            arena_used=self.workers.inference.arena_used,
            model_workers=tuple(map(_worker_state, *_columns(self.workers))),
            queued_items=queued,
            runs=tuple(map(_run_state, self._members.values())),
        )


def _columns(workers: Workers) -> tuple[list[ReplicaSet], list[Replica]]:
    running = workers.inference.replicas.running
    return [one for one, _ in running], [replica for _, replica in running]


def _worker_state(replica_set: ReplicaSet, replica: Replica) -> ModelWorkerState:
    totals = replica.totals
    return ModelWorkerState(
        replica.name,
        replica_set.spec.display_name,
        str(replica.device),
        replica.pid,
        replica.worker is not None,
        totals.batches,
        totals.items,
        totals.busy_share,
        totals.peak_memory_mb,
    )


def _run_state(member: _Member) -> RunState:
    recorder, client = member.recorder, member.client
    recordings, done, failed = recorder.counts
    return RunState(
        recorder.out,
        recorder.task,
        client.priority,
        client.is_paused,
        recordings,
        done,
        failed,
        client.open_recordings,
    )
