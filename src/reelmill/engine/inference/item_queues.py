"""Items on their way to the models: their blocks in the arena, and their queues."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Mapping
from pathlib import Path

from reelmill.core import gate
from reelmill.engine.inference.arena_queue import ArenaQueue
from reelmill.engine.inference.batching import QueuedItem
from reelmill.engine.inference.replica_set import ReplicaSet
from reelmill.engine.inference.stage_queue import StageQueue
from reelmill.engine.inference.stage_run import StageRun
from reelmill.engine.process import cpu_worker
from reelmill.engine.process.arena import Block
from reelmill.engine.stage import Device


class ItemQueues:
    """The items of all stage runs."""

    def __init__(self, replica_sets: Mapping[int, ReplicaSet], room: ArenaQueue) -> None:
        """`replica_sets`: by the positions of the stages that use them."""
        self._replica_sets = replica_sets
        self._arena_queue = room
        self._numbers = itertools.count()

    def open(self, stage: int, label: str, spill_base: Path) -> StageRun:
        """Register that a recording, or a part of one, is about to be split for a stage."""
        self._queue(stage).split_begins()
        # The name is unique, because a model worker may still be writing for an earlier try.
        unique = spill_base.with_name(f"{spill_base.name}.{next(self._numbers)}")
        return StageRun(stage, label, unique)

    def room(self, stage_run: StageRun, size: int) -> asyncio.Future[Block | None]:
        """Wait for a block for an item of `stage_run`; None if the stage run is over."""
        return self._arena_queue.ask(stage_run, size)

    def has_room(self) -> bool:
        """Whether another recording may be split now."""
        return self._arena_queue.to_start

    def add(self, stage_run: StageRun, sent: cpu_worker.Sent) -> None:
        """Queue an item whose block is filled."""
        stage_run.filled(sent.block)
        item = QueuedItem(stage_run, sent.index, sent.cost, sent.block)
        if stage_run.closed:
            self._arena_queue.release(item)
            return
        self._queue(stage_run.stage).batcher.add(item)
        self._replica_sets[stage_run.stage].wake()

    def split_ended(self, stage_run: StageRun, total: int | None) -> None:
        """The split is over, with `total` items, or None if it failed."""
        self._queue(stage_run.stage).split_ends()
        if total is not None:
            stage_run.split_done(total)
        self._replica_sets[stage_run.stage].wake()

    def abandon(self, stage_run: StageRun, error: BaseException) -> None:
        """Another part of its recording failed, so it takes no more blocks."""
        if not stage_run.finished.done():
            stage_run.fail(error)
            self._arena_queue.hand_out()

    def close(self, stage_run: StageRun) -> None:
        """The stage run was merged or has failed; drop what is left of it."""
        stage_run.close()
        if not stage_run.settled:
            for item in self._queue(stage_run.stage).batcher.remove(stage_run):
                self._arena_queue.release(item)
        self._arena_queue.close(stage_run)
        for spill_file in stage_run.told:
            gate.remove(spill_file)

    def queued(self, stage: int) -> int:
        """The number of waiting items per stage."""
        return len(self._queue(stage).batcher)

    def all_wait(self) -> bool:
        """Whether everything that is being split waits for room, because the models are slower."""
        splits = sum(self._queue(stage).open_splits for stage in self._replica_sets)
        return 0 < splits <= self._arena_queue.waiting

    def halve(self, device: Device) -> list[str]:
        """Shrink batches on a device at once, and say what changed."""
        queues = [self._queue(stage) for stage in self._replica_sets]
        sizes = [(queue, queue.halve(device)) for queue in queues]
        return [f"{queue.stage.name} {size}" for queue, size in sizes if size is not None]

    def _queue(self, stage: int) -> StageQueue:
        return self._replica_sets[stage].queue(stage)
