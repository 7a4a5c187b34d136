"""The engine as a whole, on toy stages."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest

from reelmill.engine.execution.coordinator import Coordinator
from reelmill.engine.telemetry.events import Event, RecordingFinished, ignore
from reelmill.engine.telemetry.metrics import FileOutcome, RunSummary
from tests.engine.toys import toy_config, toy_pipeline, toy_sources


def run(
    tmp_path: Path, texts: dict[str, str], config: dict[str, Any] | None = None, **model: Any
) -> RunSummary:
    out = tmp_path / "out"
    log = tmp_path / "log"
    log.touch()
    sources = toy_sources(tmp_path / "in", texts)
    coordinator = Coordinator(
        toy_pipeline(out, log, **model), toy_config(out, **(config or {})), ignore
    )
    return asyncio.run(coordinator.run(sources))


def by_name(summary: RunSummary) -> dict[str, FileOutcome]:
    return {outcome.name: outcome for outcome in summary.outcomes}


def test_items_of_many_recordings_share_batches_and_return_in_order(tmp_path: Path) -> None:
    # proves: G2
    texts = {f"f{i}.txt": " ".join(f"w{j}" for j in range(i + 1)) for i in range(9)}
    summary = run(tmp_path, texts)
    assert summary.count("done") == 9
    for i in range(9):
        expected = " ".join(f"W{j}{j}" for j in range(i + 1))
        assert (tmp_path / "out" / f"f{i}.up").read_text() == expected
    shout = next(stage for stage in summary.stages if stage.name == "shout")
    assert shout.items == 45
    assert shout.batches < 45


@pytest.mark.parametrize("placement", ["resident", "sequential"])
def test_a_model_with_nothing_to_load_gets_no_model_worker(tmp_path: Path, placement: str) -> None:
    texts = {"a.txt": "", "b.txt": ""}
    config = {"placement": placement}
    summary = run(tmp_path, texts, config, empty=True, broken="there is nothing to load")
    assert summary.count("done") == 2 and not summary.model_workers
    assert (tmp_path / "out" / "a.up").read_text() == ""


def test_an_input_error_fails_only_that_recording_and_is_not_retried(tmp_path: Path) -> None:
    # proves: G8
    summary = run(tmp_path, {"a.txt": "x", "b.txt": "unreadable", "c.txt": "y"})
    outcomes = by_name(summary)
    assert outcomes["a"].status == outcomes["c"].status == "done"
    failure = outcomes["b"].failure
    assert failure is not None
    assert (failure.stage, failure.kind, failure.tries) == ("read", "input", 1)
    assert (tmp_path / "log").read_text().count("read b.txt") == 1


def test_a_transient_error_is_retried(tmp_path: Path) -> None:
    # proves: G8
    summary = run(tmp_path, {"a.txt": "flaky"})
    assert summary.count("done") == 1
    assert (tmp_path / "log").read_text().count("read a.txt") == 3


def test_a_dead_worker_fails_only_one_recording(tmp_path: Path) -> None:
    # proves: G10
    summary = run(tmp_path, {"a.txt": "killworker", "b.txt": "x"})
    outcomes = by_name(summary)
    assert outcomes["b"].status == "done"
    failure = outcomes["a"].failure
    assert failure is not None and failure.kind == "crash" and "SIGKILL" in failure.message


def test_the_item_that_kills_workers_is_found_and_fails_its_recording(tmp_path: Path) -> None:
    # proves: G10
    texts = {"good.txt": "a b c d e f", "bad.txt": "g boom h", "also.txt": "i j"}
    outcomes = by_name(run(tmp_path, texts))
    assert outcomes["good"].status == outcomes["also"].status == "done"
    failure = outcomes["bad"].failure
    assert failure is not None and failure.kind == "crash" and "item 1" in failure.message


def test_a_hung_model_worker_is_replaced(tmp_path: Path) -> None:
    # proves: G10
    outcomes = by_name(run(tmp_path, {"a.txt": "x y", "b.txt": "hang"}, {"least_deadline": 0.5}))
    assert outcomes["a"].status == "done"
    assert outcomes["b"].failure is not None


def test_an_error_in_a_batch_fails_only_the_recording_at_fault(tmp_path: Path) -> None:
    outcomes = by_name(run(tmp_path, {"a.txt": "x y z", "b.txt": "p wrong"}))
    assert outcomes["a"].status == "done"
    failure = outcomes["b"].failure
    assert failure is not None and "wrong word" in failure.message


def test_out_of_memory_halves_the_batch(tmp_path: Path) -> None:
    # proves: G4
    summary = run(tmp_path, {"a.txt": "a b oom c d e f g", "b.txt": "h i"})
    assert summary.count("done") == 2


def test_an_item_that_never_fits_fails_its_recording(tmp_path: Path) -> None:
    # proves: G4
    outcomes = by_name(run(tmp_path, {"a.txt": "a oomalways", "b.txt": "h i"}))
    assert outcomes["b"].status == "done"
    failure = outcomes["a"].failure
    assert failure is not None and failure.kind == "resource"


def test_a_second_run_does_nothing(tmp_path: Path) -> None:
    # proves: G12
    texts = {"a.txt": "x y", "b.txt": "unreadable"}
    run(tmp_path, texts)
    log = (tmp_path / "log").read_text()
    summary = run(tmp_path, texts)
    assert (tmp_path / "log").read_text() == log
    assert all(outcome.reused for outcome in summary.outcomes)
    assert summary.count("failed") == 1


def test_changed_content_is_processed_again(tmp_path: Path) -> None:
    # proves: G12
    run(tmp_path, {"a.txt": "x"})
    run(tmp_path, {"a.txt": "y"})
    assert (tmp_path / "out" / "a.up").read_text() == "Y0"


def test_a_missing_export_is_written_again_without_the_model(tmp_path: Path) -> None:
    # proves: G12
    run(tmp_path, {"a.txt": "x"})
    (tmp_path / "out" / "a.up").unlink()
    summary = run(tmp_path, {"a.txt": "x"})
    assert (tmp_path / "out" / "a.up").read_text() == "X0"
    assert (tmp_path / "log").read_text().count("merge") == 1
    assert not summary.model_workers or not any(worker.starts for worker in summary.model_workers)


def test_copies_are_computed_once_and_exported_twice(tmp_path: Path) -> None:
    summary = run(tmp_path, {"a.txt": "same", "b.txt": "same"})
    assert summary.count("done") == 2
    assert (tmp_path / "out" / "b.up").read_text() == "SAME0"
    assert (tmp_path / "log").read_text().count("merge") == 1


def test_split_waits_when_the_arena_is_full(tmp_path: Path) -> None:
    # proves: G1 G20
    texts = {f"{i}.txt": " ".join("w" for _ in range(40)) for i in range(3)}
    summary = run(tmp_path, texts, {"arena_bytes": 1 << 16}, item_bytes=8000)
    assert summary.count("done") == 3


def test_an_item_larger_than_the_arena_is_reported(tmp_path: Path) -> None:
    config = {"arena_bytes": 1 << 16, "retry_waits": ()}
    outcomes = by_name(run(tmp_path, {"a.txt": "w"}, config, item_bytes=1 << 17))
    failure = outcomes["a"].failure
    assert failure is not None and "--arena" in failure.message


def test_a_model_that_cannot_start_stops_the_run_with_its_reason(tmp_path: Path) -> None:
    # proves: G11
    summary = run(tmp_path, {"a.txt": "x"}, {"retry_waits": (0.01,)}, broken="no weights")
    assert summary.stopped is not None and "no weights" in summary.stopped
    assert summary.count("waiting") == 1


def test_a_full_disk_stops_the_run_and_blames_no_recording(tmp_path: Path) -> None:
    summary = run(tmp_path, {"a.txt": "diskfull", "b.txt": "x"})
    assert summary.stopped is not None and "disk" in summary.stopped
    assert summary.count("failed") == 0


def test_a_changed_original_is_an_error_in_the_report(tmp_path: Path) -> None:
    # proves: G14
    outcomes = by_name(run(tmp_path, {"a.txt": "x", "b.txt": "edited x"}))
    assert outcomes["a"].changed == []
    changed = {text.split(": ")[0] for text in outcomes["b"].changed}
    assert changed >= {"sha256", "md5", "size", "mtime_ns"}
    failure = outcomes["b"].failure
    assert (outcomes["a"].status, outcomes["b"].status) == ("done", "failed")
    assert failure is not None and "b.txt: changed during the run" in failure.message


def test_a_file_dated_2300_is_processed(tmp_path: Path) -> None:
    """Its nanoseconds since 1970 are more than SQLite's integers hold."""
    # proves: G8
    toy_sources(tmp_path / "in", {"a.txt": "x", "b.txt": "y"})
    os.utime(tmp_path / "in" / "a.txt", ns=(0, 10_413_792_000 * 10**9))
    texts = {"a.txt": "x", "b.txt": "y"}
    assert run(tmp_path, texts).count("done") == 2
    assert all(outcome.reused for outcome in run(tmp_path, texts).outcomes)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_vanished_file_is_reported(tmp_path: Path, workers: int) -> None:
    sources = toy_sources(tmp_path / "in", {"a.txt": "x", "b.txt": "y"})
    (tmp_path / "in" / "a.txt").unlink()
    out = tmp_path / "out"
    coordinator = Coordinator(toy_pipeline(out), toy_config(out, workers=workers), ignore)
    outcomes = by_name(asyncio.run(coordinator.run(sources)))
    assert outcomes["b"].status == "done"
    failure = outcomes["a"].failure
    assert failure is not None and "not found" in failure.message


@pytest.mark.parametrize("placement", ["resident", "sequential"])
def test_recordings_can_be_added_until_the_run_is_closed(tmp_path: Path, placement: str) -> None:
    sources = toy_sources(tmp_path / "in", {f"{i}.txt": f"word{i} and more" for i in range(4)})
    out = tmp_path / "out"
    finished: list[str] = []

    def listen(event: Event) -> None:
        if not isinstance(event, RecordingFinished):
            return
        finished.append(event.outcome.name)
        if len(finished) == 1:
            coordinator.add(sources[:3])  # the first is there already
        if len(finished) == 3:
            coordinator.add(sources[3:])
            coordinator.close()

    coordinator = Coordinator(toy_pipeline(out), toy_config(out, placement=placement), listen)
    running = coordinator.run(sources[:1], until_closed=True)
    summary = asyncio.run(asyncio.wait_for(running, 120))
    assert finished[0] == "0" and sorted(finished) == ["0", "1", "2", "3"]
    assert summary.count("done") == 4
    assert (out / "3.up").read_text() == "WORD30 AND1 MORE2"


def test_a_run_that_waits_for_recordings_can_be_stopped(tmp_path: Path) -> None:
    out = tmp_path / "out"
    coordinator = Coordinator(toy_pipeline(out), toy_config(out), ignore)

    async def stopped() -> RunSummary:
        asyncio.get_running_loop().call_later(0.2, coordinator.stop, "enough")
        return await coordinator.run([], until_closed=True)

    summary = asyncio.run(asyncio.wait_for(stopped(), 120))
    assert summary.stopped == "enough" and summary.outcomes == []


def test_an_added_recording_gets_a_name_of_its_own(tmp_path: Path) -> None:
    """Also a recording that is not in the ledger because its file is gone."""
    first = toy_sources(tmp_path / "one", {"a.txt": "x"})
    second = toy_sources(tmp_path / "two", {"a.txt": "y"})
    first[0].path.unlink()
    out = tmp_path / "out"

    def listen(event: Event) -> None:
        if isinstance(event, RecordingFinished) and event.outcome.status == "failed":
            coordinator.add(second)
            coordinator.close()

    coordinator = Coordinator(toy_pipeline(out), toy_config(out), listen)
    summary = asyncio.run(asyncio.wait_for(coordinator.run(first, until_closed=True), 120))
    assert {one.name: one.status for one in summary.outcomes} == {"a": "failed", "a.txt": "done"}
