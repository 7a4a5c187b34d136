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
        self,
        replica_sets: Callable[[], Iterable[ReplicaSet]],
        arena_queue: ArenaQueue,
        cores: int,
    ) -> None:
        """`replica_sets`: those there are now. `cores`: those of models and splits together."""
        self._replica_sets = replica_sets
        self._arena_queue = arena_queue
        self._numbers = itertools.count()
        self._open: set[StageRun] = set()
        self._cores = cores
        #: Those whose split has begun and not ended.
        self._splitting: set[StageRun] = set()
        self._were_behind = False

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
        self._splitting.add(stage_run)
        block = self._arena_queue.ask(stage_run, size)
        self._were_behind |= self._all_wait()
        return block

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
        self._splitting.discard(stage_run)
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

    def were_behind(self) -> bool:
        """Whether, at some time since the last call, a core was idle because the models are slower:
        everything that was being split waited for room."""
        were, self._were_behind = self._were_behind or self._all_wait(), False
        return were

    def _all_wait(self) -> bool:
        inferring = sum(bool(one.sent) for some in self._replica_sets() for one in some.replicas)
        splits = len(self._splitting)
        return 0 < splits <= self._arena_queue.waiting and inferring < self._cores

    def halve(self, device: Device) -> list[str]:
        """Shrink batches on a device at once, and say what changed."""
        queues = [queue for one in self._replica_sets() for queue in one.queues]
        sizes = [(queue, queue.halve(device)) for queue in queues]
        return [f"{queue.stage.name} {size}" for queue, size in sizes if size is not None]
