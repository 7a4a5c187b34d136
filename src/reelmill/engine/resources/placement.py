"""Decides which models are in memory together, and where, as pure functions of numbers.

Models stay loaded together if they all fit. Otherwise they are loaded one after the other: all
recordings go through one model, its processes end, and only then the next one is loaded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from reelmill.engine.pipeline import Pipeline
from reelmill.engine.resources import policy
from reelmill.engine.stage import Device, ModelSpec, ModelStage, Stage

ModelPlacement = Literal["auto", "resident", "sequential"]


@dataclass(frozen=True)
class Placement:
    """The places for a model: a model worker on each device (on the CPU, one device entry per model
    worker)."""

    devices: tuple[Device, ...]
    threads: int


@dataclass(frozen=True)
class Need:
    """The memory in MB that one model worker takes on a kind of device; 0 if unknown."""

    spec: ModelSpec
    kind: str
    memory_mb: float
    measured: bool = False
    #: Seconds of the same work by number of threads; empty if not measured.
    paces: Mapping[int, float] = field(default_factory=dict)

    def __str__(self) -> str:
        if not self.memory_mb:
            return f"{self.spec.display_name} (memory need unknown)"
        how = "measured" if self.measured else "estimated"
        return f"{self.spec.display_name} ({self.memory_mb:,.0f} MB, {how})"


@dataclass(frozen=True)
class Means:
    """The resources for running models.

    `free_mb`: by kind of device, the free memory that every device of that kind has.
    `workers_open`: the engine chooses the number of model workers on the CPU. `threads` None: also
    the threads of each.
    """

    devices: tuple[Device, ...]
    free_mb: Mapping[str, float]
    cores: int = 1
    workers_open: bool = False
    threads: int | None = None


@dataclass(frozen=True)
class Plan:
    """The decision, and the reason for people; no reason if there was nothing to decide."""

    is_sequential: bool
    reason: str = ""
    short: bool = False


@dataclass(frozen=True)
class ModelPass:
    """A model, and the stages (by position) that all recordings go through while it is loaded."""

    spec: ModelSpec
    stages: frozenset[int]


def kind_for(spec: ModelSpec, devices: Sequence[Device]) -> str:
    """The kind of device for a model: the CPU if it cannot use the chosen ones."""
    return next((d.kind for d in devices if spec.supports(d.kind)), "cpu")


def left_on_cpu(specs: Sequence[ModelSpec], devices: Sequence[Device]) -> list[str]:
    """For each reason why models stay on the CPU despite another device, one line."""
    kind = devices[0].kind
    named: dict[str, list[str]] = {}
    for spec in specs:
        if kind_for(spec, devices) != kind:
            named.setdefault(spec.unsupported_reason(kind), []).append(spec.display_name)
    return [f"on the CPU: {', '.join(titles)}; {why}" for why, titles in named.items()]


def decide(needs: Sequence[Need], means: Means, wanted: ModelPlacement) -> Plan:
    """Whether the models stay in memory together. `short`: the user asked for that, but they will
    not fit."""
    if len(needs) < 2:
        return Plan(is_sequential=False)
    kinds = sorted({need.kind for need in needs})
    over = [kind for kind in kinds if _sum(needs, kind, means) > _budget(kind, means)]
    told = "models: " + ", ".join(map(str, needs))
    sums = " and ".join(
        f"{_sum(needs, kind, means):,.0f} MB of {_budget(kind, means):,.0f} MB available on "
        + ("the CPU" if kind == "cpu" else "a GPU")
        for kind in over or kinds
    )
    is_sequential = wanted == "sequential" or (wanted == "auto" and bool(over))
    decision = "they are loaded one after the other" if is_sequential else "all stay loaded"
    asked = ", as asked for" if wanted != "auto" else ""
    return Plan(
        is_sequential,
        f"{told}; together {sums}: {decision}{asked}",
        bool(over) and not is_sequential,
    )


def place(needs: Sequence[Need], means: Means) -> dict[ModelSpec, Placement]:
    """Model workers and threads of models loaded at the same time."""
    on_cpu = [need for need in needs if need.kind == "cpu"]
    given = tuple(device for device in means.devices if device.kind == "cpu")
    workers_open = means.workers_open or not given
    counts = (
        policy.spread_workers(
            means.cores // (means.threads or 1),
            means.free_mb.get("cpu", 0.0),
            [need.memory_mb for need in on_cpu],
        )
        if workers_open
        else [len(given)] * len(on_cpu)
    )
    placed: dict[ModelSpec, Placement] = {}
    for need, count in zip(on_cpu, counts, strict=True):
        threads = means.threads or policy.worker_threads(means.cores, count, sum(counts))
        if need.paces and workers_open and not means.threads and len(on_cpu) == 1:
            count, threads = policy.by_pace(count, means.cores, need.paces)  # noqa: PLW2901
        devices = tuple(Device("cpu", at) for at in range(count)) if workers_open else given
        placed[need.spec] = Placement(devices, threads)
    for need in needs:
        if need.kind != "cpu":
            devices = tuple(d for d in means.devices if d.kind == need.kind)
            devices *= _copies(need, needs, means)
            threads = means.threads or policy.worker_threads(means.cores, len(devices))
            placed[need.spec] = Placement(devices, threads)
    return placed


def _copies(need: Need, needs: Sequence[Need], means: Means) -> int:
    """Model workers of a model on each GPU."""
    if not need.spec.lightweight:
        return 1
    others = sum(one.memory_mb for one in needs if one.kind == need.kind and one is not need)
    free = means.free_mb.get(need.kind, 0.0)
    return policy.gpu_replicas(free, others, need.memory_mb, means.cores)


def passes_of(pipeline: Pipeline) -> list[ModelPass]:
    """The passes of the models. Each covers as many stages as possible while its model is
    loaded."""
    waiting = {
        at: stage for at, stage in enumerate(pipeline.stages) if isinstance(stage, ModelStage)
    }
    before = {at: _model_stages_before(pipeline, stage) for at, stage in waiting.items()}
    passes: list[ModelPass] = []
    done: set[int] = set()
    while waiting:
        spec = next(stage.model for at, stage in waiting.items() if before[at] <= done)
        mine: set[int] = set()
        while more := {
            at
            for at, stage in waiting.items()
            if at not in mine and stage.model == spec and before[at] <= done | mine
        }:
            mine |= more
        passes.append(ModelPass(spec, frozenset(mine)))
        done |= mine
        waiting = {at: stage for at, stage in waiting.items() if at not in mine}
    return passes


def _model_stages_before(pipeline: Pipeline, stage: Stage) -> set[int]:
    found: set[int] = set()
    for maker in pipeline.makers(stage):
        if isinstance(maker, ModelStage):
            found.add(pipeline.position(maker))
        found |= _model_stages_before(pipeline, maker)
    return found


def _sum(needs: Sequence[Need], kind: str, means: Means) -> float:
    """The need of one model worker of each model; on the CPU of all requested ones, which share its
    memory."""
    given = sum(device.kind == "cpu" for device in means.devices)
    model_workers = given if kind == "cpu" and given and not means.workers_open else 1
    return model_workers * sum(need.memory_mb for need in needs if need.kind == kind)


def _budget(kind: str, means: Means) -> float:
    return policy.BUDGET_SHARE * means.free_mb.get(kind, 0.0)
