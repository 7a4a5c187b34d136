"""Which models are loaded together, and where: tables."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from reelmill.engine.resources import placement
from reelmill.engine.resources.placement import Means, ModelPass, Need, Placement, passes_of
from reelmill.engine.stage import Device
from tests.engine.toys import ShoutModel
from tests.engine.two_models import NotedModel, two_models

CPU, GPUS = Device("cpu"), (Device("cuda", 0), Device("cuda", 1))
ONE, TWO = NotedModel("one", Path()), NotedModel("two", Path())


def needs(*sizes: float, kind: str = "cpu") -> list[Need]:
    specs = (ONE, TWO, ShoutModel())
    return [Need(spec, kind, mb) for spec, mb in zip(specs, sizes, strict=False)]


@pytest.mark.parametrize(
    ("sizes", "free_mb", "wanted", "is_sequential", "short"),
    [
        ((100.0, 100.0), 250.0, "auto", False, False),  # 200 of 0.8 x 250
        ((100.0, 101.0), 250.0, "auto", True, False),
        ((100.0, 101.0), 250.0, "resident", False, True),
        ((100.0, 100.0), 250.0, "resident", False, False),
        ((100.0, 100.0), 9000.0, "sequential", True, False),
        (
            (900.0,),
            100.0,
            "auto",
            False,
            False,
        ),  # one model has nobody to are loaded one after the other with
        ((900.0,), 100.0, "sequential", False, False),
        ((0.0, 0.0), 100.0, "auto", False, False),  # nobody knows: they are tried together
    ],
)
def test_models_stay_together_while_they_fit(
    sizes: tuple[float, ...], free_mb: float, wanted: Any, is_sequential: bool, short: bool
) -> None:
    # proves: G9
    plan = placement.decide(needs(*sizes), Means((CPU,), {"cpu": free_mb}), wanted)
    assert (plan.is_sequential, plan.short) == (is_sequential, short)
    assert bool(plan.reason) == (len(sizes) > 1)


def test_every_kind_of_device_has_its_own_budget() -> None:
    # proves: G9
    mixed = [Need(ONE, "cuda", 900.0), Need(TWO, "cpu", 900.0)]
    roomy = Means(GPUS, {"cpu": 2000.0, "cuda": 2000.0})
    assert not placement.decide(mixed, roomy, "auto").is_sequential
    assert placement.decide(
        mixed, Means(GPUS, {"cpu": 1000.0, "cuda": 2000.0}), "auto"
    ).is_sequential


def test_model_workers_that_were_asked_for_are_all_counted() -> None:
    # proves: G9 G16
    two = Means((CPU, Device("cpu", 1)), {"cpu": 300.0})
    assert placement.decide(needs(100.0, 100.0), two, "auto").is_sequential
    left_open = Means((CPU,), {"cpu": 300.0}, workers_open=True)
    assert not placement.decide(needs(100.0, 100.0), left_open, "auto").is_sequential


def test_the_decision_states_needs_free_memory_and_their_source() -> None:
    # proves: G9
    told = [Need(ONE, "cuda", 1200.0, measured=True), Need(TWO, "cuda", 900.0)]
    reason = placement.decide(told, Means(GPUS, {"cuda": 2000.0}), "auto").reason
    assert "one (1,200 MB, measured)" in reason and "two (900 MB, estimated)" in reason
    assert "2,100 MB of 1,600 MB" in reason and "GPU" in reason and "one after the other" in reason
    asked = placement.decide(told, Means(GPUS, {"cuda": 20_000.0}), "sequential").reason
    assert "as asked for" in asked


def test_model_workers_on_the_cpu_are_divided_by_memory_and_cores() -> None:
    # proves: G9 G16
    means = Means((CPU,), {"cpu": 3_000.0}, cores=4, workers_open=True)
    both = placement.place(needs(1000.0, 100.0), means)
    assert [len(both[spec].devices) for spec in (ONE, TWO)] == [1, 4]
    assert [both[spec].threads for spec in (ONE, TWO)] == [1, 1]
    alone = placement.place(needs(100.0), means)
    assert alone[ONE] == Placement(tuple(Device("cpu", at) for at in range(4)), 1)


class SmallModel(NotedModel):
    """One that cannot fill a GPU."""

    @property
    def lightweight(self) -> bool:
        return True


def test_several_model_workers_of_a_small_model_share_each_gpu() -> None:
    # proves: F2 G16
    small = SmallModel("small", Path())
    means = Means(GPUS, {"cuda": 20_000.0}, cores=16)
    placed = placement.place([Need(small, "cuda", 1_000.0), Need(ONE, "cuda", 2_000.0)], means)
    assert placed[small].devices == GPUS * 13
    assert placed[ONE].devices == GPUS
    placed = placement.place([Need(small, "cuda", 1_000.0), Need(ONE, "cuda", 12_000.0)], means)
    assert placed[small].devices == GPUS * 3


def test_measured_workers_and_threads_are_used_unless_the_user_chose_some() -> None:
    # proves: F2
    small = SmallModel("small", Path())
    scales = [Need(small, "cpu", 100.0, measured=True, paces={1: 1.0, 2: 0.5, 4: 0.25})]
    means = Means((CPU,), {"cpu": 9_000.0}, cores=4, workers_open=True)
    assert placement.place(scales, means)[small] == Placement((CPU,), 4)
    asked = Means((CPU,), {"cpu": 9_000.0}, cores=4, workers_open=True, threads=2)
    assert placement.place(scales, asked)[small] == Placement((CPU, Device("cpu", 1)), 2)


def test_the_number_of_model_workers_chosen_by_the_user_is_used() -> None:
    # proves: G16
    two = (CPU, Device("cpu", 1))
    placed = placement.place(needs(5.0, 5.0), Means(two, {"cpu": 1.0}, cores=8, threads=3))
    assert placed == {ONE: Placement(two, 3), TWO: Placement(two, 3)}


def test_a_model_that_cannot_use_the_gpu_goes_to_the_cpu() -> None:
    # proves: G16 G19
    class OnlyCpu(NotedModel):
        def unsupported_reason(self, device_kind: str) -> str:
            return "" if device_kind == "cpu" else "it was built without CUDA"

    small = OnlyCpu("small", Path())
    assert placement.kind_for(small, GPUS) == "cpu" and placement.kind_for(ONE, GPUS) == "cuda"
    means = Means(GPUS, {"cpu": 9000.0, "cuda": 9000.0}, cores=2)
    placed = placement.place([Need(small, "cpu", 100.0), Need(ONE, "cuda", 100.0)], means)
    assert placed[ONE].devices == GPUS
    assert placed[small].devices == (CPU, Device("cpu", 1))
    told = ["on the CPU: small, other; it was built without CUDA"]
    assert placement.left_on_cpu([small, ONE, OnlyCpu("other", Path())], GPUS) == told
    assert placement.left_on_cpu([small, ONE], (CPU,)) == []


def test_a_pass_has_all_stages_that_its_model_can_do() -> None:
    # proves: G9
    pipeline = two_models(Path("out"), Path("log"))
    assert [(model_pass.spec.name, model_pass.stages) for model_pass in passes_of(pipeline)] == [
        ("one", {1}),
        ("two", {2}),
    ]
    again = two_models(Path("out"), Path("log"), again=True)
    names = [
        again.stages[at].name for model_pass in passes_of(again) for at in sorted(model_pass.stages)
    ]
    assert names == ["shout", "second", "third"]
    assert [model_pass.spec.name for model_pass in passes_of(again)] == ["one", "two", "one"]
    assert isinstance(passes_of(again)[0], ModelPass)
