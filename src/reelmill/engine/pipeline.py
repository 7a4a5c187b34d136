"""A pipeline is a list of stages; their order follows from what they need."""

from __future__ import annotations

from collections.abc import Iterable

from reelmill.artifacts import Artifact
from reelmill.engine.stage import ModelSpec, ModelStage, Stage


class Pipeline:
    """Stages ordered so that each comes after those whose artifacts it needs."""

    def __init__(self, name: str, stages: Iterable[Stage]) -> None:
        """Raises ValueError when two stages make the same artifact or a need has no maker."""
        self.name = name
        self.stages = _ordered(list(stages))
        self._makers = {stage.produces: stage for stage in self.stages}

    def makers(self, stage: Stage) -> list[Stage]:
        """The stages whose artifacts `stage` reads, in the order it reads them."""
        return [self._makers[kind] for kind in stage.reads()]

    def position(self, stage: Stage) -> int:
        return next(i for i, other in enumerate(self.stages) if other is stage)

    @property
    def models(self) -> list[ModelSpec]:
        """The models of the stages, each once."""
        specs = (stage.model for stage in self.stages if isinstance(stage, ModelStage))
        return list(dict.fromkeys(specs))

    @property
    def ends(self) -> list[Stage]:
        """The stages nobody else reads: asking for them asks for everything."""
        needed = {kind for stage in self.stages for kind in stage.reads()}
        return [stage for stage in self.stages if stage.produces not in needed]


def _ordered(stages: list[Stage]) -> list[Stage]:
    made: dict[type[Artifact], Stage] = {}
    for stage in stages:
        if stage.produces in made:
            raise ValueError(
                f"{made[stage.produces].name} and {stage.name} both make {stage.produces.__name__}"
            )
        made[stage.produces] = stage
    ordered: list[Stage] = []
    waiting = list(stages)
    while waiting:
        ready = [s for s in waiting if all(made.get(kind) in ordered for kind in s.reads())]
        if not ready:
            missing = {k.__name__ for s in waiting for k in s.reads() if k not in made}
            raise ValueError(
                f"no stage makes {', '.join(sorted(missing))}"
                if missing
                else f"stages need each other: {', '.join(s.name for s in waiting)}"
            )
        ordered.extend(ready)
        waiting = [stage for stage in waiting if stage not in ready]
    return ordered
