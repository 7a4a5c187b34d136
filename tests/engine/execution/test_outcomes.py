"""What a run keeps of each recording, of which there may be very many."""

# proves: G16

from __future__ import annotations

import sys

from reelmill.artifacts import ExportedFile, Finding, RecordingSummary
from reelmill.engine.execution.planning import Job, Outcomes
from reelmill.engine.state.run_db import Original


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


def test_a_packed_summary__says_the_same() -> None:
    for one in (summary(3), RecordingSummary()):
        assert RecordingSummary.unpacked(one.packed()) == one


def test_a_job_keeps_its_summary_in_few_bytes() -> None:
    job = ended(3)
    assert job.summary == summary(3)
    assert sys.getsizeof(job._summary) < 450  # ten objects, and as many again with their values
    assert Job(Original("/in/b.m4a", "b", 0, 7, 1), 7).summary == RecordingSummary()


def test_outcomes__are_made_when_asked_for() -> None:
    jobs = [ended(number) for number in range(4)]
    outcomes = Outcomes(jobs)
    assert [one.name for one in outcomes] == ["call0", "call1", "call2", "call3"]
    assert len(outcomes) == 4 and outcomes[-1].outputs == ["call3.txt"]
    assert outcomes[1:3] == [jobs[1].outcome(), jobs[2].outcome()]
    assert outcomes != [] and Outcomes([]) == []
    jobs[0].changed = ["size: 7 -> 8"]
    assert outcomes[0].changed == ["size: 7 -> 8"]
