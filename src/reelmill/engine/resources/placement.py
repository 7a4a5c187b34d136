"""Which models are in memory together, and where: decisions as pure functions of numbers.

Models stay resident while they all fit; when they don't they take turns: all recordings go through
one model, its processes end, and only then the next one loads.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from reelmill.engine.pipeline import Pipeline
from reelmill.engine.resources import policy
from reelmill.engine.stage import Device, ModelSpec, ModelStage, Stage

Residency = Literal["auto", "resident", "turns"]


@dataclass(frozen=True)
class Placement:
    """Where a model is to run: a host on each device (on the CPU, a device a host)."""

    devices: tuple[Device, ...]
    threads: int


@dataclass(frozen=True)
class Need:
    """Memory in MB one host of a model takes on a kind of device; 0 when nobody knows."""

    spec: ModelSpec
    kind: str
    memory_mb: float
    measured: bool = False
    #: Seconds of the same work by number of threads; empty when not measured.
    paces: Mapping[int, float] = field(default_factory=dict)

    def __str__(self) -> str:
        if not self.memory_mb:
            return f"{self.spec.title} (need unknown)"
        how = "measured" if self.measured else "estimated"
        return f"{self.spec.title} ({self.memory_mb:,.0f} MB, {how})"


@dataclass(frozen=True)
class Means:
    """What there is to run models on.

    `free_mb`: by kind of device, what every device of that kind has free. `hosts_open`: the number
    of hosts on the CPU is left to us. `threads` None: so are the threads of each.
    """

    devices: tuple[Device, ...]
    free_mb: Mapping[str, float]
    cores: int = 1
    hosts_open: bool = False
    threads: int | None = None


@dataclass(frozen=True)
class Plan:
    """The decision, and for people the reason; none where there was nothing to decide."""

    in_turns: bool
    reason: str = ""
    short: bool = False


@dataclass(frozen=True)
class Turn:
    """A model and the stages (by position) that all recordings go through while it is loaded."""

    spec: ModelSpec
    stages: frozenset[int]


def kind_for(spec: ModelSpec, devices: Sequence[Device]) -> str:
    """The kind of device a model goes to: the CPU when it cannot use those that were chosen."""
    return next((d.kind for d in devices if spec.supports(d.kind)), "cpu")


def left_on_cpu(specs: Sequence[ModelSpec], devices: Sequence[Device]) -> list[str]:
    """A line for each reason why models stay on the CPU although there is another device."""
    kind = devices[0].kind
    named: dict[str, list[str]] = {}
    for spec in specs:
        if kind_for(spec, devices) != kind:
            named.setdefault(spec.obstacle(kind), []).append(spec.title)
    return [f"on the CPU: {', '.join(titles)}; {why}" for why, titles in named.items()]


def decide(needs: Sequence[Need], means: Means, wanted: Residency) -> Plan:
    """Whether the models stay in memory together. `short` when they were asked to and won't fit."""
    if len(needs) < 2:
        return Plan(in_turns=False)
    kinds = sorted({need.kind for need in needs})
    over = [kind for kind in kinds if _sum(needs, kind, means) > _budget(kind, means)]
    told = "models: " + ", ".join(map(str, needs))
    sums = " and ".join(
        f"{_sum(needs, kind, means):,.0f} MB of {_budget(kind, means):,.0f} MB to be had on "
        + ("the CPU" if kind == "cpu" else "a GPU")
        for kind in over or kinds
    )
    in_turns = wanted == "turns" or (wanted == "auto" and bool(over))
    decision = "they take turns, one ends before the next loads" if in_turns else "all stay loaded"
    asked = ", as asked for" if wanted != "auto" else ""
    return Plan(
        in_turns, f"{told}; together {sums}: {decision}{asked}", bool(over) and not in_turns
    )


def place(needs: Sequence[Need], means: Means) -> dict[ModelSpec, Placement]:
    """Hosts and threads of models that are loaded at the same time."""
    on_cpu = [need for need in needs if need.kind == "cpu"]
    given = tuple(device for device in means.devices if device.kind == "cpu")
    hosts_open = means.hosts_open or not given
    counts = (
        policy.spread_hosts(
            means.cores // (means.threads or 1),
            means.free_mb.get("cpu", 0.0),
            [need.memory_mb for need in on_cpu],
        )
        if hosts_open
        else [len(given)] * len(on_cpu)
    )
    placed: dict[ModelSpec, Placement] = {}
    for need, count in zip(on_cpu, counts, strict=True):
        threads = means.threads or policy.host_threads(means.cores, count, sum(counts))
        if need.paces and hosts_open and not means.threads and len(on_cpu) == 1:
            count, threads = policy.by_pace(count, means.cores, need.paces)  # noqa: PLW2901
        devices = tuple(Device("cpu", at) for at in range(count)) if hosts_open else given
        placed[need.spec] = Placement(devices, threads)
    for need in needs:
        if need.kind != "cpu":
            devices = tuple(d for d in means.devices if d.kind == need.kind)
            devices *= _copies(need, needs, means)
            threads = means.threads or policy.host_threads(means.cores, len(devices))
            placed[need.spec] = Placement(devices, threads)
    return placed


def _copies(need: Need, needs: Sequence[Need], means: Means) -> int:
    """Hosts of a model on each GPU."""
    if not need.spec.small:
        return 1
    others = sum(one.memory_mb for one in needs if one.kind == need.kind and one is not need)
    free = means.free_mb.get(need.kind, 0.0)
    return policy.gpu_replicas(free, others, need.memory_mb, means.cores)


def turns_of(pipeline: Pipeline) -> list[Turn]:
    """The turns the models take: each as many stages as can be done while it is loaded."""
    waiting = {
        at: stage for at, stage in enumerate(pipeline.stages) if isinstance(stage, ModelStage)
    }
    before = {at: _model_stages_before(pipeline, stage) for at, stage in waiting.items()}
    turns: list[Turn] = []
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
        turns.append(Turn(spec, frozenset(mine)))
        done |= mine
        waiting = {at: stage for at, stage in waiting.items() if at not in mine}
    return turns


def _model_stages_before(pipeline: Pipeline, stage: Stage) -> set[int]:
    found: set[int] = set()
    for maker in pipeline.makers(stage):
        if isinstance(maker, ModelStage):
            found.add(pipeline.position(maker))
        found |= _model_stages_before(pipeline, maker)
    return found


def _sum(needs: Sequence[Need], kind: str, means: Means) -> float:
    """What one host of each takes; on the CPU all that were asked for, which share its memory."""
    given = sum(device.kind == "cpu" for device in means.devices)
    hosts = given if kind == "cpu" and given and not means.hosts_open else 1
    return hosts * sum(need.memory_mb for need in needs if need.kind == kind)


def _budget(kind: str, means: Means) -> float:
    return policy.BUDGET_SHARE * means.free_mb.get(kind, 0.0)
