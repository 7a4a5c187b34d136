"""Batch sizes: tables, and a series of samples of a scripted device."""

from __future__ import annotations

import pytest

from reelmill.engine.inference.batch_size import Sizing
from reelmill.engine.resources import policy


@pytest.mark.parametrize(
    ("free_mb", "per_cost", "largest", "size", "limit"),
    [
        (10_000.0, 1.0, 30.0, 20, 8000.0),  # 266 would fit: the start is enough
        (300.0, 1.0, 30.0, 8, 240.0),
        (10.0, 1.0, 30.0, 1, 8.0),
        (10_000.0, 0.0, 30.0, 20, None),  # never measured
    ],
)
def test_the_first_batch_size_fits_by_count_and_by_cost(
    free_mb: float, per_cost: float, largest: float, size: int, limit: float | None
) -> None:
    # proves: G2 G3
    sizing = Sizing(20, 32)
    sizing.fit(free_mb, per_cost, largest, start=20)
    assert (sizing.size, sizing.cost_limit) == (size, limit)


def sizes(sizing: Sizing, shares: list[float]) -> list[int]:
    """The size after each batch, with the device as full as given at that time."""
    found = []
    for share in shares:
        sizing.paced(10.0, 1.0)
        if sizing.looks:
            sizing.adapt(share)
        found.append(sizing.size)
    return found


def test_the_batch_size_is_reviewed_every_five_batches() -> None:
    # proves: G3
    shares = [0.81] * 10 + [0.6] * 5 + [0.4] * 10
    expected = [20] * 4 + [10] * 5 + [5] * 5 + [5] * 5 + [6] * 5 + [7]
    assert sizes(Sizing(20, 32), shares) == expected


def test_the_batch_size_grows_back_to_the_maximum_and_no_further() -> None:
    # proves: G3
    assert sizes(Sizing(20, 32), [0.1] * 25)[-1] == 32
    assert sizes(Sizing(20, 32), [0.99] * 50)[-1] == 1


def test_out_of_memory_limits_the_cost_but_not_the_number_of_cheap_items() -> None:
    # proves: G4 G2
    sizing = Sizing(20, 32)
    sizing.ran_out(items=20, padded_cost=600.0)
    assert (sizing.size, sizing.cost_limit) == (10, 300.0)
    sizes(sizing, [0.3] * 50)
    assert sizing.size == 32, "by count it grows again: cheap items may be many"
    assert sizing.cost_limit == 450.0, "what ran out is not tried again soon"
    sizes(sizing, [0.3] * 100)
    assert sizing.cost_limit is not None and sizing.cost_limit > 600.0


def test_the_batch_size_is_halved_at_once_at_95_percent() -> None:
    # proves: G5
    sizing = Sizing(20, 32)
    sizing.fit(10_000.0, 1.0, 30.0, start=20)
    sizing.halve()
    assert (sizing.size, sizing.cost_limit) == (10, 4000.0)
    for _ in range(9):
        sizing.halve()
    assert sizing.size == 1


@pytest.mark.parametrize(
    ("items", "warm_up", "seconds"),
    [
        (20, None, 600.0),  # nothing known at all
        (20, 0.02, 120.0),
        (20, 0.3, 300.0),
        (10, 0.3, 150.0),  # half of the batch, half of the time
        (1, 0.3, 120.0),
        (20, 5.0, 600.0),
    ],
)
def test_the_first_deadline_of_a_batch_comes_from_the_warm_up(
    items: int, warm_up: float | None, seconds: float
) -> None:
    # proves: G10
    got = policy.batch_deadline(100.0, None, items=items, warm_up_seconds=warm_up)
    assert got == pytest.approx(seconds)
    assert policy.batch_deadline(100.0, 1.0, items=items, warm_up_seconds=warm_up) == 2000.0


def test_the_measured_pace_is_kept_for_each_kind_of_device() -> None:
    # proves: G10 G6
    from pathlib import Path

    from reelmill.engine.inference.stage_queue import StageQueue
    from reelmill.engine.stage import Device
    from tests.engine.toys import ShoutModel, ShoutStage

    queue = StageQueue(1, ShoutStage(ShoutModel(), Path("log")), 20, 32)
    queue.sizing(Device("cuda")).paced(100.0, 1.0)
    assert queue.sizing(Device("cpu")).seconds_per_cost is None
    assert queue.halve(Device("cpu")) == 10 and queue.sizing(Device("cuda")).size == 20
