"""All replicas of a model, and the stages whose items they infer."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Sequence
from typing import Any

from reelmill.engine.inference.replicas import Replica
from reelmill.engine.inference.stage_queue import StageQueue
from reelmill.engine.inference.told import Owner
from reelmill.engine.process.client import Client, Turns
from reelmill.engine.stage import Device, ModelSpec, ModelStage


class ReplicaSet:
    """A model, the stages that use it, and its replicas. There are none while it is not needed."""

    def __init__(self, spec: ModelSpec) -> None:
        self.spec = spec
        #: Each queue with the runs that have its stage.
        self._queues: dict[StageQueue, list[Owner]] = {}
        self._replicas: list[Replica] = []
        self._work = asyncio.Event()
        self._turns = Turns()
        self._needed_at = time.monotonic()

    # -- stages and their items

    def join(self, queue: StageQueue, owner: Owner) -> None:
        """A run has a stage whose items this queue takes."""
        self._queues.setdefault(queue, []).append(owner)

    def leave(self, queue: StageQueue, owner: Owner) -> None:
        """A run no longer has this stage. A queue that nobody uses is dropped."""
        self._queues[queue].remove(owner)
        if not self._queues[queue]:
            del self._queues[queue]
        self._needed_at = time.monotonic()

    @property
    def queues(self) -> Sequence[StageQueue]:
        """The queues of its stages."""
        return tuple(self._queues)

    @property
    def stages(self) -> dict[int, ModelStage[Any, Any]]:
        """The stages by number."""
        return {queue.number: queue.stage for queue in self._queues}

    @property
    def owners(self) -> list[Owner]:
        """The runs that use the model."""
        return list(dict.fromkeys(one for owners in self._queues.values() for one in owners))

    @property
    def clients(self) -> list[Client]:
        """The runs that use the model, as processes see them."""
        return [owner.client for owner in self.owners]

    def waiting(self) -> bool:
        """Whether an item waits."""
        return any(len(queue.batcher) for queue in self._queues)

    def next_queue(self, device: Device) -> StageQueue:
        """The stage whose items are inferred next: the one with the most waiting batches for a
        device. If several runs use the model, those with a higher priority go first, and every
        eighth time, or if the priorities are the same, the item that has waited longest.
        """
        queues = [queue for queue in self._queues if len(queue.batcher)] or list(self._queues)
        if any(queue.batcher.has_retries for queue in queues) or len(self.owners) < 2:
            return max(queues, key=lambda queue: queue.fill(device))
        if self._turns.is_fair or not self.waiting():
            return min(queues, key=lambda queue: queue.batcher.oldest_arrival)
        return max(queues, key=lambda one: (one.batcher.priority, -one.batcher.oldest_arrival))

    def sends(self) -> None:
        """A batch is sent."""
        self._turns.taken()

    def wake(self) -> None:
        """Wake the replicas, because there may be work."""
        self._work.set()

    async def wait_for_work(self, most: float | None = None) -> None:
        """Wait until `wake` is called, but not longer than `most` seconds."""
        self._work.clear()
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._work.wait(), most)

    # -- those who use it

    def warn(self, text: str) -> None:
        """Tell all runs that use the model."""
        for owner in self.owners:
            owner.told.warning(text)

    def fail(self, text: str) -> None:
        """The model cannot be used: the runs that need it end."""
        need_it = [owner for owner in self.owners if owner.client.open_recordings]
        for owner in need_it or self.owners:
            owner.told.fatal(text)

    @property
    def is_busy(self) -> bool:
        """Whether it is being loaded, or has something to infer."""
        loading = any(replica.worker is None for replica in self._replicas)
        return loading or self.waiting() or any(replica.sent for replica in self._replicas)

    def seconds_idle(self, needed: bool) -> float:
        """For how long no run has needed the model. `needed`: whether one does now."""
        now = time.monotonic()
        if needed or self.is_busy:
            self._needed_at = now
        return now - self._needed_at

    # -- replicas

    @property
    def replicas(self) -> Sequence[Replica]:
        """The current replicas."""
        return tuple(self._replicas)

    @property
    def taking_batches(self) -> int:
        """How many of them accept batches."""
        return sum(not replica.retiring for replica in self._replicas)

    def is_first(self, replica: Replica) -> bool:
        """Whether this replica makes the measurements that apply to all."""
        return bool(self._replicas) and self._replicas[0] is replica

    def opens(self, replica: Replica) -> None:
        """Add a replica."""
        self._replicas.append(replica)
        self._needed_at = time.monotonic()

    def closes(self, replica: Replica) -> None:
        """Remove a replica that has ended. It may be removed already."""
        if replica in self._replicas:
            self._replicas.remove(replica)
