"""Allocates room in the arena: who gets a block next, and whether another recording may start."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from reelmill.engine.inference.batching import QueuedItem
from reelmill.engine.inference.stage_run import StageRun
from reelmill.engine.process.arena import Allocator, Block
from reelmill.engine.process.client import Client, Turns

#: The part of the arena that must be free before another recording is split.
_TO_START = 0.25


@dataclass(eq=False)
class _Wish:
    """A request for a block of `size` bytes."""

    stage_run: StageRun
    size: int
    block: asyncio.Future[Block | None]

    @property
    def client(self) -> Client:
        return self.stage_run.owner.client

    @property
    def is_over(self) -> bool:
        return self.block.done() or not self.stage_run.is_wanted


class ArenaQueue:
    """Hands out blocks in the order of the requests; those of runs with a higher priority go first,
    except for every eighth. A small item does not overtake a large one.
    """

    def __init__(self, allocator: Allocator, on_room: Callable[[], None]) -> None:
        self._allocator = allocator
        self._on_room = on_room
        self._wishes: list[_Wish] = []
        self._used: Counter[Client] = Counter()
        self._turns = Turns()

    def to_start(self, client: Client) -> bool:
        """Whether another recording of a run may be split now: the run's items leave enough room,
        and none of its splits waits for room."""
        used, size = self._used[client], self._allocator.size
        if size - used < size * _TO_START:
            return False
        return not any(wish.client is client for wish in self._wishes)

    @property
    def used_share(self) -> float:
        """The part of the arena that is in use."""
        return self._allocator.used / self._allocator.size

    @property
    def waiting(self) -> int:
        """How many splits wait for room."""
        return len(self._wishes)

    def ask(self, stage_run: StageRun, size: int) -> asyncio.Future[Block | None]:
        """Wait for a block for an item of `stage_run`; None if the stage run is over."""
        future: asyncio.Future[Block | None] = asyncio.get_running_loop().create_future()
        self._wishes.append(_Wish(stage_run, size, future))
        self.hand_out()
        return future

    def hand_out(self) -> None:
        """Fulfil the wishes that can be fulfilled."""
        if not self._wishes:
            return
        for wish in [one for one in self._wishes if one.is_over]:
            self._wishes.remove(wish)
            if not wish.block.done():
                wish.block.set_result(None)
        while self._wishes:
            wish = self._next()
            block = self._allocator.allocate(wish.size)
            if block is None:
                return
            self._turns.taken()
            self._used[wish.client] += block.size
            wish.stage_run.grant(block)
            self._wishes.remove(wish)
            wish.block.set_result(block)

    def _next(self) -> _Wish:
        if self._turns.is_fair:
            return self._wishes[0]
        return max(self._wishes, key=lambda wish: wish.client.priority)  # the first of equal ones

    def release(self, item: QueuedItem) -> None:
        """Free the block of an item that is inferred or no longer needed."""
        client = item.stage_run.owner.client
        self._free(client, item.block)
        self.hand_out()
        if self.to_start(client):
            self._on_room()

    def close(self, stage_run: StageRun) -> None:
        """Free the blocks given to a stage run's worker that died before filling them."""
        for block in stage_run.take_back_grants():
            self._free(stage_run.owner.client, block)
        self.hand_out()
        self._on_room()

    def _free(self, client: Client, block: Block) -> None:
        self._allocator.free(block)
        self._used[client] -= block.size
        if not self._used[client]:
            del self._used[client]
