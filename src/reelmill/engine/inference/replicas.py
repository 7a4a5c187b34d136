"""Replicas: where a model may run, the model worker that is there now, and the items that wait for
it."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from reelmill.engine.inference.batch_size import Sizing
from reelmill.engine.inference.batching import Batcher, QueuedItem
from reelmill.engine.process.model_worker import Inferred
from reelmill.engine.process.model_worker_client import ModelWorker
from reelmill.engine.stage import Device, ModelSpec, ModelStage
from reelmill.engine.telemetry.metrics import ModelWorkerTotals

#: Seconds until it is first looked whether a replica can go back to the GPU it was driven from.
_EXILE_S = 60.0


class StageQueue:
    """The waiting items of a stage, how many go into a batch, and how fast they go."""

    def __init__(
        self, position: int, stage: ModelStage[Any, Any], start: int, maximum: int
    ) -> None:
        self.position = position
        self.stage = stage
        self.batcher = Batcher()
        self.start = start
        self.open_splits = 0
        self._maximum = maximum
        self._sizings: dict[Device, Sizing] = {}

    def sizing(self, device: Device) -> Sizing:
        """How large its batches are on a device."""
        if device not in self._sizings:
            self._sizings[device] = Sizing(self.start, self._maximum)
        return self._sizings[device]

    def fill(self, device: Device) -> float:
        """How many batches for a device are waiting; retries go before everything."""
        if self.batcher.has_retries:
            return float("inf")
        return len(self.batcher) / self.sizing(device).size

    def halve(self, device: Device) -> int | None:
        """Smaller batches on a device at once; the new size, None when it is the least already."""
        sizing = self._sizings.get(device)
        if sizing is None or sizing.size == 1:
            return None
        sizing.halve()
        return sizing.size


@dataclass(eq=False)
class Replica:
    """A place where a model may run: a device, and the model worker that is there now."""

    name: str
    device: Device
    threads: int
    totals: ModelWorkerTotals
    worker: ModelWorker | None = None
    #: The process in which its next model worker is loading.
    loading: int | None = None
    sent: deque[tuple[StageQueue, list[QueuedItem]]] = field(default_factory=deque)
    memory_failures: int = 0
    #: Whether the model worker that is there now has answered a batch.
    proven: bool = False
    #: What its model worker has of a GPU's memory, by its own account.
    device_mb: float | None = None
    #: How often memory drove it from its device to the CPU, and when it last did.
    exiles: int = 0
    exiled_at: float = 0.0
    #: No new batches: it ends when those that were sent are back.
    retiring: bool = False
    #: Its model worker is to give back what its libraries keep, between two batches.
    release: bool = False
    task: asyncio.Task[None] | None = None

    def __post_init__(self) -> None:
        #: The device it is meant for; for want of memory it may be on the CPU.
        self.home = self.device

    @property
    def pid(self) -> int | None:
        """The process that is there now."""
        return self.worker.process.pid if self.worker is not None else self.loading

    def go_to_cpu(self) -> None:
        """Its next model worker is on the CPU."""
        self.totals.device = f"{self.totals.device}, then cpu"
        self.device = Device("cpu")
        self.memory_failures = 0
        self.exiles += 1
        self.exiled_at = time.monotonic()

    @property
    def may_return(self) -> bool:
        """Each time it is driven away again it stays away twice as long."""
        return time.monotonic() - self.exiled_at >= _EXILE_S * 2.0 ** (self.exiles - 1)


@dataclass(eq=False)
class ReplicaSet:
    """A model, the stages that use it, and its replicas; none while it is not wanted."""

    spec: ModelSpec
    queues: list[StageQueue]
    replicas: list[Replica] = field(default_factory=list)
    work: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def stages(self) -> dict[int, ModelStage[Any, Any]]:
        """The stages by their position in the pipeline."""
        return {queue.position: queue.stage for queue in self.queues}

    def waiting(self) -> bool:
        return any(len(queue.batcher) for queue in self.queues)

    def fullest(self, device: Device) -> StageQueue:
        """The stage with most batches for a device waiting."""
        return max(self.queues, key=lambda queue: queue.fill(device))


@dataclass(frozen=True)
class BatchDone:
    """What the coordinator's books need to know of a batch."""

    queue: StageQueue
    replica: Replica
    items: Sequence[QueuedItem]
    answer: Inferred
    size: int

    @property
    def cost(self) -> float:
        return sum(item.cost for item in self.items)

    @property
    def padded_cost(self) -> float:
        """What they cost at the size of the costliest."""
        return padded_cost(self.items)


def padded_cost(items: Sequence[QueuedItem]) -> float:
    return len(items) * max(item.cost for item in items)


@dataclass(frozen=True)
class Told:
    """Who is told what happens to batches and model workers."""

    batch: Callable[[BatchDone], None]
    fatal: Callable[[str], None]
    disk_full: Callable[[], None]
    warning: Callable[[str], None]
