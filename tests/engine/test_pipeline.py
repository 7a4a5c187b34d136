"""Stages are ordered by what they need."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest

from reelmill.artifacts import Artifact
from reelmill.core.recording import Recording
from reelmill.engine.pipeline import Pipeline
from reelmill.engine.stage import FileStage, Inputs
from tests.engine.toys import Read, ShoutModel, ShoutStage, Words, Write


@dataclass(frozen=True)
class Loop(FileStage):
    """Needs what it makes."""

    name: ClassVar[str] = "loop"
    version: ClassVar[int] = 1
    needs: ClassVar[tuple[type[Artifact], ...]] = (Words,)
    produces: ClassVar[type[Artifact]] = Words

    def run(self, recording: Recording, inputs: Inputs) -> Words:
        return inputs[Words]


def test_order_follows_from_needs_whatever_order_they_are_given_in() -> None:
    stages = [Write(Path("/out")), ShoutStage(ShoutModel()), Read()]
    for given in (stages, stages[::-1], [stages[1], stages[0], stages[2]]):
        pipeline = Pipeline("toy", given)
        assert [stage.name for stage in pipeline.stages] == ["read", "shout", "write"]
        assert [stage.name for stage in pipeline.ends] == ["write"]
        assert [stage.name for stage in pipeline.makers(stages[0])] == ["shout"]
        assert [pipeline.position(stage) for stage in pipeline.stages] == [0, 1, 2]


def test_a_need_without_a_maker_is_told() -> None:
    with pytest.raises(ValueError, match="no stage makes Shout"):
        Pipeline("toy", [Write(Path("/out"))])


def test_two_makers_of_one_artifact_are_told() -> None:
    with pytest.raises(ValueError, match="read and read both make Words"):
        Pipeline("toy", [Read(), Read(Path("/log"))])


def test_stages_that_need_each_other_are_told() -> None:
    with pytest.raises(ValueError, match="need each other: loop"):
        Pipeline("toy", [Loop()])
