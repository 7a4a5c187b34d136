"""Small models that share a process keep their own names, keys and results."""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from typing import Any

from reelmill.engine.stage import Device, ModelSpec
from reelmill.models.runtimes.shared import SharedSpec, own_model, shared


@dataclass(frozen=True)
class Toy(ModelSpec):
    label: str
    is_small: bool = True

    @property
    def name(self) -> str:
        return self.label

    @property
    def identity(self) -> str:
        return f"{self.label}-1"

    @property
    def lightweight(self) -> bool:
        return self.is_small

    def memory_mb(self, device_kind: str) -> float:
        return 100.0

    def load(self, device: Device, threads: int) -> Any:
        return [self.label, threads]

    def warm_up(self, model: Any) -> None:
        model.append("warm")


def test_shared_models_keep_their_identity_in_one_process() -> None:
    one, other = shared((Toy("one"), Toy("other")))
    assert one == other and hash(one) == hash(other)
    assert (one.name, one.identity) == ("one", "one-1")
    assert (other.name, other.identity) == ("other", "other-1")
    assert one.memory_mb("cpu") == 200
    assert one.display_name == "one, other"
    loaded = one.load(Device("cpu"), 3)
    other.warm_up(loaded)
    assert own_model(one, loaded) == ["one", 3, "warm"]
    assert own_model(other, loaded) == ["other", 3, "warm"]
    kept = pickle.loads(pickle.dumps(other))
    assert isinstance(kept, SharedSpec) and kept.own == Toy("other")
    assert own_model(Toy("alone"), "loaded") == "loaded"


def test_models_together_are_as_large_as_the_largest() -> None:
    small = shared((Toy("one"), Toy("other")))[0]
    assert small.lightweight and small.loads_quickly
    large = shared((Toy("one"), Toy("large", is_small=False)))[0]
    assert not large.lightweight and not large.loads_quickly
