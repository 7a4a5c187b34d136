"""`check_stage` finds what would go wrong in the engine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from reelmill.artifacts import Artifact
from reelmill.core.recording import FileState, Recording
from reelmill.engine.stage import FileStage, Inputs, StageContext
from reelmill.testing import StageFault, check_stage
from tests.engine.toys import Shout, ShoutModel, ShoutStage, WordItem, Words


@pytest.fixture
def recording(tmp_path: Path) -> Recording:
    return Recording(tmp_path / "a.txt", "a", tmp_path / "work", FileState("ab" * 32, "", 1, 1))


WORDS = Inputs([Words(["one", "two", "three"])])


def test_check_stage_accepts_a_correct_stage(recording: Recording) -> None:
    made = check_stage(ShoutStage(ShoutModel()), recording, WORDS)
    assert isinstance(made, Shout)
    assert made.text == "ONE0 TWO1 THREE2"


class Neighbourly(ShoutStage):
    """An output has the length of the whole batch in it: a planted dependence on neighbours."""

    def infer(self, model: Any, batch: Sequence[WordItem]) -> list[str]:
        return [f"{text}{len(batch)}" for text in super().infer(model, batch)]


class Forgetful(ShoutStage):
    def infer(self, model: Any, batch: Sequence[WordItem]) -> list[str]:
        return super().infer(model, batch)[1:]


_calls = 0


class Moody(ShoutStage):
    def split(self, context: StageContext, inputs: Inputs) -> Iterator[WordItem]:
        global _calls  # noqa: PLW0603 (what a stage must not do)
        _calls += 1
        for item in super().split(context, inputs):
            yield replace(item, text=f"{item.text}{_calls}")


@dataclass(frozen=True)
class FreeItem:
    text: str = ""
    cost: float = 0.0


class Free(ShoutStage):
    def split(self, context: StageContext, inputs: Inputs) -> Iterator[Any]:
        yield FreeItem()


class Local(ShoutStage):
    def split(self, context: StageContext, inputs: Inputs) -> Iterator[Any]:
        yield lambda: None


class Unspillable(ShoutStage):
    """An output that pickles, and that no record of a spill file can hold."""

    def infer(self, model: Any, batch: Sequence[WordItem]) -> list[Any]:
        return [{text} for text in super().infer(model, batch)]


@dataclass
class Noted:
    """It has attributes besides its fields, which a record does not keep."""

    text: str

    def __post_init__(self) -> None:
        self.length = len(self.text)


class Lossy(ShoutStage):
    def infer(self, model: Any, batch: Sequence[WordItem]) -> list[Any]:
        return [Noted(text) for text in super().infer(model, batch)]


@dataclass(frozen=True)
class Elsewhere(FileStage):
    name = "elsewhere"
    version = 1
    needs = (Words,)
    produces = Shout

    def run(self, context: StageContext, inputs: Inputs) -> Artifact:
        return inputs[Words]


@dataclass(frozen=True)
class Listing(ShoutStage):
    """A setting whose text differs from process to process."""

    words: Any = frozenset({"one", "two"})


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        (Listing, "stage shout: its setting 'words', a frozenset, cannot be part of the cache key"),
        (Neighbourly, "item 0 depends on its neighbours: alone 'ONE01', with all others 'ONE03'"),
        (Forgetful, "0 outputs for 1 items"),
        (Moody, r"split\(\) yields different items the second time"),
        (Free, "item 0 costs 0.0, not more than 0"),
        (Local, "item 0 cannot be sent to another process"),
        (Unspillable, "an output cannot go through a spill file: an output holds a set"),
        (Lossy, r"an output is different after a spill file: Noted\(text='ONE0'\)"),
    ],
)
def test_check_stage_reports_a_broken_rule(recording: Recording, kind: Any, told: str) -> None:
    with pytest.raises(StageFault, match=told):
        check_stage(kind(ShoutModel()), recording, WORDS)


def test_check_stage_reports_another_artifact_than_declared(recording: Recording) -> None:
    with pytest.raises(StageFault, match="produces Shout, and made a Words"):
        check_stage(Elsewhere(), recording, WORDS)
