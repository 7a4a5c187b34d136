"""Decisions as tables."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelmill.engine.resources import policy


@pytest.mark.parametrize(
    ("cores", "workers"), [(1, 1), (2, 1), (3, 1), (4, 2), (8, 6), (20, 18), (64, 18)]
)
def test_workers_leave_two_cores_and_are_at_most_18(cores: int, workers: int) -> None:
    # proves: G1
    assert policy.default_workers(cores) == workers
    assert policy.default_workers(cores, cpu_parts=True) == min(cores, 18)


@pytest.mark.parametrize(
    ("looks", "more_waits", "slow"),
    [(0, True, False), (1, True, False), (2, True, True), (2, False, False), (8, False, True)],
)
def test_a_model_is_slow_sooner_while_more_work_waits(
    looks: int, more_waits: bool, slow: bool
) -> None:
    assert policy.is_slow(looks, more_waits=more_waits) == slow


@pytest.mark.parametrize(
    ("gpus", "most", "workers", "mb"),
    [
        *((0, 32, 1, 128), (0, 512, 1, 128), (0, 32, 2, 128), (0, 32, 3, 192), (0, 32, 16, 256)),
        *((1, 32, 1, 256), (4, 32, 16, 256), (1, 512, 1, 2560)),
    ],
)
def test_the_arena_is_larger_for_a_gpu_and_holds_a_large_batch(
    gpus: int, most: int, workers: int, mb: int
) -> None:
    assert policy.default_arena_mb(gpus, most, workers) == mb


@pytest.mark.parametrize(
    ("free_mb", "most"), [(0, 32), (8_000, 32), (24 << 10, 48), (80 << 10, 160), (139 << 10, 278)]
)
def test_a_large_gpu_gets_larger_batches(free_mb: float, most: int) -> None:
    assert policy.default_max_batch(free_mb) == most


@pytest.mark.parametrize(
    ("cores", "free_mb", "models_mb", "model_workers"),
    [
        (1, 8_000, [300], [1]),
        (2, 8_000, [300], [2]),
        (2, 500, [300], [1]),  # a second one would not fit into half of what is free
        (16, 64_000, [300], [4]),
        (16, 20_000, [5_000], [2]),
        (16, 64_000, [0], [1]),  # a model that does not say what it needs
        (4, 8_000, [300, 100], [4, 4]),
        (4, 3_000, [1_000, 100], [1, 4]),  # the small one first
        (4, 4_400, [1_000, 100], [2, 2]),
        (4, 100, [1_000, 100], [1, 1]),  # one each in any case
        (4, 8_000, [], []),
    ],
)
def test_model_workers_on_the_cpu_are_as_many_as_fit(
    cores: int, free_mb: float, models_mb: list[float], model_workers: list[int]
) -> None:
    # proves: G16 G9
    assert policy.spread_workers(cores, free_mb, models_mb) == model_workers


@pytest.mark.parametrize(
    ("cores", "model_workers", "all_workers", "threads"),
    [(1, 1, None, 1), (2, 2, None, 1), (2, 1, None, 2), (16, 4, None, 4), (16, 2, 2, 8),
     (16, 4, 12, 2), (16, 4, 8, 4), (2, 2, 6, 1)],
)  # fmt: skip
def test_model_workers_share_the_cores(
    cores: int, model_workers: int, all_workers: int | None, threads: int
) -> None:
    # proves: G16 G9
    assert policy.worker_threads(cores, model_workers, all_workers) == threads


@pytest.mark.parametrize(
    ("free_mb", "others_mb", "cores", "model_workers"),
    [
        (80_000, 0, 32, 13),
        (20_000, 0, 32, 13),  # 13 x 1,200 of 0.8 x 20,000
        (19_000, 0, 32, 5),
        (80_000, 60_000, 32, 3),  # other models are there too
        (6_000, 0, 32, 3),
        (4_000, 0, 32, 1),
        (500, 0, 32, 1),  # one in any case
        (80_000, 0, 8, 5),  # who is to feed more
        (80_000, 0, 2, 1),
    ],
)
def test_replicas_of_a_small_model_fall_from_13_to_5_to_3_with_less_memory(
    free_mb: float, others_mb: float, cores: int, model_workers: int
) -> None:
    # proves: F2
    assert policy.gpu_replicas(free_mb, others_mb, 1_200, cores) == model_workers
    assert policy.gpu_replicas(free_mb, others_mb, 0, cores) == 1


@pytest.mark.parametrize(
    ("most_workers", "cores", "paces", "placed"),
    [
        (2, 2, {1: 1.0, 2: 0.6}, (2, 1)),  # two threads are not twice as fast
        (2, 2, {1: 1.0, 2: 0.5}, (1, 2)),  # they are: one model worker needs half the memory
        (1, 2, {1: 1.0, 2: 0.6}, (1, 2)),  # there is memory for one only
        (1, 2, {1: 1.0, 2: 1.3}, (1, 1)),  # threads that are in each other's way
        (4, 16, {1: 1.0, 2: 0.55, 4: 0.3, 8: 0.2, 16: 0.2}, (4, 4)),
        (4, 16, {1: 1.0}, (4, 1)),
        (3, 4, {}, (3, 1)),  # nothing was measured
    ],
)
def test_model_workers_and_threads_are_those_measured_to_be_fastest(
    most_workers: int, cores: int, paces: dict[int, float], placed: tuple[int, int]
) -> None:
    # proves: F2
    assert policy.by_pace(most_workers, cores, paces) == placed


def test_threads_are_measured_in_doublings_up_to_all_cores() -> None:
    # proves: F2
    assert [policy.thread_counts(cores) for cores in (1, 2, 6, 8)] == [
        (1,), (1, 2), (1, 2, 4, 6), (1, 2, 4, 8),
    ]  # fmt: skip


def test_there_are_three_waits_and_four_tries() -> None:
    # proves: G8
    assert [policy.retry_wait(tries) for tries in (1, 2, 3, 4)] == [5.0, 15.0, 30.0, None]


@pytest.mark.parametrize(
    ("free", "item", "start", "maximum", "size"),
    [
        (0, 0, 20, 32, 20),  # nothing measured: as configured
        (0, 0, 64, 32, 32),
        (10_000, 100, 20, 32, 20),
        (1000, 100, 20, 32, 8),  # 1000 x 0.8 / 100
        (50, 100, 20, 32, 1),
        (0, 100, 20, 32, 1),
    ],
)
def test_the_first_size_follows_what_is_free(
    free: float, item: float, start: int, maximum: int, size: int
) -> None:
    # proves: G2 G3
    assert policy.first_batch_size(free, item, start, maximum) == size


@pytest.mark.parametrize(
    ("size", "used", "new"),
    [
        (20, 0.80, 10),
        (20, 0.97, 10),
        (20, 0.79, 20),
        (20, 0.51, 20),
        (20, 0.50, 25),
        (20, 0.0, 25),
        (30, 0.1, 32),
        (1, 0.99, 1),
        (1, 0.1, 2),
    ],
)
def test_the_size_shrinks_at_80_percent_and_grows_at_50(size: int, used: float, new: int) -> None:
    # proves: G3
    assert policy.adapted_batch_size(size, used, 32) == new


@given(st.integers(1, 32), st.floats(0, 1), st.integers(32, 64))
def test_a_size_stays_between_one_and_the_maximum(size: int, used: float, maximum: int) -> None:
    # proves: G2
    assert 1 <= policy.adapted_batch_size(size, used, maximum) <= maximum


@pytest.mark.parametrize(
    ("cost", "pace", "seconds"),
    [(100, None, 600), (100, 0.01, 120), (100, 1.0, 2000), (0, 5.0, 120)],
)
def test_the_deadline_of_a_batch_is_twenty_times_its_expected_time(
    cost: float, pace: float | None, seconds: float
) -> None:
    # proves: G10
    assert policy.batch_deadline(cost, pace) == seconds


@pytest.mark.parametrize(
    ("quiet", "computed", "hung"),
    [
        (10, 0, False),
        (299, 0, False),
        (300, 0, True),  # blocked
        (1000, 990, False),  # a long step that computes
        (1000, 600, True),  # half of it waiting
        (1800, 1800, True),  # an endless loop
    ],
)
def test_a_task_without_progress_counts_as_hung(quiet: float, computed: float, hung: bool) -> None:
    # proves: G10
    assert policy.is_stalled(quiet, computed, 300.0) is hung


@pytest.mark.parametrize(
    ("total", "share", "workers", "mb"),
    [
        (24_000, 0.8, 1, 4096),
        (10_000, 0.8, 2, 2000),
        (24_000, 0.22, 1, 2640),  # a machine of which little may be used
        (64_000, 0.8, 18, 1422),
        (4_000, 0.8, 2, 1024),
    ],
)
def test_the_limits_of_all_workers_are_half_of_the_memory(
    total: float, share: float, workers: int, mb: int
) -> None:
    # proves: G7
    assert policy.worker_memory_mb(total, share, workers) == mb
