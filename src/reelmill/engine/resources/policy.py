"""Decisions as pure functions of numbers: sizes, waits, deadlines. Tested by tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

#: Tries after a transient failure: three waits, so four tries in all.
RETRY_WAITS = (5.0, 15.0, 30.0)

SHRINK_AT = 0.80
GROW_AT = 0.50
PANIC_AT = 0.95
ADAPT_EVERY = 5
#: Of what is free, for models that are loaded together: the rest is for batches larger than those
#: seen so far, and for others.
BUDGET_SHARE = 0.80
#: Model workers of a small model on one GPU: fewer when memory is short.
REPLICAS = (13, 5, 3, 1)
#: Of the machine's memory; past it a run does not go on.
MEMORY_LIMIT = 0.80


def default_workers(cores: int, *, cpu_parts: bool = False) -> int:
    """Processes of the CPU pool: two cores are left for the coordinator and the models.

    None is left where CPU work without a model comes in parts that fill all cores: that is what
    such a pipeline waits for, and it begins when its models are done.
    """
    return max(1, min(cores if cpu_parts else cores - 2, 18))


def default_arena_mb(gpus: int) -> int:
    """Shared memory for what waits for a model: a few batches. A GPU's models and batches are
    larger; on a CPU more of it was not faster, but lies in memory beside the models."""
    return 256 if gpus else 128


def spread_workers(
    cores: int, free_mb: float, models_mb: Sequence[float], most: int = 4
) -> list[int]:
    """Model workers on the CPU for models that are loaded together: one each, then one more in turn
    for those that still fit into half of what is free, the smallest first.

    Several model workers with few threads each outrun one with many, for decoding text is a chain
    of small products that threads cannot share. A model of 0 MB never said what it needs: it gets
    one.
    """
    model_workers = [1] * len(models_mb)
    left = 0.5 * free_mb - sum(models_mb)
    by_size = sorted(range(len(models_mb)), key=lambda at: models_mb[at])
    for _ in range(min(cores, most) - 1):
        for at in by_size:
            if 0 < models_mb[at] <= left:
                model_workers[at] += 1
                left -= models_mb[at]
    return model_workers


def worker_threads(cores: int, model_workers: int, all_workers: int | None = None) -> int:
    """Threads of each of a model's `model_workers` on the CPU, when there are `all_workers` of all
    models.

    The CPU pool is not allowed for: when the models are what a run waits for it idles most of the
    time. Models loaded together are seldom busy all at once: they get twice the cores in all.
    """
    alone = cores // model_workers
    together = 2 * cores // (all_workers or model_workers)
    return max(1, min(alone, together))


def thread_counts(cores: int) -> tuple[int, ...]:
    """Numbers of threads worth measuring: 1, 2, 4 ... and all cores."""
    return tuple(sorted({*(2**n for n in range(cores.bit_length()) if 2**n < cores), cores}))


def by_pace(most_workers: int, cores: int, paces: Mapping[int, float]) -> tuple[int, int]:
    """Model workers of a model on the CPU and threads of each that together infer most, by measured
    seconds of the same work with so many threads; of what is as good to 5 %, the fewest model
    workers.

    Args:
        most_hosts: for which there is memory.
    """
    options = [
        (min(most_workers, cores // threads), threads) for threads in paces if threads <= cores
    ]
    rates = {option: option[0] / max(paces[option[1]], 1e-9) for option in options}
    if not rates:
        return most_workers, worker_threads(cores, most_workers)
    return min(option for option, rate in rates.items() if rate >= 0.95 * max(rates.values()))


def gpu_replicas(free_mb: float, others_mb: float, host_mb: float, cores: int) -> int:
    """Model workers of a small model that share a GPU: as many as `REPLICAS` has and there is
    memory for beside the other models, and cores to feed them.

    A model of 0 MB never said what it needs: it gets one.
    """
    room = BUDGET_SHARE * free_mb - others_mb
    fitting = (n for n in REPLICAS if n <= cores and n * host_mb <= room)
    return next(fitting, 1) if host_mb > 0 else 1


def retry_wait(tries: int, waits: tuple[float, ...] = RETRY_WAITS) -> float | None:
    """Seconds to wait after `tries` failed tries, None when that was the last."""
    return waits[tries - 1] if tries <= len(waits) else None


def first_batch_size(
    free_mb: float, item_mb: float, start: int, maximum: int, share: float = 0.8
) -> int:
    """The first size from what is free: free x 0.8 / measured cost of one item, clamped.

    With no measured cost (`item_mb` 0) it is the configured start.
    """
    if item_mb <= 0:
        return max(1, min(start, maximum))
    return max(1, min(start, maximum, int(free_mb * share / item_mb)))


def padded_cost_limit(free_mb: float, per_cost_mb: float, share: float = 0.8) -> float | None:
    """The most padded cost a batch may have; None while nobody knows what a unit of it takes."""
    return free_mb * share / per_cost_mb if per_cost_mb > 0 else None


def adapted_batch_size(size: int, used_share: float, maximum: int) -> int:
    """The size after a look at the device: halved when full, up by a quarter when empty."""
    if used_share >= SHRINK_AT:
        return max(1, size // 2)
    if used_share <= GROW_AT:
        return min(maximum, size + max(1, size // 4))
    return size


def is_stalled(quiet: float, computed: float, limit: float) -> bool:
    """Whether a task that showed no progress for `quiet` seconds counts as hung.

    Args:
        computed: CPU seconds it took meanwhile. What computes may be a long step that cannot show
            progress: it gets six times the limit. What waits, for a disk or for good, does not.
        limit: seconds.
    """
    return quiet - computed >= limit or quiet >= 6 * limit


def worker_memory_mb(total_mb: float, limit_share: float, workers: int) -> int:
    """Memory one worker of the CPU pool may take, when nobody says: together half of what a run
    may use, the rest is for the models; at least what decoding an 8K video takes, and at most
    what no recording needs."""
    return round(min(4096.0, max(1024.0, 0.5 * limit_share * total_mb / workers)))


def batch_deadline(
    cost: float,
    seconds_per_cost: float | None,
    least: float = 120.0,
    *,
    items: int = 1,
    warm_up_seconds: float | None = None,
) -> float:
    """Seconds after which a batch counts as hung: 20 times what the pace so far predicts.

    Before there is a pace it is 50 times what the warm-up took, for each item, and at most
    5 times the least.
    """
    if seconds_per_cost is not None:
        return max(least, 20.0 * cost * seconds_per_cost)
    if warm_up_seconds is None:
        return 5 * least
    return max(least, min(5 * least, 50.0 * items * warm_up_seconds))
