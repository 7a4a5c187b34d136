"""What a run keeps of each recording, of which there may be very many."""

# proves: G16

from __future__ import annotations

import os
from pathlib import Path

import pytest

from reelmill.artifacts import ExportedFile, Finding, RecordingSummary
from reelmill.core.recording import FileState, Identity
from reelmill.engine.execution.planning import Job, Outcomes
from reelmill.engine.state.run_db import Original
from reelmill.engine.state.shelf import Shelf
from reelmill.errors import Failure


def summary(number: int) -> RecordingSummary:
    finding = Finding("truncated", 1.5, None, 0.25, "A", "끝이 없다 \udcff", "grave")
    file = ExportedFile(f"call{number}.txt", f"{number:064x}", 1 << 40)
    return RecordingSummary(
        0.1, "ko", [file.path], [file], ["old.txt"], ["guessed"], [finding, Finding("music")]
    )


def ended(number: int) -> Job:
    job = Job(Original(f"/in/call{number}.m4a", f"call{number}", number, 7, 1), 7)
    job.end(summary(number))
    return job


def shelf(tmp_path: Path) -> Shelf:
    return Shelf(lambda: os.open(tmp_path / "shelf", os.O_RDWR | os.O_CREAT))


def originals() -> list[Original]:
    state, other = FileState("a" * 64, "b" * 32, 7, 1 << 62), FileState("c" * 64, "d" * 32, 8, -1)
    failure = Failure("read", "input", "\udcff: bad", 2, permanent=True)
    return [
        Original("/in/a\udcff.m4a", "끝", 1 << 63, 7, 1),
        Original("/in/a", "a", 5, 7, 1, state, 1 / 3, state, 2 / 3, "key", None, "/out/a"),
        Original("/in/a", "a", 5, 7, 1, state, 1.5, other, 2.5, None, failure),
        Original("/in/a", "a", 5, 7, 1, None, None, state, 2.5),
    ]


@pytest.mark.parametrize("original", originals())
def test_a_job_on_the_shelf__is_as_before(original: Original, tmp_path: Path) -> None:
    job = Job(original, 7, Identity(1, 1 << 63, 7, 1, 1 << 62))
    job.begin()
    job.fail(Failure("read", "input", "bad"))
    job.cannot_be_checked("gone")
    job.end(summary(3))
    before, said = job.facts, job.outcome()
    job.shelve(shelf(tmp_path))
    assert job.facts is not before and job.outcome() == said
    for name in ("identity", "seconds", "failure", "summary"):
        assert getattr(job.facts, name) == getattr(before, name)
    for name in Original.__slots__:  # `beside` does not count when originals are compared
        assert getattr(job.original, name) == getattr(original, name)


def test_a_job_that_waits__knows_nothing_yet() -> None:
    assert Job(Original("/in/b.m4a", "b", 0, 7, 1), 7).summary == RecordingSummary()


def test_outcomes__are_made_when_asked_for() -> None:
    jobs = [ended(number) for number in range(4)]
    outcomes = Outcomes(jobs)
    assert [one.name for one in outcomes] == ["call0", "call1", "call2", "call3"]
    assert len(outcomes) == 4 and outcomes[-1].outputs == ["call3.txt"]
    assert outcomes[1:3] == [jobs[1].outcome(), jobs[2].outcome()]
    assert outcomes != [] and Outcomes([]) == []
    jobs[0].cannot_be_checked("gone")
    assert outcomes[0].changed == ["can no longer be read: gone"]
