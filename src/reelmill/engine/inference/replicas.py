"""Replicas: places where a model may run, each with its current model worker."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from reelmill.engine.inference.batching import QueuedItem
from reelmill.engine.inference.stage_queue import StageQueue
from reelmill.engine.inference.told import Owner, owners_of
from reelmill.engine.process.client import Client
from reelmill.engine.process.model_worker import Batch, Inferred
from reelmill.engine.process.model_worker_client import ModelWorker
from reelmill.engine.stage import Device, ModelStage
from reelmill.engine.telemetry.metrics import ModelWorkerTotals


@dataclass(eq=False)
class Replica:
    """A place where a model may run: a device, and the model worker there.

    Only its own methods change its state.
    """

    name: str
    device: Device
    threads: int
    totals: ModelWorkerTotals
    worker: ModelWorker | None = None
    #: The process in which its next model worker is being loaded.
    loading: int | None = None
    sent: deque[tuple[StageQueue, list[QueuedItem]]] = field(default_factory=deque)
    memory_failures: int = 0
    #: Items of the smallest batch among them.
    refused: int | None = None
    #: Whether the current model worker has answered a batch.
    proven: bool = False
    #: The GPU memory of its model worker, by the worker's own measurement.
    device_mb: float | None = None
    #: How often it moved from its device to the CPU for lack of memory, and when it last did.
    exiles: int = 0
    exiled_at: float = 0.0
    #: Accepts no new batches. It ends when the sent ones are answered.
    retiring: bool = False
    #: Its model worker is to release memory that libraries keep, between two batches.
    release: bool = False
    task: asyncio.Task[None] | None = None

    def __post_init__(self) -> None:
        #: Its intended device. For lack of memory it may be on the CPU.
        self.home = self.device

    @property
    def pid(self) -> int | None:
        """The current process."""
        return self.worker.process.pid if self.worker is not None else self.loading

    @property
    def is_misplaced(self) -> bool:
        """Whether it has been moved to another device since its model worker started."""
        return self.worker is not None and self.worker.device != self.device

    @property
    def is_held(self) -> bool:
        """Whether it accepts no new batches, because it ends, moves, or is to release memory
        first."""
        return self.retiring or self.release or self.is_misplaced

    def serve(self, task: asyncio.Task[None]) -> None:
        """Set the task that keeps it busy."""
        self.task = task

    def starting(self) -> str:
        """Count another start of a model worker, and return the worker's name."""
        name = f"{self.name}-{self.totals.starts}"
        self.totals.starts += 1
        return name

    def loading_in(self, pid: int | None) -> None:
        """Set the process in which its next model worker is being loaded; None: loading is over."""
        self.loading = pid

    def loaded(self, worker: ModelWorker) -> None:
        """Its next model worker is ready, and has answered no batch yet."""
        self.totals.peak_memory_mb = max(self.totals.peak_memory_mb or 0, worker.loaded_mb)
        self.worker, self.device_mb, self.proven = worker, worker.device_mb, False

    async def end_worker(self) -> None:
        """End its process. The memory is released when this returns."""
        if self.worker is not None:
            await self.worker.stop()
            self.worker = None

    def died(self) -> tuple[StageQueue, list[QueuedItem]] | None:
        """Its process is gone. Returns the batch it was working on, if any."""
        self.worker = None
        return self.sent.popleft() if self.sent else None

    async def update(
        self, stages: Mapping[int, ModelStage[Any, Any]], clients: Iterable[Client]
    ) -> None:
        """Tell its model worker which stages it infers, and for which runs."""
        assert self.worker is not None
        await self.worker.update(stages, clients)

    def sends(self, queue: StageQueue, items: list[QueuedItem]) -> None:
        """Record another batch that its model worker gets."""
        self.sent.append((queue, items))

    async def send(self, batch: Batch) -> None:
        """Send a recorded batch to its model worker."""
        assert self.worker is not None
        await self.worker.process.send(batch)

    def works_for(self, client: Client) -> bool:
        """Whether an item of this run is in a batch that was sent."""
        return any(
            item.stage_run.owner.client is client for _, items in self.sent for item in items
        )

    def answered(self) -> None:
        """Record the answer to the batch that was sent first."""
        self.proven = True
        self.sent.popleft()

    def delivered(self, items: Sequence[QueuedItem], answer: Inferred) -> None:
        """Record an answer with outputs."""
        self._forget_failures()
        self.device_mb = answer.device_mb
        self.totals.count(len(items), answer.started, answer.ended, answer.memory_mb)

    def ran_out_of_memory(self, items: int) -> None:
        """Record that the device's memory ran out with a batch of `items`.

        A batch as large that was sent before that was known adds nothing: it does not count.
        """
        if self.refused is None or items < self.refused or items == 1:
            self.memory_failures += 1
            self.refused = items

    def _forget_failures(self) -> None:
        self.memory_failures, self.refused = 0, None

    def take_back(self) -> list[tuple[StageQueue, list[QueuedItem]]]:
        """Take back the sent batches that nobody will work on."""
        sent = list(self.sent)
        self.sent.clear()
        return sent

    def retire(self) -> None:
        """Accept no new batches, and end when the sent ones are answered."""
        self.retiring = True

    def ask_for_release(self) -> None:
        """Ask its model worker to release memory that libraries keep, between two batches."""
        self.release = True

    async def give_back_memory(self, deadline: float) -> float | None:
        """Release memory if that was requested and is possible now. Returns the released MB."""
        if not self.release or self.sent or self.worker is None or self.is_misplaced:
            return None
        self.release = False
        return await self.worker.release(deadline)

    def go_home(self) -> None:
        """Its next model worker is on its intended device."""
        self.device = self.home

    def go_to_cpu(self) -> None:
        """Its next model worker is on the CPU."""
        self.totals.device = f"{self.totals.device}, then cpu"
        self.device = Device("cpu")
        self._forget_failures()
        self.exiles += 1
        self.exiled_at = time.monotonic()

    def may_return(self, after: float) -> bool:
        """Whether it has been away from its device for `after` seconds, doubled each time it moved
        away."""
        return time.monotonic() - self.exiled_at >= after * 2.0 ** (self.exiles - 1)


@dataclass(frozen=True)
class BatchDone:
    """The facts of a batch for the run recorder.

    `items` are those of one run; there may be `others` of other runs in the batch. `share` is the
    run's part of the cost.
    """

    queue: StageQueue
    replica: Replica
    items: Sequence[QueuedItem]
    answer: Inferred
    size: int
    others: int = 0
    share: float = 1.0

    @property
    def cost(self) -> float:
        return sum(item.cost for item in self.items)

    @property
    def padded_cost(self) -> float:
        """Their cost if all were as costly as the costliest."""
        return padded_cost(self.items)

    @property
    def seconds(self) -> float:
        """The run's part of the time in the model worker."""
        return self.share * (self.answer.ended - self.answer.started)

    def by_owner(self) -> list[tuple[Owner, BatchDone]]:
        """Each run with its part."""
        owners = owners_of(self.items)
        if len(owners) == 1:
            return [(owners[0], self)]
        return [(owner, self._part_of(owner)) for owner in owners]

    def _part_of(self, owner: Owner) -> BatchDone:
        own = [item for item in self.items if item.stage_run.owner is owner]
        share = sum(item.cost for item in own) / self.cost
        return replace(self, items=own, others=len(self.items) - len(own), share=share)


def padded_cost(items: Sequence[QueuedItem]) -> float:
    return len(items) * max(item.cost for item in items)
