"""A pipeline is a list of stages. Their order follows from what they need."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from reelmill.artifacts import Artifact
from reelmill.engine.stage import ModelSpec, ModelStage, Need, Stage


class Pipeline:
    """Stages ordered so that each comes after those whose artifacts it needs."""

    def __init__(self, name: str, stages: Iterable[Stage]) -> None:
        """Order the stages.

        Raises:
            ValueError: two stages make the same artifact, a need has no maker or several that are
                not derived from each other, or stages need each other.
        """
        self.name = name
        given = list(stages)
        _refuse_doubles(given)
        makers = {id(stage): _makers(stage, given) for stage in given}
        self.stages = _ordered(given, makers)
        self._makers = makers
        needed = {id(maker) for stage in self.stages for maker in self.makers(stage)}
        #: The stages whose results no other stage reads. Requesting them requests everything.
        self.ends = [stage for stage in self.stages if id(stage) not in needed]

    def makers(self, stage: Stage) -> list[Stage]:
        """The stages whose artifacts `stage` reads, in the order of its needs."""
        return self._makers[id(stage)]

    def position(self, stage: Stage) -> int:
        return next(i for i, other in enumerate(self.stages) if other is stage)

    @property
    def models(self) -> list[ModelSpec]:
        """The models of the stages, each once."""
        specs = (stage.model for stage in self.stages if isinstance(stage, ModelStage))
        return list(dict.fromkeys(specs))


def _refuse_doubles(stages: Sequence[Stage]) -> None:
    made: dict[type[Artifact], Stage] = {}
    for stage in stages:
        if stage.produces in made:
            raise ValueError(
                f"{made[stage.produces].name} and {stage.name} both make {stage.produces.__name__}"
            )
        made[stage.produces] = stage


def _makers(stage: Stage, stages: Sequence[Stage]) -> list[Stage]:
    """Each maker once, even if several needs refer to the same one."""
    found: list[Stage] = []
    for need in stage.needs:
        found += [maker for maker in _makers_of(stage, need, stages) if maker not in found]
    return found


def _makers_of(
    stage: Stage, need: type[Artifact] | Need, stages: Sequence[Stage]
) -> Sequence[Stage]:
    kind, how = (need.kind, need.how) if isinstance(need, Need) else (need, "one")
    # A stage derived from this stage's own result comes after it.
    before = [
        other
        for other in stages
        if issubclass(other.produces, kind) and not issubclass(other.produces, stage.produces)
    ]
    if how == "every":
        return before
    if how == "exactly":
        before = [other for other in before if other.produces is kind]
    if not before and how != "optional":
        raise ValueError(f"no stage makes {kind.__name__}, which {stage.name} needs")
    return [_most_derived(stage, kind, before)] if before else []


def _most_derived(stage: Stage, kind: type[Artifact], makers: Sequence[Stage]) -> Stage:
    for maker in makers:
        if all(issubclass(maker.produces, other.produces) for other in makers):
            return maker
    names = ", ".join(maker.name for maker in makers)
    raise ValueError(f"{stage.name} needs one {kind.__name__}; several stages make one: {names}")


def _ordered(stages: Sequence[Stage], makers: dict[int, list[Stage]]) -> list[Stage]:
    ordered: list[Stage] = []
    waiting = list(stages)
    while waiting:
        done = {id(stage) for stage in ordered}
        ready = [s for s in waiting if all(id(maker) in done for maker in makers[id(s)])]
        if not ready:
            raise ValueError(f"stages need each other: {', '.join(s.name for s in waiting)}")
        ordered.extend(ready)
        waiting = [stage for stage in waiting if stage not in ready]
    return ordered
