"""Needs of models are stored from run to run, and a damaged profile does no harm."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from reelmill.engine.inference.memory_estimator import MemoryEstimator
from reelmill.engine.resources.model_profiles import ModelProfile, ModelProfiles
from reelmill.engine.stage import Device
from tests.engine.two_models import NotedModel

ONE, TWO = NotedModel("one", Path()), NotedModel("two", Path())


def test_measured_memory_is_known_in_the_next_run(tmp_path: Path) -> None:
    # proves: G9 G3
    path = tmp_path / "캐시 폴더" / "model_profiles.json"
    seen = ModelProfiles(path)
    assert seen.of(ONE, "cpu") is None
    seen.loaded(ONE, "cpu", 100.0)
    seen.inferred(ONE, "cpu", "shout", 180.0, padded_cost=40.0, took_mb=80.0)
    seen.inferred(ONE, "cpu", "shout", 150.0, padded_cost=10.0, took_mb=50.0)
    assert seen.save() is None
    again = ModelProfiles(path)
    assert again.of(ONE, "cpu") == ModelProfile(100.0, 180.0, {"shout": 2.0}), (
        "the larger batch tells what a unit of cost takes"
    )
    assert again.of(ONE, "cuda") is None and again.of(TWO, "cpu") is None


def test_the_gain_from_threads_is_measured_once_per_machine(tmp_path: Path) -> None:
    # proves: F2
    class Small(NotedModel):
        @property
        def lightweight(self) -> bool:
            return True

    path, cpu = tmp_path / "model_profiles.json", Device("cpu")
    small = Small("small", Path())
    run = ModelProfiles(path)
    assert MemoryEstimator(None, run).unmeasured(small, cpu, cores=4) == (1, 2, 4)
    assert MemoryEstimator(None, run).unmeasured(small, Device("cuda"), cores=4) == ()
    assert MemoryEstimator(None, run).unmeasured(ONE, cpu, cores=4) == ()
    run.loaded(small, "cpu", 100.0, {1: 0.4, 2: 0.2, 4: 0.2})
    run.save()
    again = ModelProfiles(path)
    known = again.of(small, "cpu")
    assert known is not None and known.paces == {1: 0.4, 2: 0.2, 4: 0.2}
    assert MemoryEstimator(None, again).unmeasured(small, cpu, cores=4) == ()


def test_an_old_peak_is_forgotten_gradually(tmp_path: Path) -> None:
    # proves: G9
    path = tmp_path / "model_profiles.json"
    for peak in (1000.0, 100.0):
        run = ModelProfiles(path)
        run.loaded(ONE, "cpu", peak)
        run.save()
    known = ModelProfiles(path).of(ONE, "cpu")
    assert known is not None and (known.loaded_mb, known.peak_mb) == (100.0, 900.0)


def test_two_runs_at_once_keep_the_measurements_of_both(tmp_path: Path) -> None:
    # proves: G18
    path = tmp_path / "model_profiles.json"
    one, two = ModelProfiles(path), ModelProfiles(path)
    one.loaded(ONE, "cpu", 1.0)
    two.loaded(TWO, "cpu", 2.0)
    one.save()
    two.save()
    both = ModelProfiles(path)
    assert both.of(ONE, "cpu") is not None and both.of(TWO, "cpu") is not None


@pytest.mark.parametrize(
    "content", ["", "[]", "[" * 200_000, '{"schema": 1}', '{"schema": "else", "models": {}}']
)
def test_a_damaged_profile_is_ignored_and_replaced(tmp_path: Path, content: str) -> None:
    path = tmp_path / "model_profiles.json"
    path.write_text(content)
    model_profiles = ModelProfiles(path)
    assert model_profiles.of(ONE, "cpu") is None
    model_profiles.loaded(ONE, "cpu", 5.0)
    assert model_profiles.save() is None
    assert ModelProfiles(path).of(ONE, "cpu") == ModelProfile(5.0, 5.0)


def test_a_profile_folder_that_cannot_be_written_is_only_reported(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    model_profiles = ModelProfiles(tmp_path / "file" / "model_profiles.json")
    model_profiles.loaded(ONE, "cpu", 5.0)
    told = model_profiles.save()
    assert told is not None and os.fspath(tmp_path / "file") in told
    assert ModelProfiles(None).save() is None
