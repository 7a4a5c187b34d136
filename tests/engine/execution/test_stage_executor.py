"""The result of one stage: made in a scripted pool, retried, given up."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Coroutine
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from reelmill.core import gate
from reelmill.core.recording import FileState, Recording
from reelmill.engine.execution.run_recorder import RunRecorder
from reelmill.engine.execution.stage_executor import RunStopping, StageExecutor
from reelmill.engine.execution.withdrawals import Withdrawals
from reelmill.engine.inference.stage_run import StageFailed
from reelmill.engine.process import cpu_worker
from reelmill.engine.process.cpu_worker import Damaged, Failed, Made
from reelmill.engine.resources.monitor import Monitor
from reelmill.engine.state.artifact_store import Saved
from reelmill.engine.telemetry.events import Event, Warned
from reelmill.engine.telemetry.metrics import StageTotals
from reelmill.errors import CrashError, Kind, NotBegunError, TransientError
from tests.engine.toys import NoDevices, toy_config, toy_pipeline

#: What the pool does with a task: a result, or an exception to raise.
Act = Made | Failed | Exception
MADE = Made(0.25)


def failed(kind: Kind = "transient", **more: Any) -> Failed:
    return Failed(kind, f"{kind} on purpose", "trace", 0.5, **more)


class Scene:
    """An executor whose pool and models are scripted."""

    def __init__(self, folder: Path, *acts: Act, in_pass: bool = True) -> None:
        self.pipeline = toy_pipeline(folder / "out")
        self.config = toy_config(folder / "out", retry_waits=(0.0, 0.0, 0.0))
        self.events: list[Event] = []
        self.tasks: list[tuple[cpu_worker.Task, int]] = []
        self.expected: list[int] = []
        self.disk_full = 0
        self.target = gate.own(folder) / "read.json"
        self._acts = list(acts)
        self.recorder = RunRecorder(
            self.pipeline, self.config, self.events.append, Monitor(NoDevices(), dict)
        )
        inference: Any = SimpleNamespace(in_pass=lambda at: in_pass, expect=self.expected.append)
        pool: Any = SimpleNamespace(run=self._run)
        self.withdrawals = Withdrawals()
        self.executor = StageExecutor(
            self.pipeline,
            self.config,
            self.recorder,
            pool,
            inference,
            self._full,
            self.withdrawals,
        )

    async def _run(self, task: cpu_worker.Task, priority: int, **_: Any) -> Made | Failed:
        self.tasks.append((task, priority))
        act = self._acts.pop(0)
        if isinstance(act, Exception):
            raise act
        return act

    def _full(self) -> None:
        self.disk_full += 1

    def make(self) -> Made:
        """The first stage's result."""
        state = FileState("ab" * 32, "", 1, 1)
        stage = self.pipeline.stages[0]
        recording = Recording(Path("/in/a.txt"), "a", self.target.parent, state)
        task = cpu_worker.StageTask(0, recording, (), "key", self.target)
        return play(self.executor.make(task, stage))

    @property
    def totals(self) -> StageTotals:
        return self.recorder.summary([], None).stages[0]

    @property
    def warnings(self) -> list[str]:
        return [event.text for event in self.events if isinstance(event, Warned)]


def play(coroutine: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(asyncio.wait_for(coroutine, 120))


def test_make__a_result__is_returned_and_counted(tmp_path: Path) -> None:
    scene = Scene(tmp_path, MADE)
    assert scene.make() is MADE
    assert (scene.totals.done, scene.totals.failed, scene.totals.cpu_seconds) == (1, 0, 0.25)


@pytest.mark.parametrize("withdrawn", [False, True])
def test_make__what_followed__is_kept_unless_the_recording_was_withdrawn(
    tmp_path: Path, withdrawn: bool
) -> None:
    scene = Scene(tmp_path, replace(MADE, then=(Made(0.1),)))
    recording = Recording(Path("/in/a.txt"), "a", Path("/work"), FileState("ab" * 32, "", 1, 1))
    follower = cpu_worker.Run(2, recording, (), "another key", tmp_path / "write.json")
    scene.executor.followers.may_follow("key", lambda: [follower])
    if withdrawn:
        scene.withdrawals.withdraw(recording.path)
    scene.make()
    assert ("another key" in scene.executor.followers) is not withdrawn


def test_make__transient_errors__are_retried_with_a_warning(tmp_path: Path) -> None:
    # proves: G8
    scene = Scene(tmp_path, failed(), TransientError("busy"), MADE)
    assert scene.make() is MADE
    assert len(scene.tasks) == 3
    assert scene.warnings == [
        "transient on purpose (in read); trying again in 0 s",
        "busy (in read); trying again in 0 s",
    ]
    assert scene.totals.cpu_seconds == 0.75, "a try that failed took its time too"


@pytest.mark.parametrize(
    ("kind", "tries"), [("transient", 4), ("resource", 4), ("crash", 2), ("input", 1)]
)
def test_make__a_lasting_transient_error__fails_after_its_tries(
    tmp_path: Path, kind: Kind, tries: int
) -> None:
    # proves: G8
    scene = Scene(tmp_path, *[failed(kind) for _ in range(9)])
    with pytest.raises(StageFailed) as caught:
        scene.make()
    assert caught.value.final
    failure = caught.value.failure
    assert (failure.stage, failure.kind, failure.tries) == ("read", kind, tries)
    assert len(scene.tasks) == tries
    assert (scene.totals.done, scene.totals.failed) == (0, 1)


def test_make__a_worker_that_dies_twice__fails_the_recording(tmp_path: Path) -> None:
    # proves: G10
    scene = Scene(tmp_path, CrashError("worker-0 killed"), CrashError("worker-1 killed"), MADE)
    with pytest.raises(StageFailed, match="worker-1 killed") as caught:
        scene.make()
    assert caught.value.failure.kind == "crash"


def test_make__a_full_disk__stops_the_run_without_a_failed_recording(tmp_path: Path) -> None:
    # proves: G12
    scene = Scene(tmp_path, failed(disk_full=True))
    with pytest.raises(RunStopping):
        scene.make()
    assert scene.disk_full == 1
    assert scene.totals.failed == 0


def test_make__a_damaged_source__is_not_retried(tmp_path: Path) -> None:
    # proves: G12
    scene = Scene(tmp_path, failed("input", damaged=Path("/work/probe.json")))
    with pytest.raises(Damaged) as caught:
        scene.make()
    assert caught.value.path == Path("/work/probe.json")
    assert len(scene.tasks) == 1


def test_make__a_result__is_on_the_disk_before_it_is_returned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # proves: G12
    scene = Scene(tmp_path, MADE)
    scene.target.write_text("{}")
    flushed = _flushed(monkeypatch)
    assert scene.make() is MADE
    assert flushed == [scene.target.stat().st_ino]


def test_make__a_result_with_files_beside_it__all_are_on_the_disk_before_it_is_returned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # proves: G12
    beside = tmp_path / "read.boxes.npz"
    scene = Scene(tmp_path, replace(MADE, saved=Saved("", {beside.name: "ab" * 32})))
    for path in (scene.target, beside):
        path.write_text("{}")
    flushed = _flushed(monkeypatch)
    scene.make()
    assert flushed == [beside.stat().st_ino, scene.target.stat().st_ino]


def test_make__a_result_that_cannot_be_flushed__fails_or_stops_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # proves: G12
    scene = Scene(tmp_path, MADE)
    scene.target.write_text("{}")
    _flushed(monkeypatch, OSError(errno.EIO, "Input/output error"))
    with pytest.raises(StageFailed, match="Input/output error"):
        scene.make()
    assert (scene.totals.done, scene.totals.failed) == (0, 1)
    scene = Scene(tmp_path, MADE)
    _flushed(monkeypatch, OSError(errno.ENOSPC, "No space left on device"))
    with pytest.raises(RunStopping):
        scene.make()
    assert scene.disk_full == 1


def _flushed(monkeypatch: pytest.MonkeyPatch, error: OSError | None = None) -> list[int]:
    """The inodes of files that are flushed from now on, or `error` for each."""
    found: list[int] = []

    def fsync(descriptor: int) -> None:
        if error is not None:
            raise error
        found.append(os.fstat(descriptor).st_ino)

    monkeypatch.setattr(os, "fsync", fsync)
    return found


def test_expect__a_stage_with_a_model__loads_the_model(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    for stage in scene.pipeline.stages:
        scene.executor.expect(stage)
    assert scene.expected == [1]


def test_expect__outside_the_pass_of_its_model__stops(tmp_path: Path) -> None:
    # proves: G9
    scene = Scene(tmp_path, in_pass=False)
    read, shout, _ = scene.pipeline.stages
    scene.executor.expect(read)
    with pytest.raises(RunStopping):
        scene.executor.expect(shout)
    assert scene.expected == []


def test_workers_that_die_before_they_begin_do_not_count_as_tries(tmp_path: Path) -> None:
    # proves: G10
    lost = NotBegunError("worker-1 killed by SIGKILL")
    scene = Scene(tmp_path, lost, CrashError("worker-2 killed by SIGKILL"), lost, MADE)
    assert scene.make() == MADE
    assert [text for text in scene.warnings if "another takes over" in text] == [
        "worker-1 killed by SIGKILL (before read began); another takes over"
    ] * 2


def test_workers_that_can_never_begin_fail_the_recording_in_the_end(tmp_path: Path) -> None:
    scene = Scene(tmp_path, *[NotBegunError("worker-1 ended with exit code 1")] * 20)
    with pytest.raises(StageFailed, match="exit code 1"):
        scene.make()
    assert len(scene.tasks) < 10
