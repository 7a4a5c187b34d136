"""Several small models in one process.

With a process for each, every model would cost half a second of start-up and the memory of its
libraries.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from reelmill.engine.stage import Device, ModelSpec


@dataclass(frozen=True)
class SharedSpec(ModelSpec):
    """One of several models that are loaded together. Stages that use it get `specs[index]`.

    Instances with the same `specs` are equal, so one process loads all of them.
    """

    specs: tuple[ModelSpec, ...]
    index: int = field(compare=False)

    @property
    def own(self) -> ModelSpec:
        """The model this stands for."""
        return self.specs[self.index]

    @property
    def display_name(self) -> str:
        return ", ".join(spec.display_name for spec in self.specs)

    @property
    def name(self) -> str:
        return self.own.name

    @property
    def identity(self) -> str:
        return self.own.identity

    @property
    def environment(self) -> Mapping[str, str]:
        return {name: value for spec in self.specs for name, value in spec.environment.items()}

    @property
    def lightweight(self) -> bool:
        return all(spec.lightweight for spec in self.specs)

    @property
    def loads_quickly(self) -> bool:
        return all(spec.loads_quickly for spec in self.specs)

    def unsupported_reason(self, device_kind: str) -> str:
        return next(
            (found for spec in self.specs if (found := spec.unsupported_reason(device_kind))), ""
        )

    def memory_mb(self, device_kind: str) -> float:
        return sum(spec.memory_mb(device_kind) for spec in self.specs)

    def load(self, device: Device, threads: int) -> tuple[Any, ...]:
        """All of them, in the order of `specs`."""
        return tuple(spec.load(device, threads) for spec in self.specs)

    def warm_up(self, model: tuple[Any, ...]) -> None:
        for spec, one in zip(self.specs, model, strict=True):
            spec.warm_up(one)


def shared(specs: Sequence[ModelSpec]) -> list[ModelSpec]:
    """The same models, loaded into one process. They must not need environments of their own."""
    return [SharedSpec(tuple(specs), index) for index in range(len(specs))]


def own_model(spec: ModelSpec, model: Any) -> Any:
    """The model that a stage uses, out of what a process has loaded for `spec`."""
    return model[spec.index] if isinstance(spec, SharedSpec) else model
