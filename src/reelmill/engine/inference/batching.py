"""Fills batches from many recordings at once. Items of similar cost go together."""

from __future__ import annotations

import bisect
import itertools
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from reelmill.engine.process.arena import Block
from reelmill.engine.process.client import Turns

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
    priority: int = 0
    arrival: int = field(default_factory=lambda: next(_arrivals))
    queued: bool = False
    #: How often the model worker died, or memory ran out, when the item was alone in a batch.
    crashes: int = 0
    #: The weight of these against it; see `Recovery`.
    suspicion: int = 0
    shortages: int = 0


class _Shelf:
    """The waiting items of one priority."""

    def __init__(self) -> None:
        self._by_cost: list[tuple[float, int, QueuedItem]] = []
        self._by_arrival: deque[QueuedItem] = deque()

    def __len__(self) -> int:
        return len(self._by_cost)

    @property
    def largest_cost(self) -> float:
        return self._by_cost[-1][0]

    @property
    def oldest(self) -> QueuedItem:
        """The item that has waited longest."""
        while not self._by_arrival[0].queued:
            self._by_arrival.popleft()
        return self._by_arrival[0]

    def add(self, item: QueuedItem) -> None:
        item.queued = True
        bisect.insort(self._by_cost, (item.cost, item.arrival, item))
        self._by_arrival.append(item)

    def remove(self, stage_run: StageRun) -> list[QueuedItem]:
        """Remove all items of a recording whose stage is over."""
        removed = [item for _, _, item in self._by_cost if item.stage_run is stage_run]
        if removed:
            self._by_cost = [one for one in self._by_cost if one[2].stage_run is not stage_run]
            self._by_arrival = deque(
                item for item in self._by_arrival if item.stage_run is not stage_run
            )
        return removed

    def fill(self, batch: _Growing) -> None:
        """Add the items nearest in cost, as long as the batch takes more."""
        low = high = bisect.bisect_left(self._by_cost, batch.around)
        while batch.has_room:
            below = batch.least - self._by_cost[low - 1][0] if low > 0 else None
            above = self._by_cost[high][0] - batch.most if high < len(self._by_cost) else None
            if below is None and above is None:
                break
            is_below = above is None or (below is not None and below <= above)
            if not batch.take(self._by_cost[low - 1 if is_below else high][2]):
                break
            low, high = (low - 1, high) if is_below else (low, high + 1)
        for _, _, item in self._by_cost[low:high]:
            item.queued = False
        del self._by_cost[low:high]


class _Growing:
    """A batch that is being filled around its first item."""

    def __init__(self, first: QueuedItem, size: int, max_padded_cost: float | None) -> None:
        self.items: list[QueuedItem] = []
        self.around = (first.cost, first.arrival)
        self.least = self.most = first.cost
        self._size = size
        self._max_padded_cost = max_padded_cost

    @property
    def has_room(self) -> bool:
        return not self.items or len(self.items) < self._size

    def take(self, item: QueuedItem) -> bool:
        """Add an item, unless the batch would become too costly. The first one always fits."""
        most = max(self.most, item.cost)
        padded = most * (len(self.items) + 1)
        if self.items and self._max_padded_cost is not None and padded > self._max_padded_cost:
            return False
        self.items.append(item)
        self.least, self.most = min(self.least, item.cost), most
        return True


class Batcher:
    """The waiting items of one stage.

    A batch is the item that has waited longest, with those nearest to it in cost. So no item waits
    forever, and there is little padding. Items of runs with a higher priority go first; those of
    other runs fill what is left of the batch. Every eighth batch begins with the item that has
    waited longest, whatever its priority. Failed batches are retried separately from the others.
    """

    def __init__(self) -> None:
        self._shelves: dict[int, _Shelf] = {}
        self._retries: deque[list[QueuedItem]] = deque()
        self._turns = Turns()

    def __len__(self) -> int:
        waiting = sum(len(shelf) for shelf in self._shelves.values())
        return waiting + sum(len(batch) for batch in self._retries)

    @property
    def largest_cost(self) -> float:
        """The largest cost of the items that wait for the first time."""
        return max((shelf.largest_cost for shelf in self._shelves.values()), default=0.0)

    @property
    def priority(self) -> int:
        """The highest priority of the items that wait for the first time, of which there are
        some."""
        return max(self._shelves)

    @property
    def oldest_arrival(self) -> int:
        """When the item arrived that has waited longest for its first time, if there is one."""
        return min((one.oldest.arrival for one in self._shelves.values()), default=0)

    @property
    def has_retries(self) -> bool:
        return bool(self._retries)

    def add(self, item: QueuedItem) -> None:
        self._shelves.setdefault(item.priority, _Shelf()).add(item)

    def retry(self, batch: list[QueuedItem]) -> None:
        """Put back a batch, to be retried on its own."""
        self._retries.append(batch)

    def remove(self, stage_run: StageRun) -> list[QueuedItem]:
        """Remove all items of a recording whose stage is over."""
        removed = [item for one in self._shelves.values() for item in one.remove(stage_run)]
        self._clear_away()
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
        if not self._shelves:
            return []
        shelves = sorted(self._shelves.items(), reverse=True)
        if self._turns.is_fair:
            shelves.sort(key=lambda one: one[1].oldest.arrival)
        self._turns.taken()
        batch = _Growing(shelves[0][1].oldest, size, max_padded_cost)
        for _, shelf in shelves:
            shelf.fill(batch)
        self._clear_away()
        return batch.items

    def _clear_away(self) -> None:
        self._shelves = {at: shelf for at, shelf in self._shelves.items() if len(shelf)}

    def _take_retry(self, size: int) -> list[QueuedItem]:
        batch = self._retries.popleft()
        if len(batch) > size:
            self._retries.appendleft(batch[size:])
        return batch[:size]
