"""Which forensic stages a run has, and what it says where a program is missing."""

from __future__ import annotations

import importlib.metadata

import pytest

from reelmill.pipelines.forensic import forensic_stages
from reelmill.settings import load_settings
from reelmill.stages.forensic.acoustics import MeasureAcoustics


def names(**given: object) -> list[str]:
    return [stage.name for stage in forensic_stages(load_settings(**given))]


def test_nothing_forensic_is_done_unless_asked_for() -> None:
    assert names() == []
    assert {"voice_quality", "acoustics", "scores"} <= set(names(forensic=True))


# proves: G19
def test_without_praat_the_run_says_so_and_measures_the_rest(
    monkeypatch: pytest.MonkeyPatch, announced: list[str]
) -> None:
    def version(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", version)
    stages = {stage.name: stage for stage in forensic_stages(load_settings(forensic=True))}
    assert "voice_quality" not in stages
    (line,) = [line for line in announced if "Praat" in line]
    assert line.startswith("fundamental frequency, jitter, shimmer")
    assert 'pip install "reelmill[forensic]"' in line
    acoustics = stages["acoustics"]
    assert isinstance(acoustics, MeasureAcoustics)
    assert acoustics.unmeasured == (line,)


def test_an_option_without_forensic_is_told_to_be_in_vain(announced: list[str]) -> None:
    assert names(score_weights="weights.toml") == []
    assert announced == ["--score-weights has no effect without --forensic"]
