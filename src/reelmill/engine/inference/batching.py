"""Fills batches from many recordings at once. Items of similar cost go together."""

from __future__ import annotations

import bisect
import itertools
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from reelmill.engine.process.arena import Block

if TYPE_CHECKING:
    from reelmill.engine.inference.stage_run import StageRun

_arrivals = itertools.count()


@dataclass(slots=True, eq=False)
class QueuedItem:
    """An item in the arena that waits for a model. `index` is its position in the recording."""

    stage_run: StageRun
    index: int
    cost: float
    block: Block
    arrival: int = field(default_factory=lambda: next(_arrivals))
    queued: bool = False
    #: How often the model worker died, or memory ran out, when the item was alone in a batch.
    crashes: int = 0
    #: The weight of these against it; see `Recovery`.
    suspicion: int = 0
    shortages: int = 0


class Batcher:
    """The waiting items of one stage.

    A batch is the item that has waited longest, with those nearest to it in cost. So no item waits
    forever, and there is little padding. Failed batches are retried separately from the others.
    """

    def __init__(self) -> None:
        self._by_cost: list[tuple[float, int, QueuedItem]] = []
        self._by_arrival: deque[QueuedItem] = deque()
        self._retries: deque[list[QueuedItem]] = deque()

    def __len__(self) -> int:
        return len(self._by_cost) + sum(len(batch) for batch in self._retries)

    @property
    def largest_cost(self) -> float:
        """The number of items that wait for the first time."""
        return self._by_cost[-1][0] if self._by_cost else 0.0

    @property
    def has_retries(self) -> bool:
        return bool(self._retries)

    def add(self, item: QueuedItem) -> None:
        item.queued = True
        bisect.insort(self._by_cost, (item.cost, item.arrival, item))
        self._by_arrival.append(item)

    def retry(self, batch: list[QueuedItem]) -> None:
        """Put back a batch, to be retried on its own."""
        self._retries.append(batch)

    def remove(self, stage_run: StageRun) -> list[QueuedItem]:
        """Remove all items of a recording whose stage is over."""
        removed = [item for _, _, item in self._by_cost if item.stage_run is stage_run]
        self._by_cost = [entry for entry in self._by_cost if entry[2].stage_run is not stage_run]
        self._by_arrival = deque(
            item for item in self._by_arrival if item.stage_run is not stage_run
        )
        for batch in self._retries:
            removed += [item for item in batch if item.stage_run is stage_run]
        kept = (
            [item for item in batch if item.stage_run is not stage_run] for batch in self._retries
        )
        self._retries = deque(batch for batch in kept if batch)
        return removed

    def take(self, size: int, max_padded_cost: float | None = None) -> list[QueuedItem]:
        """Take at most `size` items with at most `max_padded_cost` (longest x count)."""
        if self._retries:
            return self._take_retry(size)
        if not self._by_cost:
            return []
        low = high = self._position_of_oldest()
        while high - low + 1 < size:
            grown = self._grow(low, high)
            if grown is None:
                break
            longest = self._by_cost[grown[1]][0]
            if max_padded_cost is not None and longest * (high - low + 2) > max_padded_cost:
                break
            low, high = grown
        batch = [entry[2] for entry in self._by_cost[low : high + 1]]
        del self._by_cost[low : high + 1]
        for item in batch:
            item.queued = False
        return batch

    def _position_of_oldest(self) -> int:
        while not self._by_arrival[0].queued:
            self._by_arrival.popleft()
        oldest = self._by_arrival[0]
        return bisect.bisect_left(self._by_cost, (oldest.cost, oldest.arrival))

    def _grow(self, low: int, high: int) -> tuple[int, int] | None:
        """Extend the range by one item, on the side with the nearer cost."""
        below = self._by_cost[low][0] - self._by_cost[low - 1][0] if low > 0 else None
        above = (
            self._by_cost[high + 1][0] - self._by_cost[high][0]
            if high + 1 < len(self._by_cost)
            else None
        )
        if below is None and above is None:
            return None
        if above is None or (below is not None and below <= above):
            return low - 1, high
        return low, high + 1

    def _take_retry(self, size: int) -> list[QueuedItem]:
        batch = self._retries.popleft()
        if len(batch) > size:
            self._retries.appendleft(batch[size:])
        return batch[:size]
