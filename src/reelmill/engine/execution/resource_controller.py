"""Acts on every sample of the monitor: memory shortage, and devices that come and go."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any, Protocol

from reelmill.engine.config import EngineConfig
from reelmill.engine.execution.workers import Workers
from reelmill.engine.resources import policy
from reelmill.engine.resources import process_memory as memory
from reelmill.engine.resources.device_policy import DevicePolicy, Move
from reelmill.engine.resources.memory_policy import Action, Halve, MemoryPolicy, Release, Stop, Warn
from reelmill.engine.resources.monitor import Sample


class Teller(Protocol):
    """Tells of decisions: the recorder of a run, or of all runs of an engine."""

    def warn(self, text: str) -> None: ...

    def note(self, text: str) -> None: ...

    def line(self, values: dict[str, Any]) -> None: ...

    def clock(self) -> float: ...


class ResourceController:
    """Passes samples to the policies and carries out their decisions."""

    def __init__(
        self,
        config: EngineConfig,
        workers: Workers,
        teller: Teller,
        stop: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        gpus = tuple(device for device in config.devices if device.kind != "cpu")
        self._memory_policy = MemoryPolicy(config.memory_limit)
        self._look_every = config.intervals.look_at_devices
        self._device_policy = DevicePolicy(
            gpus, config.devices_automatic, clock(), self._look_every
        )
        self._planner = workers.planner
        self._inference = workers.inference
        self._replicas = workers.inference.replicas
        self._pool = workers.pool
        self._teller = teller
        self._stop = stop
        self._clock = clock
        self._recalled_at = clock()
        self._trimming: asyncio.Task[None] | None = None

    def see(self, sample: Sample) -> None:
        """Process a new sample. Called in the coordinator's loop."""
        now = self._clock()
        move = self._device_policy.look(
            sample,
            now,
            self._replicas.own_mb(self._device_policy.gpus),
            self._planner.need_mb("cuda"),
        )
        if move is not None:
            self._move(move, sample)
        if now - self._recalled_at >= self._look_every:
            self._recalled_at = now
            self._recall(sample)
        for action in self._memory_policy.look(sample, self._replicas.devices):
            self._do(action)

    def balance(self) -> None:
        """Give models that hold up the CPU's work another model worker. Called in the
        coordinator's loop, every `Intervals.tell`."""
        self._replicas.reinforce(
            is_behind=self._inference.items.were_behind(), more_waits=self._pool.has_waiting
        )

    def _do(self, action: Action) -> None:
        if isinstance(action, Warn):
            self._teller.warn(action.text)
        elif isinstance(action, Halve):
            if smaller := self._inference.items.halve(action.device):
                self._teller.warn(f"smaller batches on {action.device}: {', '.join(smaller)}")
        elif isinstance(action, Release):
            self._replicas.release()
            if self._trimming is None or self._trimming.done():
                self._trimming = asyncio.create_task(self._release())
        elif isinstance(action, Stop):
            self._stop(action.reason)

    async def _release(self) -> None:
        """Release memory that nobody needs: of models that no run uses now, of the coordinator, and
        of the CPU pool. Model workers were asked already, and report what they released
        themselves."""
        for model in await self._inference.unload_idle():
            self._teller.warn(f"{model} was unloaded, because no run needs it")
        workers, workers_mb = await self._pool.trim()
        self._teller.warn(
            f"memory released: {memory.release():,.0f} MB by the coordinator, {workers_mb:,.0f} "
            f"MB by ending {workers} idle CPU workers"
        )

    def _move(self, move: Move, sample: Sample) -> None:
        there = {device.index for device in sample.devices}
        self._planner.use(move.devices)
        self._replicas.move(
            self._planner.placements(self._replicas.loaded_models),
            lost=lambda device: device.kind != "cpu" and device.index not in there,
        )
        (self._teller.warn if move.slower else self._teller.note)(move.reason)
        self._teller.line(
            {
                "event": "devices",
                "at": self._teller.clock(),
                "devices": [str(device) for device in move.devices] or ["cpu"],
                "reason": move.reason,
            }
        )

    def _recall(self, sample: Sample) -> None:
        """Move models that left a GPU for lack of memory back to it when there is room."""
        free = {d.index: d.total_mb - d.used_mb for d in sample.devices}
        room = policy.BUDGET_SHARE
        for text in self._replicas.recall(
            lambda spec, home: (
                room * free.get(home.index, 0.0) > max(1.0, self._planner.need_of(spec, home.kind))
            )
        ):
            self._teller.note(text)
