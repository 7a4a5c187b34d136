"""The batcher: every item once, the oldest first, similar costs together."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelmill.engine.inference.batching import Batcher, QueuedItem
from reelmill.engine.process.arena import Block


def queued(cost: float, stage_run: Any = None, index: int = 0, priority: int = 0) -> QueuedItem:
    return QueuedItem(stage_run, index, cost, Block(0, 4096), priority)


costs = st.floats(0.1, 30.0)
#: Add an item of a cost and stage run, take a batch, give a taken one back, close a stage run.
steps = st.lists(
    st.one_of(
        st.tuples(st.just("add"), costs, st.integers(0, 3)),
        st.tuples(st.just("take"), st.integers(1, 8), st.integers(0, 60)),
        st.tuples(st.just("retry"), st.integers(0, 5), st.just(0)),
        st.tuples(st.just("close"), st.integers(0, 3), st.just(0)),
    ),
    max_size=120,
)


@given(steps)
def test_every_item_is_taken_exactly_once(plan: list[tuple[str, Any, Any]]) -> None:
    # proves: G2 G10
    batcher, stage_runs = Batcher(), [object() for _ in range(4)]
    waiting: set[QueuedItem] = set()
    taken: list[list[QueuedItem]] = []
    for what, first, second in plan:
        if what == "add":
            item = queued(first, stage_runs[second])
            batcher.add(item)
            waiting.add(item)
        elif what == "take":
            batch = batcher.take(first, second or None)
            assert len(batch) == len(set(batch)) <= first
            assert set(batch) <= waiting
            assert bool(batch) == bool(waiting)
            waiting -= set(batch)
            taken.append(batch)
        elif what == "retry" and taken:
            batch = taken.pop(first % len(taken))
            if batch:
                batcher.retry(batch)
                waiting |= set(batch)
        elif what == "close":
            removed = batcher.remove(stage_runs[first])
            gone = {item for item in waiting if item.stage_run is stage_runs[first]}
            assert len(removed) == len(set(removed)) and set(removed) == gone
            waiting -= gone
        assert len(batcher) == len(waiting)
    while batch := batcher.take(5):
        assert set(batch) <= waiting
        waiting -= set(batch)
    assert waiting == set()


@given(st.lists(costs, min_size=1, max_size=60), st.integers(1, 10), st.floats(1, 200))
def test_every_batch_has_the_oldest_item_and_keeps_the_limits(
    values: list[float], size: int, limit: float
) -> None:
    # proves: G2
    batcher = Batcher()
    items = [queued(cost) for cost in values]
    for item in items:
        batcher.add(item)
    left = list(items)
    while left:
        batch = batcher.take(size, limit)
        assert left[0] in batch
        assert len(batch) <= size
        padded = len(batch) * max(item.cost for item in batch)
        assert len(batch) == 1 or padded <= limit
        left = [item for item in left if item not in batch]


@given(st.lists(costs, min_size=1, max_size=60), st.integers(1, 10))
def test_a_batch_has_neighbours_in_cost(values: list[float], size: int) -> None:
    # proves: G2
    batcher = Batcher()
    items = [queued(cost) for cost in values]
    for item in items:
        batcher.add(item)
    while batch := batcher.take(size):
        low, high = min(item.cost for item in batch), max(item.cost for item in batch)
        assert len(batch) == size or not len(batcher)
        left = [item for item in items if item.queued]
        assert not any(low < item.cost < high for item in left)


def test_items_of_similar_cost_share_a_batch() -> None:
    # proves: G2
    batcher = Batcher()
    for cost in (1, 30, 2, 29, 3, 28):
        batcher.add(queued(cost))
    assert sorted(item.cost for item in batcher.take(3)) == [1, 2, 3]
    assert sorted(item.cost for item in batcher.take(3)) == [28, 29, 30]


def test_the_nearer_neighbour_is_taken_on_either_side() -> None:
    batcher = Batcher()
    for cost in (10, 14, 7, 11):
        batcher.add(queued(cost))
    assert sorted(item.cost for item in batcher.take(3)) == [7, 10, 11]


def test_a_failed_batch_is_taken_alone_and_first() -> None:
    # proves: G10
    batcher = Batcher()
    batcher.add(queued(1))
    failed = [queued(2), queued(3), queued(4)]
    batcher.retry(failed)
    assert batcher.has_retries
    assert batcher.take(2) == failed[:2], "a smaller size holds for retries too"
    assert batcher.take(8) == failed[2:]
    assert not batcher.has_retries
    assert [item.cost for item in batcher.take(8)] == [1]


def test_items_of_higher_priority_go_first_and_others_fill_the_batch() -> None:
    batcher = Batcher()
    for cost in (9, 10, 2, 30):
        batcher.add(queued(cost))
    urgent = [queued(cost, priority=1) for cost in (11, 28)]
    for item in urgent:
        batcher.add(item)
    batch = batcher.take(4)
    assert batch[:2] == urgent
    assert sorted(item.cost for item in batch[2:]) == [9, 10], "the nearest in cost"
    assert sorted(item.cost for item in batcher.take(4)) == [2, 30]


def test_every_eighth_batch_begins_with_what_has_waited_longest() -> None:
    batcher = Batcher()
    patient = queued(5)
    batcher.add(patient)
    batches = []
    for _ in range(8):
        batcher.add(queued(5, priority=7))
        batcher.add(queued(5, priority=7))
        batches += batcher.take(1)
    assert batches.index(patient) == 7


@given(st.lists(st.tuples(costs, st.integers(0, 2)), min_size=1, max_size=60), st.floats(1, 200))
def test_priorities_keep_the_limits_and_lose_nothing(
    values: list[tuple[float, int]], limit: float
) -> None:
    batcher = Batcher()
    left = {queued(cost, priority=priority) for cost, priority in values}
    for item in left:
        batcher.add(item)
    while batch := batcher.take(7, limit):
        assert set(batch) <= left and len(batch) == len(set(batch)) <= 7
        assert len(batch) == 1 or len(batch) * max(item.cost for item in batch) <= limit
        left -= set(batch)
    assert not left and not len(batcher)


@pytest.mark.parametrize("size", [1, 5])
def test_an_empty_queue_gives_nothing(size: int) -> None:
    assert Batcher().take(size) == []


def test_taken_items_are_removed_from_the_queue() -> None:
    batcher = Batcher()
    for number in range(3000):
        batcher.add(queued(number * 7 % 30))
        if number >= 50:
            batcher.take(1)
    assert len(batcher) == 50
    assert len(batcher._shelves[0]._by_arrival) < 500
