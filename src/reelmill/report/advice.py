"""What limited a run and what would make it faster: rules on measurements, all in this file.

Each rule looks at what was measured and says one thing, or nothing. Its text is in the wording of
pages under `performance.advice.` or `performance.limit.` and the rule's own name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from reelmill.report import wording
from reelmill.report.measurements import Lane, Measurements

Bools = npt.NDArray[np.bool_]

#: Shares of the run from which on something is worth saying.
_WAITED, _STARTED, _ALONE, _BUSY, _PADDED = 0.2, 0.25, 0.25, 0.7, 0.25
#: Shorter runs say nothing about settings.
_LEAST_SECONDS = 20.0
#: Of all cores: below, some are free; above, all are in use.
_FREE, _FULL = 0.75, 0.9
_LEAST_BATCHES = 10
_MEMORY_SECONDS = 5.0


@dataclass(frozen=True)
class Said:
    """A sentence: the name of its text, and the values in it."""

    name: str
    values: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Facts:
    """What rules look at besides measurements: whether a GPU took part, the share of memory above
    which a run stops, and how stages are called."""

    has_gpu: bool
    memory_limit: float
    stage_names: dict[str, str]

    def stage(self, name: str) -> str:
        return self.stage_names.get(name) or name


@dataclass(frozen=True)
class Waiting:
    """When model workers had nothing to do between their first and last batch: the share of that
    time in which the CPU pool worked, the stage it worked on most, and how full the pool was."""

    device: str
    share: float
    stage: str
    pool: float


def waiting(measured: Measurements) -> Waiting | None:
    """How long the models waited for the CPU pool; None where no model ran. GPUs are looked at
    where there are some, otherwise model workers on the CPU."""
    lanes = [lane for lane in measured.model_lanes if not lane.device.startswith("cpu")]
    device = "GPU" if lanes else "CPU"
    lanes = lanes or measured.model_lanes
    needed = _between_first_and_last(lanes)
    pool = measured.pool
    if not needed.any():
        return None
    idle = needed & ~np.any([lane.busy > 0.5 for lane in lanes], axis=0)
    if pool is None:
        return Waiting(device, 0.0, "", 0.0)
    meanwhile = idle & (pool.busy > 0)
    stages = pool.stage[meanwhile]
    counts = np.bincount(stages[stages >= 0], minlength=1)
    stage = measured.stages[int(counts.argmax())] if counts.any() else ""
    full = float(pool.busy[meanwhile].mean()) if meanwhile.any() else 0.0
    return Waiting(device, float(meanwhile.sum() / needed.sum()), stage, full)


def busy_share(measured: Measurements) -> float:
    """The share of the time between first and last batch in which some model worker inferred."""
    lanes = measured.model_lanes
    needed = _between_first_and_last(lanes)
    if not needed.any():
        return 0.0
    return float(np.any([lane.busy > 0.5 for lane in lanes], axis=0)[needed].mean())


def start_share(measured: Measurements) -> float:
    """The share of the run that went by before the first batch."""
    needed = _between_first_and_last(measured.model_lanes)
    return float(np.argmax(needed) / len(needed)) if needed.any() else 0.0


def _between_first_and_last(lanes: list[Lane]) -> Bools:
    if not lanes:
        return np.zeros(1, bool)
    busy = np.any([lane.busy > 0 for lane in lanes], axis=0)
    places = np.flatnonzero(busy)
    needed = np.zeros(len(busy), bool)
    if len(places):
        needed[places[0] : places[-1] + 1] = True
    return needed


# -- what limited the run


def limit_of(measured: Measurements, facts: Facts) -> Said:
    """What limited the run more than anything else."""
    waited = waiting(measured)
    if waited is None:
        return Said("no_model")
    start, alone = start_share(measured), measured.alone / max(measured.seconds, 1e-9)
    if start > max(0.4, alone):
        return Said("start", {"percent": wording.percent(start)})
    if alone > 0.4:
        return Said("tail", {"percent": wording.percent(alone)})
    if waited.share > 0.3:
        values = {"percent": wording.percent(waited.share), "stage": facts.stage(waited.stage)}
        return Said("cpu", values)
    busy = busy_share(measured)
    return Said("model" if busy > _BUSY else "balanced", {"percent": wording.percent(busy)})


# -- advice


def advice(measured: Measurements, facts: Facts) -> list[Said]:
    """Everything worth saying, the most useful first."""
    if measured.seconds < _LEAST_SECONDS:
        return []
    return [said for rule in RULES for said in rule(measured, facts)]


def raise_workers(measured: Measurements, facts: Facts) -> Iterator[Said]:
    """Models waited for a full CPU pool while cores were free, or had none left."""
    waited = waiting(measured)
    if waited is None or waited.share < _WAITED or waited.pool < _FREE:
        return
    values = {
        "device": waited.device,
        "stage": facts.stage(waited.stage),
        "percent": wording.percent(waited.share),
    }
    cpu = measured.cpu.mean
    if cpu < _FREE and measured.workers < measured.cores:
        free = max(1, round((1 - cpu) * measured.cores))
        yield Said("workers", {**values, "cores": free, "workers": measured.workers})
    elif cpu > _FULL:
        yield Said("cores", values)


def larger_batches(measured: Measurements, facts: Facts) -> Iterator[Said]:
    """Batches on a GPU that were far from full."""
    for one in measured.batches:
        if one.device == "cpu" or one.count < _LEAST_BATCHES or one.allowed < 4:
            continue
        if one.mean < 0.5 * one.allowed:
            values = {"items": f"{one.mean:.1f}", "size": f"{one.allowed:.0f}"}
            yield Said("small_batch", {"stage": facts.stage(one.stage), **values})


def less_padding(measured: Measurements, facts: Facts) -> Iterator[Said]:
    """Work spent on making the items of a batch equally long."""
    for one in measured.batches:
        if one.count >= _LEAST_BATCHES and one.padding > _PADDED and _is_much(one, measured):
            share = wording.percent(one.padding)
            yield Said("padding", {"stage": facts.stage(one.stage), "percent": share})


def _is_much(one: Any, measured: Measurements) -> bool:
    return bool(one.seconds > 0.1 * sum(other.seconds for other in measured.batches))


def less_memory(measured: Measurements, facts: Facts) -> Iterator[Said]:
    """Memory above the line at which a run slows down."""
    limit = wording.percent(facts.memory_limit)
    above = measured.memory.seconds_above(facts.memory_limit)
    if above >= _MEMORY_SECONDS:
        yield Said("memory", {"limit": limit, "time": wording.duration(above)})
    for index, curve in measured.devices.items():
        above = curve.seconds_above(facts.memory_limit)
        if above >= _MEMORY_SECONDS:
            values = {"index": index, "limit": limit, "time": wording.duration(above)}
            yield Said("device_memory", values)


def more_recordings(measured: Measurements, facts: Facts) -> Iterator[Said]:
    """Loading, or a single recording at the end, took a large share of the run."""
    start = start_share(measured)
    if start > _STARTED:
        yield Said("start", {"percent": wording.percent(start)})
    alone = measured.alone / measured.seconds
    if alone > _ALONE:
        yield Said("tail", {"percent": wording.percent(alone), "name": measured.last})


def use_a_gpu(measured: Measurements, facts: Facts) -> Iterator[Said]:
    """Models kept the CPU busy, and no GPU took part."""
    if not facts.has_gpu and busy_share(measured) > _BUSY and measured.seconds > 60:
        yield Said("no_gpu")


Rule = Callable[[Measurements, Facts], Iterator[Said]]
#: In the order in which their advice is shown.
RULES: tuple[Rule, ...] = (
    raise_workers,
    larger_batches,
    less_padding,
    less_memory,
    more_recordings,
    use_a_gpu,
)
