"""Stages are ordered by what they need."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pytest

from reelmill.artifacts import Artifact
from reelmill.engine.pipeline import Pipeline
from reelmill.engine.stage import FileStage, Inputs, Stage, StageContext, every, exactly, optional
from tests.engine.toys import Read, Shout, ShoutModel, ShoutStage, Words, Write


@dataclass
class LoudWords(Words):
    """A more derived form."""

    schema: ClassVar[str] = "loud-words/1"


@dataclass
class Count(Artifact):
    schema: ClassVar[str] = "count/1"


@dataclass(frozen=True)
class Scripted(FileStage):
    """A stage that only needs and makes."""

    def run(self, context: StageContext, inputs: Inputs) -> Artifact:
        raise AssertionError("is never run")


def scripted(name: str, makes: type[Artifact], *needs: Any) -> Scripted:
    kind = type(name, (Scripted,), {"name": name, "version": 1, "needs": needs, "produces": makes})
    return kind()


def test_stages_are_ordered_by_their_needs() -> None:
    stages = [Write(Path("/out")), ShoutStage(ShoutModel()), Read()]
    for given in (stages, stages[::-1], [stages[1], stages[0], stages[2]]):
        pipeline = Pipeline("toy", given)
        assert [stage.name for stage in pipeline.stages] == ["read", "shout", "write"]
        assert [stage.name for stage in pipeline.ends] == ["write"]
        assert [stage.name for stage in pipeline.makers(stages[0])] == ["shout"]
        assert [pipeline.position(stage) for stage in pipeline.stages] == [0, 1, 2]


def test_a_need_that_no_stage_makes_is_refused() -> None:
    with pytest.raises(ValueError, match="no stage makes Shout"):
        Pipeline("toy", [Write(Path("/out"))])


def test_two_stages_that_make_one_artifact_are_refused() -> None:
    with pytest.raises(ValueError, match="read and read both make Words"):
        Pipeline("toy", [Read(), Read(Path("/log"))])


def test_stages_that_need_each_other_are_refused() -> None:
    ping, pong = scripted("ping", Words, Count), scripted("pong", Count, Words)
    with pytest.raises(ValueError, match="need each other: ping, pong"):
        Pipeline("toy", [ping, pong])


def test_a_stage_that_needs_its_own_artifact_is_refused() -> None:
    with pytest.raises(ValueError, match="no stage makes Words, which loop needs"):
        Pipeline("toy", [scripted("loop", Words, Words)])


def names(stages: list[Stage]) -> list[str]:
    return [stage.name for stage in stages]


def test_a_need_means_the_most_derived_artifact_before_it() -> None:
    read, louder = scripted("read", Words), scripted("louder", LoudWords, Words)
    count, first = scripted("count", Count, Words), scripted("first", Count, exactly(Words))
    assert names(Pipeline("toy", [count, louder, read]).makers(count)) == ["louder"]
    assert names(Pipeline("toy", [count, louder, read]).makers(louder)) == ["read"]
    assert names(Pipeline("toy", [count, read]).makers(count)) == ["read"]
    assert names(Pipeline("toy", [first, louder, read]).makers(first)) == ["read"]
    assert names(Pipeline("toy", [read, louder, count]).ends) == ["count"]


def test_needs_can_be_optional_or_for_every_artifact() -> None:
    read, louder = scripted("read", Words), scripted("louder", LoudWords, Words)
    lenient, all_of = (
        scripted("lenient", Count, optional(Words)),
        scripted("all", Count, every(Words)),
    )
    assert Pipeline("toy", [lenient]).makers(lenient) == []
    assert names(Pipeline("toy", [lenient, read]).makers(lenient)) == ["read"]
    assert Pipeline("toy", [all_of]).makers(all_of) == []
    assert names(Pipeline("toy", [all_of, read, louder]).makers(all_of)) == ["read", "louder"]


def test_an_ambiguous_need_is_refused() -> None:
    needs_any = scripted("any", Count, Artifact)
    stages = [needs_any, scripted("read", Words), scripted("other", Shout)]
    with pytest.raises(ValueError, match="any needs one Artifact; several stages make one"):
        Pipeline("toy", stages)


def test_inputs_are_found_by_a_base_type() -> None:
    plain, loud = Words(["a"]), LoudWords(["A"])
    inputs = Inputs([plain, loud])
    assert inputs[Words] is loud
    assert inputs.every(Words) == [plain, loud]
    assert inputs.get(Count) is None
    with pytest.raises(KeyError, match="Count"):
        inputs[Count]
