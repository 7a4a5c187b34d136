"""Known results of stages: kept, found again, adopted, discarded."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from reelmill.artifacts import RecordingSummary
from reelmill.core import gate
from reelmill.core.recording import FileState, Recording
from reelmill.engine.execution.run_recorder import RunRecorder
from reelmill.engine.execution.stage_cache import StageCache
from reelmill.engine.pipeline import Pipeline
from reelmill.engine.process.cpu_worker import Made
from reelmill.engine.resources.monitor import Monitor
from reelmill.engine.stage import Stage
from reelmill.engine.state import artifact_store as store
from reelmill.engine.state.run_db import Ledger
from reelmill.engine.telemetry.events import Event, Warned
from tests.engine.toys import NoDevices, Words, toy_config, toy_pipeline


class Bench:
    """A cache on a real ledger, its warnings, and a recording."""

    def __init__(self, folder: Path, **config: object) -> None:
        self.out = folder / "out"
        self.pipeline: Pipeline = toy_pipeline(self.out)
        self.config = toy_config(self.out, **config)
        self.ledger = Ledger(self.config.cache / "ledger.sqlite", self.config.seal)
        self.events: list[Event] = []
        self.disk_full = 0
        self.cache = self.another()
        state = FileState("ab" * 32, "", 1, 1)
        self.recording = Recording(
            folder / "a.txt", "a", store.recording_folder(self.config.cache, state.sha256), state
        )
        gate.make_folder(self.recording.folder)

    def another(self) -> StageCache:
        """The cache of the next run on the same folder."""
        recorder = RunRecorder(
            self.pipeline, self.config, self.events.append, Monitor(NoDevices(), dict)
        )
        self.recorder = recorder
        self.ledger.commit()
        return StageCache(
            self.pipeline, self.config, self.ledger, recorder, self.ledger.results(), self._full
        )

    def _full(self) -> None:
        self.disk_full += 1

    def stage(self, name: str) -> Stage:
        return next(stage for stage in self.pipeline.stages if stage.name == name)

    def write(self, name: str = "read") -> None:
        """Do what a worker does: the artifact exists, but is not recorded yet."""
        task = self.cache.task(self.recording, self.stage(name))
        words = Words(["one"])
        store.save(task.target, self.stage(name), task.key, self.recording, words, self.config.seal)

    def make(self, name: str = "read") -> None:
        self.write(name)
        task = self.cache.task(self.recording, self.stage(name))
        made = Made(0.0, summary=RecordingSummary(media_seconds=2.0))
        self.cache.keep(task, self.stage(name), made, 1.5)

    def known(self, name: str = "read", *, adopt: bool = False) -> float | None:
        found = self.cache.known(self.recording, self.stage(name), adopt=adopt)
        return None if found is None else found.seconds

    @property
    def reused(self) -> int:
        summary = self.recorder.summary([], None)
        return sum(stage.reused for stage in summary.stages)

    @property
    def warnings(self) -> list[str]:
        return [event.text for event in self.events if isinstance(event, Warned)]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with gate.output(tmp_path / "out", "toy", [], b"k"):
        yield Bench(tmp_path)


def test_known__a_kept_result__is_found_in_this_run_and_the_next(bench: Bench) -> None:
    # proves: G12
    assert bench.known() is None
    bench.make()
    assert bench.known() == 1.5 and bench.reused == 0
    bench.cache = bench.another()
    assert bench.known() == 1.5 and bench.known() == 1.5
    assert bench.reused == 1, "counted once"


def test_known__a_file_of_the_result_is_gone__is_unknown(bench: Bench) -> None:
    # proves: G12
    bench.make()
    bench.cache.task(bench.recording, bench.stage("read")).target.unlink()
    assert bench.known() is None


def test_known__an_unrecorded_artifact__is_adopted_unless_being_made(bench: Bench) -> None:
    # proves: G12
    bench.write()
    assert bench.known(adopt=False) is None
    assert bench.known(adopt=True) == 0.0
    bench.cache = bench.another()
    assert bench.known(adopt=False) == 0.0, "noted from then on"


def test_known__made_with_another_key__is_reported_once_and_not_adopted(bench: Bench) -> None:
    # proves: G14
    bench.write()
    target = bench.cache.task(bench.recording, bench.stage("read")).target
    target.write_bytes(target.read_bytes().replace(b"one", b"two"))
    assert bench.known(adopt=True) is None
    assert bench.known(adopt=True) is None
    (warning,) = bench.warnings
    assert str(target) in warning and "others like it" in warning


def test_known__a_named_result_of_an_earlier_run__is_unknown(
    bench: Bench,
) -> None:
    # proves: G12
    bench.make("write")
    assert bench.known("write") == 1.5
    bench.cache = bench.another()
    assert bench.known("write") is None


def test_discard__a_damaged_source__is_removed_and_forgotten(bench: Bench) -> None:
    # proves: G12
    bench.make()
    source = bench.cache.known(bench.recording, bench.stage("read"), adopt=False)
    assert source is not None
    bench.cache.discard(source.stored.path, "a.json: damaged", [source])
    assert not source.stored.path.exists()
    assert bench.known() is None
    (warning,) = bench.warnings
    assert warning.startswith("a.json: damaged; ")


def test_clear__a_stage_with_named_results__removes_its_artifact_before_writing(
    bench: Bench,
) -> None:
    for name, left in (("write", False), ("read", True)):
        bench.make(name)
        task = bench.cache.task(bench.recording, bench.stage(name))
        bench.cache.clear(task, bench.stage(name))
        assert task.target.exists() == left


def test_remove__a_file_of_somebody_else__is_kept_and_reported(bench: Bench) -> None:
    # proves: G14
    theirs = bench.out / "report.html"
    theirs.write_text("theirs")
    bench.cache.remove(theirs)
    assert theirs.read_text() == "theirs"
    (warning,) = bench.warnings
    assert "report.html" in warning


def test_forget__the_last_recording_of_a_content__frees_its_memory(bench: Bench) -> None:
    bench.make()
    copy = replace(bench.recording, name="b")
    bench.cache.forget(copy, is_last=False)
    assert bench.known() == 1.5
    bench.cache.forget(bench.recording, is_last=True)
    assert bench.cache.results == {}


def test_note__a_full_disk__stops_the_run(bench: Bench) -> None:
    # proves: G12
    def full() -> None:
        raise sqlite3.OperationalError("database or disk is full")

    bench.cache.note(full)
    assert bench.disk_full == 1
