"""When a batch goes wrong: it is narrowed down by halving until it is one item's fault."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

from reelmill.core import gate
from reelmill.engine.inference.arena_queue import Room
from reelmill.engine.inference.batching import QueuedItem
from reelmill.engine.inference.replicas import Group, Lane, StageQueue, Told, padded_cost
from reelmill.engine.inference.stage_run import StageFailed
from reelmill.engine.process.model_worker import HostError
from reelmill.engine.stage import Stage
from reelmill.errors import CrashError, Failure, Kind

#: An item alone on a host that died weighs two when that host had answered before, and one when it
#: had not: that may have been the host, or whoever stopped several at once.
_PROVEN, _UNPROVEN, _CHARGED_AT = 2, 1, 4
#: In a row, on a device; or of an item alone.
MEMORY_FAILURES = 3


class Recovery:
    """Decides what becomes of the items of a batch that failed."""

    def __init__(self, stages: Sequence[Stage], room: Room, told: Told) -> None:
        self._stages = stages
        self._room = room
        self._told = told

    def after_crash(self, group: Group, lane: Lane, error: CrashError) -> None:
        """The host died: the batch it was at is suspect, one sent ahead is not."""
        lane.host = None
        if not lane.sent:
            return
        queue, items = lane.sent.popleft()
        self.give_back(group, lane)
        self._told.warning(f"{error} (at a batch of {len(items)} in {queue.stage.name}); replaced")
        alone = len(items) == 1  # before those drop out whose recording has failed: it may be them
        items = self._living(items, lane)
        if alone and items:
            items[0].crashes += 1
            items[0].suspicion += _PROVEN if lane.proven else _UNPROVEN
            if items[0].suspicion >= _CHARGED_AT:
                self._charge(items[0], "crash", f"{error}", items[0].crashes)
                return
        self._retry_halves(queue, items)
        group.work.set()

    def after_error(
        self,
        group: Group,
        lane: Lane,
        queue: StageQueue,
        items: list[QueuedItem],
        error: HostError,
    ) -> None:
        """The host lives but could not infer the batch."""
        if error.disk_full:
            self._told.disk_full()
            queue.batcher.retry(items)
            return
        alone = len(items) == 1
        at_fault = alone
        if error.kind == "resource":
            items[0].shortages += alone
            at_fault = items[0].shortages >= MEMORY_FAILURES
            if self._after_out_of_memory(group, lane, queue, items, error):
                items[0].shortages, at_fault = 0, False  # what a GPU has no room for, a CPU may
        items = self._living(items, lane)
        if at_fault and items:
            self._charge(items[0], error.kind, error.message, max(1, items[0].shortages))
            return
        self._retry_halves(queue, items)
        group.work.set()

    def _after_out_of_memory(
        self,
        group: Group,
        lane: Lane,
        queue: StageQueue,
        items: list[QueuedItem],
        error: HostError,
    ) -> bool:
        """Smaller batches from now on; whether the model has to leave its GPU."""
        lane.memory_failures += 1
        queue.sizing(lane.device).ran_out(len(items), padded_cost(items))
        failures = max(lane.memory_failures, items[0].shortages)
        if failures < MEMORY_FAILURES or lane.device.kind == "cpu":
            return False
        self._told.warning(
            f"{group.spec.title} ran out of memory on {lane.device} three times in a row "
            f"({error.message}); it goes on on the CPU, many times slower"
        )
        self.give_back(group, lane)
        lane.go_to_cpu()
        return True

    def give_back(self, group: Group, lane: Lane) -> None:
        """Put batches that were sent, and at which nobody is to work any more, back into line."""
        for queue, items in lane.sent:
            if living := self._living(items, lane):
                queue.batcher.retry(living)
        lane.sent.clear()
        group.work.set()

    def drop(self, item: QueuedItem, lane: Lane) -> None:
        """An item nobody waits for any more; what the host wrote after the flight closed goes."""
        self._room.release(item)
        with contextlib.suppress(OSError):
            gate.remove(item.flight.spool_for(lane.name))

    def _living(self, items: list[QueuedItem], lane: Lane) -> list[QueuedItem]:
        for item in items:
            if item.flight.closed:
                self.drop(item, lane)
        return [item for item in items if not item.flight.closed]

    @staticmethod
    def _retry_halves(queue: StageQueue, items: list[QueuedItem]) -> None:
        middle = (len(items) + 1) // 2
        for half in (items[:middle], items[middle:]):
            if half:
                queue.batcher.retry(half)

    def _charge(self, item: QueuedItem, kind: Kind, message: str, tries: int) -> None:
        """The item is at fault: its recording pays."""
        self._room.release(item)
        stage = self._stages[item.flight.stage].name
        text = f"{message} (item {item.index} of {item.flight.label})"
        # a cause that can pass is waited for with the whole stage, as anywhere else
        failure = Failure(stage, kind, text, tries)
        item.flight.fail(StageFailed(failure, final=kind != "passing"))
