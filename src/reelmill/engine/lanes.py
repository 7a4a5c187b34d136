"""Lanes: where a model may run, the host that is there now, and the items that wait for it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from reelmill.engine.batching import Batcher, QueuedItem
from reelmill.engine.hosts import Inferred, ModelHost
from reelmill.engine.metrics import HostTotals
from reelmill.engine.stage import Device, ModelSpec, Stage


class StageQueue:
    """The waiting items of a stage, how many go into a batch, and how fast they go."""

    def __init__(self, position: int, stage: Stage, size: int) -> None:
        self.position = position
        self.stage = stage
        self.batcher = Batcher()
        self.size = size
        self.seconds_per_cost: float | None = None
        self.open_splits = 0

    @property
    def fill(self) -> float:
        if self.batcher.has_retries:
            return float("inf")
        return len(self.batcher) / self.size

    def paced(self, cost: float, seconds: float) -> None:
        if cost > 0:
            new = seconds / cost
            old = self.seconds_per_cost
            self.seconds_per_cost = new if old is None else 0.8 * old + 0.2 * new


@dataclass(frozen=True)
class Placement:
    """Where a model is to run: a host on each device (on the CPU, a device a host)."""

    devices: tuple[Device, ...]
    threads: int


@dataclass(eq=False)
class Lane:
    """A place where a model may run: a device, and the host that is there now."""

    name: str
    device: Device
    threads: int
    totals: HostTotals
    host: ModelHost | None = None
    sent: deque[tuple[StageQueue, list[QueuedItem]]] = field(default_factory=deque)
    memory_failures: int = 0
    task: asyncio.Task[None] | None = None


@dataclass(eq=False)
class Group:
    """A model, the stages that use it, and its lanes; none while it is not wanted."""

    spec: ModelSpec
    queues: list[StageQueue]
    lanes: list[Lane] = field(default_factory=list)
    work: asyncio.Event = field(default_factory=asyncio.Event)

    def waiting(self) -> bool:
        return any(len(queue.batcher) for queue in self.queues)


@dataclass(frozen=True)
class BatchDone:
    """What the coordinator's books need to know of a batch."""

    queue: StageQueue
    lane: Lane
    items: Sequence[QueuedItem]
    answer: Inferred


@dataclass(frozen=True)
class Told:
    """Who is told what happens to batches and hosts."""

    batch: Callable[[BatchDone], None]
    started: Callable[[ModelSpec, Lane, ModelHost], None]
    fatal: Callable[[str], None]
    disk_full: Callable[[], None]
    warning: Callable[[str], None]
