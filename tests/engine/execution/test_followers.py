"""Stages made right after another one, in the same task of a worker."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pytest

from reelmill.artifacts import Artifact
from reelmill.core import gate
from reelmill.core.recording import FileState, Recording
from reelmill.engine.execution.coordinator import Coordinator
from reelmill.engine.execution.followers import Followers
from reelmill.engine.pipeline import Pipeline
from reelmill.engine.process import cpu_worker
from reelmill.engine.process.cpu_pool import RunPool
from reelmill.engine.process.cpu_worker import Failed, Made, Run
from reelmill.engine.stage import FileStage, Inputs, Stage, StageContext, setting
from reelmill.engine.state.artifact_store import Saved
from reelmill.engine.telemetry.events import (
    Detail,
    Event,
    Progressed,
    RecordingFinished,
    StageKept,
)
from reelmill.engine.telemetry.metrics import FileOutcome
from reelmill.errors import InputError
from tests.engine.toys import (
    Read,
    ShoutModel,
    ShoutStage,
    WordItem,
    Words,
    Write,
    note,
    toy_config,
    toy_sources,
)


@dataclass
class Counted(Artifact):
    schema: ClassVar[str] = "counted/1"
    words: int


@dataclass
class Doubled(Artifact):
    schema: ClassVar[str] = "doubled/1"
    words: int


@dataclass(frozen=True)
class Count(FileStage):
    """Counts words; `uncountable` is an input error, `killcounter` the end of the worker."""

    name: ClassVar[str] = "count"
    version: ClassVar[int] = 1
    needs = (Words,)
    produces: ClassVar[type[Artifact]] = Counted
    log: Path | None = setting(None, affects_result=False)

    def run(self, context: StageContext, inputs: Inputs) -> Counted:
        note(self.log, "count", context.recording)
        words = inputs[Words].words
        if "uncountable" in words:
            raise InputError(f"{context.recording.path}: uncountable on purpose")
        if "killcounter" in words:
            os.kill(os.getpid(), signal.SIGKILL)
        return Counted(len(words))


@dataclass(frozen=True)
class Double(FileStage):
    name: ClassVar[str] = "double"
    version: ClassVar[int] = 1
    needs = (Words, Counted)
    produces: ClassVar[type[Artifact]] = Doubled
    log: Path | None = setting(None, affects_result=False)

    def run(self, context: StageContext, inputs: Inputs) -> Doubled:
        note(self.log, "double", context.recording)
        return Doubled(2 * inputs[Counted].words)


@dataclass(frozen=True)
class Shouting(ShoutStage):
    """Its split ends the worker at `killsplitter`, and fails at `unsplittable`."""

    def split(self, context: StageContext, inputs: Inputs) -> Iterator[WordItem]:
        note(self.log, "split", context.recording)
        for number, item in enumerate(super().split(context, inputs)):
            if number and "unsplittable" in inputs[Words].words:
                raise InputError(f"{context.recording.path}: unsplittable on purpose")
            if number and "killsplitter" in inputs[Words].words:
                os.kill(os.getpid(), signal.SIGKILL)
            yield item


class Watched:
    """A run of toy stages, with the tasks that it gave to workers and what it told."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.log = folder / "log"
        self.log.touch()
        self.folder = folder
        self.tasks: list[list[str]] = []
        self.told: list[Event | Detail] = []
        run = RunPool.run

        async def seen(pool: RunPool, task: Any, *rest: Any, **more: Any) -> Any:
            if not isinstance(task, cpu_worker.Identify):
                self.tasks.append([self._names[one.stage] for one in (task, *more.get("then", ()))])
            return await run(pool, task, *rest, **more)

        monkeypatch.setattr(RunPool, "run", seen)

    def run(self, text: str) -> FileOutcome:
        """Run three stages without a model."""
        return self._run(text, [Read(self.log), Count(self.log), Double(self.log)])

    def run_model(self, text: str) -> FileOutcome:
        """Run a stage with a model between two others, and one beside it."""
        shout = Shouting(ShoutModel(), self.log)
        out = self.folder / "out"
        return self._run(text, [Read(self.log), shout, Count(self.log), Write(out)])

    def _run(self, text: str, stages: Sequence[Stage]) -> FileOutcome:
        out = self.folder / "out"
        pipeline = Pipeline("toy", stages)
        self._names = [stage.name for stage in pipeline.stages]
        coordinator = Coordinator(pipeline, toy_config(out), self.told.append)
        sources = toy_sources(self.folder / "in", {"a.txt": text})
        return asyncio.run(coordinator.run(sources)).outcomes[0]

    def count(self, what: str) -> int:
        return self.log.read_text().split("\n").count(f"{what} a.txt")

    @property
    def kept(self) -> list[str]:
        return [event.stage for event in self.told if isinstance(event, StageKept)]


@pytest.fixture
def watched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Watched:
    return Watched(tmp_path, monkeypatch)


def test_stages_that_read_only_what_is_there__follow_in_one_task(watched: Watched) -> None:
    outcome = watched.run("one two")
    assert outcome.status == "done"
    assert watched.tasks == [["read", "count", "double"]]
    assert watched.kept == ["read", "count", "double"]
    told = [event for event in watched.told if not isinstance(event, Progressed)]
    assert isinstance(told[-1], RecordingFinished)
    assert [watched.count(what) for what in ("read", "count", "double")] == [1, 1, 1]


def test_an_earlier_result__is_not_made_again_by_what_follows(watched: Watched) -> None:
    watched.run("one two")
    for path in watched.folder.rglob("double-*.json"):
        path.unlink()
    watched.tasks.clear()
    assert watched.run("one two").status == "done"
    assert watched.tasks == [["double"]]
    assert [watched.count(what) for what in ("read", "count", "double")] == [1, 1, 2]


def test_a_long_task__is_not_followed_in_the_same_process(watched: Watched) -> None:
    assert watched.run("crunch crunch").status == "done"
    assert watched.tasks == [["read", "count", "double"], ["count", "double"]]
    assert [watched.count(what) for what in ("read", "count", "double")] == [1, 1, 1]


def test_a_follower_that_fails__fails_as_its_own_stage_after_one_try(watched: Watched) -> None:
    failure = watched.run("one uncountable").failure
    assert failure is not None
    assert (failure.stage, failure.kind, failure.tries) == ("count", "input", 1)
    assert watched.kept == ["read"]
    assert [watched.count(what) for what in ("read", "count", "double")] == [1, 1, 0]


def test_a_follower_that_kills_its_worker__is_found_by_itself(watched: Watched) -> None:
    # proves: G10
    failure = watched.run("one killcounter").failure
    assert failure is not None
    assert (failure.stage, failure.kind) == ("count", "crash")
    assert watched.kept == ["read"]
    assert watched.tasks[1] == ["read"], "the second try is of the first stage alone"


# -- with a model


def test_a_split__follows_last__and_what_reads_its_stage_follows_the_merge(
    watched: Watched,
) -> None:
    assert watched.run_model("one two three four five").status == "done"
    assert watched.tasks == [["read", "count", "shout"], ["shout", "write"]]
    text = (watched.folder / "out" / "a.up").read_text()
    assert text == "ONE0 TWO1 THREE2 FOUR3 FIVE4"
    assert [watched.count(what) for what in ("read", "split", "merge")] == [1, 1, 1]


def test_a_split_that_follows_and_kills_its_worker__fails_as_its_own_stage(
    watched: Watched,
) -> None:
    # proves: G10
    failure = watched.run_model("one killsplitter").failure
    assert failure is not None
    assert (failure.stage, failure.kind) == ("shout", "crash")
    assert watched.kept == ["read", "count"]


def test_a_split_that_follows_and_fails__is_not_tried_again(watched: Watched) -> None:
    failure = watched.run_model("one unsplittable").failure
    assert failure is not None
    assert (failure.stage, failure.kind, failure.tries) == ("shout", "input", 1)
    assert watched.count("split") == 1


def test_a_split_after_a_long_task__is_a_task_of_its_own(watched: Watched) -> None:
    assert watched.run_model("crunch crunch").status == "done"
    assert watched.count("split") == 1
    assert (watched.folder / "out" / "a.up").read_text() == "CRUNCH0 CRUNCH1"
    assert not list(watched.folder.rglob("*.spill*")), "no spill file is left"


# -- flushed together


def answered(folder: Path, *answers: Made | Failed) -> tuple[Followers, list[Run]]:
    """Answers to tasks that followed the one with the key `first`."""
    state = FileState("ab" * 32, "", 1, 1)
    recording = Recording(Path("/in/a.txt"), "a", folder, state)
    tasks = [
        Run(1 + at, recording, (), f"key {at}", folder / f"{at}.json") for at in range(len(answers))
    ]
    followers = Followers()
    followers.answered("first", tasks, Made(0.1, then=answers), [Read(), Count(), Double()])
    return followers, tasks


def test_flush__what_followed__is_flushed_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed: list[str] = []
    monkeypatch.setattr(gate, "flush", lambda path: flushed.append(path.name))
    made = Made(0.1, saved=Saved("", {"0.boxes.npz": "ab" * 32}))
    followers, tasks = answered(tmp_path, made, Failed("input", "on purpose", "", 0.1))
    followers.flush("first", [tmp_path / "first.json"])
    assert flushed == ["0.boxes.npz", "0.json", "first.json"]
    assert not followers.has_to_flush("key 0", [tasks[0].target])
    assert followers.has_to_flush("key 1", [tasks[1].target]), "it failed and is made again"


def test_flush__a_follower_that_cannot_be_flushed__is_left_to_its_own_stage(
    tmp_path: Path,
) -> None:
    folder = gate.own(tmp_path)
    (folder / "first.json").touch()
    followers, tasks = answered(folder, Made(0.1))
    followers.flush("first", [folder / "first.json"])
    assert followers.has_to_flush("key 0", [tasks[0].target])
    with pytest.raises(FileNotFoundError):
        followers.flush("key 0", [tasks[0].target])


def test_take__an_answer__is_given_once(tmp_path: Path) -> None:
    followers, _ = answered(tmp_path, Made(0.1))
    assert isinstance(followers.take("key 0"), cpu_worker.Made)
    assert followers.take("key 0") is None
    followers.forget(["key 0"])
    assert "key 0" not in followers
