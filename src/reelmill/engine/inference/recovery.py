"""Handles failed batches by halving them until a single item is found to be at fault."""

from __future__ import annotations

import contextlib

from reelmill.core import gate
from reelmill.engine.inference.arena_queue import ArenaQueue
from reelmill.engine.inference.batching import QueuedItem
from reelmill.engine.inference.replica_set import ReplicaSet
from reelmill.engine.inference.replicas import Replica, padded_cost
from reelmill.engine.inference.stage_queue import StageQueue
from reelmill.engine.inference.stage_run import StageFailed
from reelmill.engine.inference.told import owners_of
from reelmill.engine.process.model_worker import ModelWorkerError
from reelmill.errors import CrashError, Failure, Kind, NotOursError

#: An item alone on a model worker that died counts two if the worker had answered before, and one
#: otherwise: the worker itself may have been at fault, or a program that ended several at once.
_PROVEN, _UNPROVEN, _CHARGED_AT = 2, 1, 4
#: In a row on a device, each with a smaller batch, or for an item alone.
MEMORY_FAILURES = 3


class Recovery:
    """Decides what happens to the items of a batch that failed."""

    def __init__(self, arena_queue: ArenaQueue) -> None:
        self._arena_queue = arena_queue

    def after_crash(self, replica_set: ReplicaSet, replica: Replica, error: CrashError) -> None:
        """The model worker died. The batch it was working on is suspect; one sent ahead is not."""
        batch = replica.died()
        if batch is None:
            return
        queue, items = batch
        self.give_back(replica_set, replica)
        text = f"{error} (with a batch of {len(items)} in {queue.stage.name})"
        for owner in owners_of(items):
            if not owner.client.is_over:
                owner.told.warning(f"{text}; the worker was replaced")
        alone = len(items) == 1  # before removing items of failed recordings, which may be at fault
        items = self._living(items, replica)
        if alone and items:
            items[0].crashes += 1
            items[0].suspicion += _PROVEN if replica.proven else _UNPROVEN
            if items[0].suspicion >= _CHARGED_AT:
                self._charge(queue, items[0], "crash", f"{error}", items[0].crashes)
                return
        self._retry_halves(queue, items)
        replica_set.wake()

    def after_error(
        self,
        replica_set: ReplicaSet,
        replica: Replica,
        queue: StageQueue,
        items: list[QueuedItem],
        error: ModelWorkerError,
    ) -> None:
        """The model worker lives but could not infer the batch."""
        if error.disk_full:
            self._after_disk_full(replica_set, queue, self._living(items, replica))
            return
        alone = len(items) == 1
        at_fault = alone
        if error.kind == "resource":
            items[0].shortages += alone
            at_fault = items[0].shortages >= MEMORY_FAILURES
            if self._after_out_of_memory(replica_set, replica, queue, items, error):
                items[0].shortages, at_fault = 0, False  # what a GPU has no room for, a CPU may
        items = self._living(items, replica)
        if at_fault and items:
            tries = max(1, items[0].shortages)
            self._charge(queue, items[0], error.kind, error.message, tries)
            return
        self._retry_halves(queue, items)
        replica_set.wake()

    @staticmethod
    def _after_disk_full(
        replica_set: ReplicaSet, queue: StageQueue, items: list[QueuedItem]
    ) -> None:
        """Runs write into different folders. Whose disk is full is seen when each has a batch of
        its own."""
        owners = owners_of(items)
        if len(owners) == 1:
            owners[0].told.disk_full()
        for owner in owners:
            queue.batcher.retry([item for item in items if item.stage_run.owner is owner])
        replica_set.wake()

    def _after_out_of_memory(
        self,
        replica_set: ReplicaSet,
        replica: Replica,
        queue: StageQueue,
        items: list[QueuedItem],
        error: ModelWorkerError,
    ) -> bool:
        """Shrink batches from now on, and return whether the model must leave its GPU."""
        replica.ran_out_of_memory(len(items))
        queue.sizing(replica.device).ran_out(len(items), padded_cost(items))
        failures = max(replica.memory_failures, items[0].shortages)
        if failures < MEMORY_FAILURES or replica.device.kind == "cpu":
            return False
        replica_set.warn(
            f"{replica_set.spec.display_name} ran out of memory on {replica.device} three times "
            f"in a row ({error.message}); it continues on the CPU, many times slower"
        )
        self.give_back(replica_set, replica)
        replica.go_to_cpu()
        return True

    def give_back(self, replica_set: ReplicaSet, replica: Replica) -> None:
        """Put sent batches that nobody will work on back into the queue."""
        for queue, items in replica.take_back():
            if living := self._living(items, replica):
                queue.batcher.retry(living)
        replica_set.wake()

    def drop(self, item: QueuedItem, replica: Replica) -> None:
        """Drop an item that nobody waits for. Output that the model worker wrote after the stage
        run closed is removed."""
        self._arena_queue.release(item)
        with contextlib.suppress(OSError, NotOursError):  # its run may have ended
            gate.remove(item.stage_run.spill_file_for(replica.name))

    def _living(self, items: list[QueuedItem], replica: Replica) -> list[QueuedItem]:
        for item in items:
            if not item.stage_run.is_wanted:
                self.drop(item, replica)
        return [item for item in items if item.stage_run.is_wanted]

    @staticmethod
    def _retry_halves(queue: StageQueue, items: list[QueuedItem]) -> None:
        middle = (len(items) + 1) // 2
        for half in (items[:middle], items[middle:]):
            if half:
                queue.batcher.retry(half)

    def _charge(
        self, queue: StageQueue, item: QueuedItem, kind: Kind, message: str, tries: int
    ) -> None:
        """The item is at fault, so its recording fails."""
        self._arena_queue.release(item)
        text = f"{message} (item {item.index} of {item.stage_run.label})"
        # a transient failure is retried with the whole stage, as everywhere else
        failure = Failure(queue.stage.name, kind, text, tries)
        item.stage_run.fail(StageFailed(failure, final=kind != "transient"))
