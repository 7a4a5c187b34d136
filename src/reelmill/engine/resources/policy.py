"""Decisions as pure functions of numbers: sizes, waits, deadlines. Tested with tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from reelmill.core.retries import RETRY_WAITS

SHRINK_AT = 0.80
GROW_AT = 0.50
PANIC_AT = 0.95
ADAPT_EVERY = 5
#: The share of free memory for models that are loaded together. The rest is for larger batches than
#: seen so far, and for other programs.
BUDGET_SHARE = 0.80
#: Model workers of a small model on one GPU, fewer if memory is short.
REPLICAS = (13, 5, 3, 1)
#: A small model on the CPU gets another model worker when it held up the CPU's work between this
#: many looks: of those while more work waited for the CPU than what is being split, and of others.
#: They are a quarter of a second apart. A model worker takes a third of a second to start.
_LOOKS_BEHIND, _LOOKS_BEHIND_AT_THE_END = 2, 8
#: The share of the machine's memory above which a run stops.
MEMORY_LIMIT = 0.80


def default_workers(cores: int, *, cpu_parts: bool = False) -> int:
    """The number of processes in the CPU pool. Two cores are left for the coordinator and the
    models.

    No core is left if CPU work without a model comes in parts that fill all cores, because such a
    pipeline waits for that work, which starts when its models are done.
    """
    return max(1, min(cores if cpu_parts else cores - 2, 18))


def default_arena_mb(gpus: int, max_batch: int, workers: int = 1) -> int:
    """Shared memory for items waiting for a model: a few batches. Models and batches of a GPU are
    larger. On a CPU, more was not faster, and it takes memory from the models; `workers` are those
    that make items of 40 to 60 MB (runs of frames), of which the arena should hold one for each.

    No batch can be larger than the arena: it holds three of `max_batch` windows of 30 s with 128
    mel bands (1.5 MB each).
    """
    return max(256, 5 * max_batch) if gpus else max(128, min(256, 64 * workers))


def default_max_batch(free_mb: float) -> int:
    """The largest batch for a GPU with `free_mb` free; 0 without a GPU.

    Two windows of 30 s per GB, by calculation: with five beams, a window takes 0.2 to 0.4 GB in
    Whisper large-v3. The engine measures the real need and keeps batches below it.
    """
    return max(32, int(2 * free_mb / 1024))


def spread_workers(
    cores: int, free_mb: float, models_mb: Sequence[float], most: int = 4
) -> list[int]:
    """Model workers on the CPU for models that are loaded together: one each, then one more in
    turn, smallest first, for those that still fit into half of the free memory.

    Several model workers with few threads each are faster than one with many, because decoding text
    is a chain of small products that threads cannot share. A model of 0 MB has not stated its need,
    so it gets one.
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


def is_slow(looks_behind: int, *, more_waits: bool) -> bool:
    """Whether a model needs another model worker.

    Args:
        looks_behind: between how many looks everything that is split waited for the model.
        more_waits: whether there are tasks that the CPU has not begun.
    """
    return looks_behind >= (_LOOKS_BEHIND if more_waits else _LOOKS_BEHIND_AT_THE_END)


def worker_threads(cores: int, model_workers: int, all_workers: int | None = None) -> int:
    """Threads of each of a model's `model_workers` on the CPU, if there are `all_workers` of all
    models.

    The CPU pool is not counted: while a run waits for the models, the pool is mostly idle. Models
    that are loaded together are seldom busy at the same time, so together they get twice the cores.
    """
    alone = cores // model_workers
    together = 2 * cores // (all_workers or model_workers)
    return max(1, min(alone, together))


def thread_counts(cores: int) -> tuple[int, ...]:
    """Numbers of threads worth measuring: 1, 2, 4 ... and all cores."""
    return tuple(sorted({*(2**n for n in range(cores.bit_length()) if 2**n < cores), cores}))


def by_pace(most_workers: int, cores: int, paces: Mapping[int, float]) -> tuple[int, int]:
    """The number of model workers on the CPU, and the threads of each, that together infer most, by
    the measured seconds of the same work with each number of threads. Among choices within 5 %, the
    fewest model workers.

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
    """The number of model workers of a small model that share a GPU: as in `REPLICAS`, limited by
    the memory left beside other models and by the cores that feed them.

    A model of 0 MB has not stated its need, so it gets one.
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
    """The first batch size from free memory: free x 0.8 / measured cost of one item, within limits.

    Without a measured cost (`item_mb` 0) it is the configured start.
    """
    if item_mb <= 0:
        return max(1, min(start, maximum))
    return max(1, min(start, maximum, int(free_mb * share / item_mb)))


def padded_cost_limit(free_mb: float, per_cost_mb: float, share: float = 0.8) -> float | None:
    """The largest padded cost of a batch; None while the memory per unit is unknown."""
    return free_mb * share / per_cost_mb if per_cost_mb > 0 else None


def adapted_batch_size(size: int, used_share: float, maximum: int) -> int:
    """The batch size after checking the device: halved if full, increased by a quarter if there is
    much room."""
    if used_share >= SHRINK_AT:
        return max(1, size // 2)
    if used_share <= GROW_AT:
        return min(maximum, size + max(1, size // 4))
    return size


def is_stalled(quiet: float, computed: float, limit: float) -> bool:
    """Whether a task without progress for `quiet` seconds counts as hung.

    Args:
        computed: CPU seconds it took meanwhile. What computes may be a long step that cannot show
            progress: it gets six times the limit. What waits, for a disk or for good, does not.
        limit: seconds.
    """
    return quiet - computed >= limit or quiet >= 6 * limit


def worker_memory_mb(total_mb: float, limit_share: float, workers: int) -> int:
    """The default memory limit of a CPU pool worker. All together get half of what a run may use;
    the rest is for the models. It is at least what decoding 8K video takes, and at most what no
    recording needs."""
    return round(min(4096.0, max(1024.0, 0.5 * limit_share * total_mb / workers)))


def batch_deadline(
    cost: float,
    seconds_per_cost: float | None,
    least: float = 120.0,
    *,
    items: int = 1,
    warm_up_seconds: float | None = None,
) -> float:
    """Seconds after which a batch counts as hung: 20 times what the measured pace predicts.

    Before there is a pace it is 50 times what the warm-up took, for each item, and at most
    5 times the least.
    """
    if seconds_per_cost is not None:
        return max(least, 20.0 * cost * seconds_per_cost)
    if warm_up_seconds is None:
        return 5 * least
    return max(least, min(5 * least, 50.0 * items * warm_up_seconds))
