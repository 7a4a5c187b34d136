"""Planning: names, order, and what counts as done."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from reelmill.artifacts import RecordingSummary
from reelmill.core.recording import read_state
from reelmill.engine.execution.naming import Names
from reelmill.engine.execution.planning import (
    Job,
    Keys,
    Source,
    done_before,
    in_good_order,
    plan,
    recording_of,
)
from reelmill.engine.state.run_db import Ledger, Original, Result
from reelmill.errors import Failure
from tests.engine.toys import toy_pipeline


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "ledger.sqlite")


def source(folder: Path, name: str, text: str = "x", wanted: str | None = None) -> Source:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return Source(path, wanted or Path(name).with_suffix("").as_posix())


def names(jobs: list[Job]) -> dict[str, str]:
    return {Path(job.original.path).name: job.original.name for job in jobs}


def test_names_are_unique_and_stay_the_same_in_later_runs(tmp_path: Path, ledger: Ledger) -> None:
    # proves: G12
    first = [source(tmp_path, "a.wav"), source(tmp_path, "a.mp3", wanted="a")]
    given = names(plan(first, ledger.originals(), ledger, Names(tmp_path)))
    assert given == {"a.wav": "a", "a.mp3": "a.mp3"}
    more = [source(tmp_path, "a.ogg", wanted="a"), *reversed(first)]
    found = names(plan(more, ledger.originals(), ledger, Names(tmp_path)))
    assert {**found, "a.ogg": "?"} == {**given, "a.ogg": "?"}


def test_four_recordings_of_one_name_get_four_names(tmp_path: Path, ledger: Ledger) -> None:
    sources = [source(tmp_path / str(n), "a.wav", wanted="a") for n in range(4)]
    jobs = plan(sources, ledger.originals(), ledger, Names(tmp_path))
    assert len({job.original.name for job in jobs}) == 4


def test_results_of_a_changed_file_are_not_reused(tmp_path: Path, ledger: Ledger) -> None:
    # proves: G12 G14
    one = source(tmp_path, "a.wav", "before")
    (job,) = plan([one], ledger.originals(), ledger, Names(tmp_path))
    job.original.before = job.original.after = read_state(one.path)
    job.original.outcome = "done"
    ledger.put_original(job.original)
    (same,) = plan([one], ledger.originals(), ledger, Names(tmp_path))
    assert same.original.before is not None and same.original.outcome == "done"
    one.path.write_text("after!")
    (changed,) = plan([one], ledger.originals(), ledger, Names(tmp_path))
    assert changed.original.before is None and changed.original.outcome is None


def test_a_missing_file_fails_this_run_and_stays_known(tmp_path: Path, ledger: Ledger) -> None:
    # proves: G14
    one = source(tmp_path, "a.wav")
    (job,) = plan([one], ledger.originals(), ledger, Names(tmp_path))
    job.original.before, job.original.outcome = read_state(one.path), "done"
    ledger.put_original(job.original)
    one.path.unlink()
    (gone,) = plan([one], ledger.originals(), ledger, Names(tmp_path))
    assert gone.original.before is None and gone.original.outcome is None
    assert ledger.originals()[str(one.path)].before == job.original.before


def test_a_few_small_recordings_come_first_and_then_the_longest() -> None:
    # proves: G1
    jobs = [Job(Original(str(n), str(n), 1, n, 0), n) for n in (5, 1, 9, 3, 7)]
    assert [job.size for job in in_good_order(jobs)] == [1, 3, 9, 7, 5]
    assert in_good_order([]) == []


class Finished:
    """A finished recording, from which tests remove parts."""

    def __init__(self, tmp_path: Path, ledger: Ledger) -> None:
        self.cache = tmp_path / "out" / ".cache"
        self.pipeline = toy_pipeline(tmp_path / "out")
        self.keys = Keys(self.pipeline)
        (self.job,) = plan([source(tmp_path, "a.wav")], ledger.originals(), ledger, Names(tmp_path))
        state = read_state(self.job.path)
        self.job.original.before = self.job.original.after = state
        self.recording = recording_of(self.job, state, self.cache)
        self.job.original.outcome = self.keys.of_all_ends(self.recording)
        end = self.pipeline.ends[0]
        self.file = tmp_path / "a.up"
        self.file.touch()
        key = self.keys.of(end, self.recording)
        summary = RecordingSummary(outputs=["a.up"])
        self.results = {key: Result(key, end.name, "r", [str(self.file)], summary)}

    def done(self) -> bool:
        return done_before(self.job, self.pipeline, self.keys, self.results, self.cache)


def test_finished_recordings_are_not_planned_again(tmp_path: Path, ledger: Ledger) -> None:
    # proves: G12
    finished = Finished(tmp_path, ledger)
    assert finished.done()
    assert finished.job.reused and finished.job.status == "done"
    assert finished.job.summary == RecordingSummary(outputs=["a.up"])


def test_a_note_repeated_by_later_stages_is_shown_once(tmp_path: Path, ledger: Ledger) -> None:
    # proves: G19
    finished = Finished(tmp_path, ledger)
    (result,) = finished.results.values()
    result.summary.notes = ["no aligner", "no token", "no aligner"]
    assert finished.done()
    assert finished.job.outcome().notes == ["no aligner", "no token"]


def test_missing_or_changed_results_are_not_finished(tmp_path: Path, ledger: Ledger) -> None:
    # proves: G12
    finished = Finished(tmp_path, ledger)
    finished.job.original.outcome = "of other settings"
    assert not finished.done()
    finished = Finished(tmp_path, ledger)
    finished.job.original.after = None
    assert not finished.done()
    finished = Finished(tmp_path, ledger)
    finished.file.unlink()
    assert not finished.done()
    finished = Finished(tmp_path, ledger)
    finished.results.clear()
    assert not finished.done()


def test_an_input_error_is_not_retried_in_the_next_run(tmp_path: Path, ledger: Ledger) -> None:
    # proves: G8
    finished = Finished(tmp_path, ledger)
    finished.results.clear()
    finished.job.original.failure = Failure("read", "input", "no sound")
    assert finished.done()
    assert finished.job.status == "failed" and finished.job.failure is not None


def test_an_earlier_change_of_an_original_is_reported_again(tmp_path: Path, ledger: Ledger) -> None:
    # proves: G14
    finished = Finished(tmp_path, ledger)
    os.utime(finished.job.path, ns=(1, 1))
    finished.job.original.after = read_state(finished.job.path)
    assert finished.done()
    assert any("mtime" in change for change in finished.job.changed)
