"""Claims of several workers in one folder."""

# proves: G17

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

from reelmill.core import gate
from reelmill.scale.claims import Claims


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return gate.own(tmp_path / "claims")


def aged(folder: Path, seconds: float) -> None:
    """All claims as if they had been renewed that long ago."""
    for claim in folder.glob("*.claim"):
        before = claim.stat().st_mtime - seconds
        os.utime(claim, (before, before))


def test_a_recording_is_claimed_by_one_worker_of_many(folder: Path) -> None:
    workers = [Claims(folder, f"w{number}", 60) for number in range(8)]
    got: list[tuple[int, int]] = []
    start = threading.Barrier(len(workers))

    def work(number: int) -> None:
        start.wait()
        got.extend((what, number) for what in range(40) if workers[number].take(f"call {what}"))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(what for what, _ in got) == list(range(40))
    assert sum(worker.held for worker in workers) == 40


def test_what_is_done_is_never_claimed_again(folder: Path) -> None:
    first, second = Claims(folder, "first", 60), Claims(folder, "second", 60)
    assert first.take("통화") and second.state("통화") == "claimed" and not second.take("통화")
    first.done("통화")
    assert second.state("통화") == "done" and not second.take("통화") and first.held == 0


def test_a_claim_given_back_is_free(folder: Path) -> None:
    first, second = Claims(folder, "first", 60), Claims(folder, "second", 60)
    assert first.take("call")
    first.release("call")
    assert second.state("call") == "free" and second.take("call")


def test_the_claims_of_a_worker_that_is_gone_go_to_another(folder: Path) -> None:
    gone, there = Claims(folder, "gone", 60), Claims(folder, "there", 60)
    assert gone.take("call")
    aged(folder, 61)
    assert there.state("call") == "free" and there.take("call")
    gone.renew()
    assert gone.held == 0, "it was not gone, only slow, and learns that it lost the claim"
    gone.done("call")
    assert there.state("call") == "done", "what both did is done"


def test_a_claim_that_is_renewed_holds(folder: Path) -> None:
    worker, other = Claims(folder, "worker", 60), Claims(folder, "other", 60)
    assert worker.take("call")
    aged(folder, 59)
    time.sleep(0.01)
    worker.renew()
    aged(folder, 59)
    assert other.state("call") == "claimed" and not other.take("call")


def test_a_claim_cut_off_by_a_full_disk_is_free_after_the_lease(folder: Path) -> None:
    worker = Claims(folder, "worker", 60)
    assert worker.take("call")
    (claim,) = folder.glob("*.claim")
    claim.write_bytes(b'{"wor')
    aged(folder, 61)
    assert Claims(folder, "other", 60).take("call")
