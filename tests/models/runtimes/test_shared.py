"""Small models that share a process keep their own names, keys and results."""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from typing import Any

from reelmill.engine.stage import Device, ModelSpec
from reelmill.models.runtimes.shared import own_model, own_spec, shared


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
    assert own_spec(pickle.loads(pickle.dumps(other))) == Toy("other")


def test_a_large_model_keeps_a_separate_process() -> None:
    one, large = shared((Toy("one"), Toy("large", is_small=False)))
    assert one == Toy("one") and own_spec(large) == Toy("large", is_small=False)
    assert own_model(one, "loaded") == "loaded"
