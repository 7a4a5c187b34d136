"""Replicas: where a model may run, and the model worker that is there now."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from reelmill.engine.inference.batching import QueuedItem
from reelmill.engine.inference.stage_queue import StageQueue
from reelmill.engine.process.model_worker import Batch, Inferred
from reelmill.engine.process.model_worker_client import ModelWorker
from reelmill.engine.stage import Device
from reelmill.engine.telemetry.metrics import ModelWorkerTotals


@dataclass(eq=False)
class Replica:
    """A place where a model may run: a device, and the model worker that is there now.

    Its state changes by its own methods alone.
    """

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

    @property
    def is_misplaced(self) -> bool:
        """Whether it has been moved to another device since its model worker started."""
        return self.worker is not None and self.worker.device != self.device

    @property
    def is_held(self) -> bool:
        """Whether it takes no new batches: it ends, moves, or is to give memory back first."""
        return self.retiring or self.release or self.is_misplaced

    def serve(self, task: asyncio.Task[None]) -> None:
        """From now on this task keeps it busy."""
        self.task = task

    def starting(self) -> str:
        """Another start of a model worker; its name."""
        name = f"{self.name}-{self.totals.starts}"
        self.totals.starts += 1
        return name

    def loading_in(self, pid: int | None) -> None:
        """The process in which its next model worker is loading; None: loading is over."""
        self.loading = pid

    def loaded(self, worker: ModelWorker) -> None:
        """Its next model worker is there, and has answered no batch yet."""
        self.totals.peak_memory_mb = max(self.totals.peak_memory_mb or 0, worker.loaded_mb)
        self.worker, self.device_mb, self.proven = worker, worker.device_mb, False

    async def end_worker(self) -> None:
        """End its process; the memory is given back when this returns."""
        if self.worker is not None:
            await self.worker.stop()
            self.worker = None

    def died(self) -> tuple[StageQueue, list[QueuedItem]] | None:
        """Its process is gone; the batch that it was at, if any, is taken back."""
        self.worker = None
        return self.sent.popleft() if self.sent else None

    async def send(self, queue: StageQueue, items: list[QueuedItem], batch: Batch) -> None:
        """Give its model worker another batch."""
        assert self.worker is not None
        self.sent.append((queue, items))
        await self.worker.process.send(batch)

    def answered(self) -> None:
        """The answer to the batch that was sent first is here."""
        self.proven = True
        self.sent.popleft()

    def delivered(self, items: Sequence[QueuedItem], answer: Inferred) -> None:
        """The answer was outputs."""
        self.memory_failures = 0
        self.device_mb = answer.device_mb
        self.totals.count(len(items), answer.started, answer.ended, answer.memory_mb)

    def ran_out_of_memory(self) -> None:
        """The answer was that the device's memory ran out."""
        self.memory_failures += 1

    def take_back(self) -> list[tuple[StageQueue, list[QueuedItem]]]:
        """The batches that were sent, and at which nobody is to work any more."""
        sent = list(self.sent)
        self.sent.clear()
        return sent

    def retire(self) -> None:
        """Take no new batches; end when those that were sent are back."""
        self.retiring = True

    def ask_for_release(self) -> None:
        """Have its model worker give back what its libraries keep, between two batches."""
        self.release = True

    async def give_back_memory(self, deadline: float) -> float | None:
        """Do so if that was asked for and can be done now; the MB that came back."""
        if not self.release or self.sent or self.worker is None or self.is_misplaced:
            return None
        self.release = False
        return await self.worker.release(deadline)

    def go_home(self) -> None:
        """Its next model worker is on the device it is meant for."""
        self.device = self.home

    def go_to_cpu(self) -> None:
        """Its next model worker is on the CPU."""
        self.totals.device = f"{self.totals.device}, then cpu"
        self.device = Device("cpu")
        self.memory_failures = 0
        self.exiles += 1
        self.exiled_at = time.monotonic()

    def may_return(self, after: float) -> bool:
        """Whether it has been away from its device for `after` seconds, and twice as long each time
        it was driven away again."""
        return time.monotonic() - self.exiled_at >= after * 2.0 ** (self.exiles - 1)


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
    #: There is room in the arena again.
    room: Callable[[], None]
    fatal: Callable[[str], None]
    disk_full: Callable[[], None]
    warning: Callable[[str], None]
