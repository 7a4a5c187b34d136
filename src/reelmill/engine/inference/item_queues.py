"""Items on their way to the models: their blocks in the arena, and their queues."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Iterable
from pathlib import Path

from reelmill.core import gate
from reelmill.engine.inference.arena_queue import ArenaQueue
from reelmill.engine.inference.batching import QueuedItem
from reelmill.engine.inference.replica_set import ReplicaSet
from reelmill.engine.inference.stage_queue import StageQueue
from reelmill.engine.inference.stage_run import StageRun
from reelmill.engine.inference.told import Owner
from reelmill.engine.process import cpu_worker
from reelmill.engine.process.arena import Block
from reelmill.engine.process.client import Client
from reelmill.engine.stage import Device


class ItemQueues:
    """The items of all stage runs."""

    def __init__(
        self, replica_sets: Callable[[], Iterable[ReplicaSet]], arena_queue: ArenaQueue
    ) -> None:
        """`replica_sets`: those there are now."""
        self._replica_sets = replica_sets
        self._arena_queue = arena_queue
        self._numbers = itertools.count()
        self._open: set[StageRun] = set()

    def open(
        self,
        queue: StageQueue,
        replica_set: ReplicaSet,
        owner: Owner,
        label: str,
        spill_base: Path,
    ) -> StageRun:
        """Register that a recording, or a part of one, is about to be split for a stage."""
        queue.split_begins()
        # The name is unique, because a model worker may still be writing for an earlier try.
        unique = spill_base.with_name(f"{spill_base.name}.{next(self._numbers)}")
        stage_run = StageRun(queue, replica_set, owner, label, unique)
        self._open.add(stage_run)
        return stage_run

    def room(self, stage_run: StageRun, size: int) -> asyncio.Future[Block | None]:
        """Wait for a block for an item of `stage_run`; None if the stage run is over."""
        return self._arena_queue.ask(stage_run, size)

    def has_room(self, client: Client) -> bool:
        """Whether another recording of a run may be split now."""
        return self._arena_queue.to_start(client)

    def add(self, stage_run: StageRun, sent: cpu_worker.Sent) -> None:
        """Queue an item whose block is filled."""
        stage_run.filled(sent.block)
        priority = stage_run.owner.client.priority
        item = QueuedItem(stage_run, sent.index, sent.cost, sent.block, priority)
        if not stage_run.is_wanted:
            self._arena_queue.release(item)
            return
        stage_run.queue.batcher.add(item)
        stage_run.replica_set.wake()

    def split_ended(self, stage_run: StageRun, total: int | None) -> None:
        """The split is over, with `total` items, or None if it failed."""
        stage_run.queue.split_ends()
        if total is not None:
            stage_run.split_done(total)
        stage_run.replica_set.wake()

    def abandon(self, stage_run: StageRun, error: BaseException) -> None:
        """Another part of its recording failed, so it takes no more blocks."""
        if not stage_run.finished.done():
            stage_run.fail(error)
            self._arena_queue.hand_out()

    def close(self, stage_run: StageRun) -> None:
        """The stage run was merged or has failed; drop what is left of it."""
        stage_run.close()
        self._open.discard(stage_run)
        if not stage_run.settled:
            self._drop_queued(stage_run)
        self._arena_queue.close(stage_run)
        for spill_file in stage_run.told:
            gate.remove(spill_file)

    def drain(self, client: Client) -> None:
        """Nobody waits for the items of a run any more. Those that wait for a model are dropped."""
        for stage_run in [one for one in self._open if one.owner.client is client]:
            self._drop_queued(stage_run)
        self._arena_queue.hand_out()

    def _drop_queued(self, stage_run: StageRun) -> None:
        for item in stage_run.queue.batcher.remove(stage_run):
            self._arena_queue.release(item)

    def all_wait(self) -> bool:
        """Whether everything that is being split waits for room, because the models are slower."""
        splits = sum(queue.open_splits for one in self._replica_sets() for queue in one.queues)
        return 0 < splits <= self._arena_queue.waiting

    def halve(self, device: Device) -> list[str]:
        """Shrink batches on a device at once, and say what changed."""
        queues = [queue for one in self._replica_sets() for queue in one.queues]
        sizes = [(queue, queue.halve(device)) for queue in queues]
        return [f"{queue.stage.name} {size}" for queue, size in sizes if size is not None]
