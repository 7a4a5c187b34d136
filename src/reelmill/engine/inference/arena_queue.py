"""Allocates room in the arena: who gets a block next, and whether another recording may start."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from reelmill.engine.inference.batching import QueuedItem
from reelmill.engine.inference.stage_run import StageRun
from reelmill.engine.process.arena import Allocator, Block

#: The part of the arena that must be free before another recording is split.
_TO_START = 0.25


class ArenaQueue:
    """Hands out blocks in the order of the requests. A small item does not overtake a large one."""

    def __init__(self, allocator: Allocator, on_room: Callable[[], None]) -> None:
        self._allocator = allocator
        self._on_room = on_room
        self._wanting: deque[tuple[StageRun, int, asyncio.Future[Block | None]]] = deque()
        self._draining = False

    @property
    def to_start(self) -> bool:
        """Whether another recording may be split now."""
        free = self._allocator.size - self._allocator.used
        return free >= self._allocator.size * _TO_START and not self._wanting

    @property
    def waiting(self) -> int:
        """How many splits wait for room."""
        return len(self._wanting)

    def ask(self, stage_run: StageRun, size: int) -> asyncio.Future[Block | None]:
        """Wait for a block for an item of `stage_run`; None if the stage run is over."""
        future: asyncio.Future[Block | None] = asyncio.get_running_loop().create_future()
        self._wanting.append((stage_run, size, future))
        self.hand_out()
        return future

    def hand_out(self) -> None:
        while self._wanting:
            stage_run, size, future = self._wanting[0]
            block = None
            if not future.done() and not stage_run.closed and not self._draining:
                block = self._allocator.allocate(size)
                if block is None:
                    return
                stage_run.grant(block)
            self._wanting.popleft()
            if not future.done():
                future.set_result(block)

    def release(self, item: QueuedItem) -> None:
        """Free the block of an item that is inferred or no longer needed."""
        self._allocator.free(item.block)
        self.hand_out()
        if self.to_start:
            self._on_room()

    def close(self, stage_run: StageRun) -> None:
        """Free the blocks given to a stage run's worker that died before filling them."""
        for block in stage_run.take_back_grants():
            self._allocator.free(block)
        self.hand_out()
        self._on_room()

    def drain(self) -> None:
        """Refuse all further requests."""
        self._draining = True
        self.hand_out()
