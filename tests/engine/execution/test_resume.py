"""What a later run may reuse from earlier ones, and what it must not."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import pytest

from reelmill.engine.execution.coordinator import Coordinator
from reelmill.engine.execution.earlier import sweep
from reelmill.engine.telemetry.events import ignore
from reelmill.engine.telemetry.metrics import RunSummary
from reelmill.errors import UsageError
from tests.engine.more_toys import moody_pipeline
from tests.engine.toys import toy_config, toy_sources
from tests.faults.kit import artifacts, leftovers


class Place:
    """An input and an output folder, and what is in them."""

    def __init__(self, folder: Path) -> None:
        self.inputs, self.out = folder / "in", folder / "out"
        self.log: Path | None = folder / "log"
        self.log.touch()

    def run(self, texts: dict[str, str], mark: str = "", **config: Any) -> RunSummary:
        pipeline = moody_pipeline(self.out, self.log, mark)
        coordinator = Coordinator(pipeline, toy_config(self.out, **config), ignore)
        return asyncio.run(coordinator.run(toy_sources(self.inputs, texts)))

    def text(self, name: str) -> str:
        return (self.out / f"{name}.up").read_text()

    def count(self, what: str) -> int:
        assert self.log is not None
        return sum(line.startswith(what) for line in self.log.read_text().splitlines())


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_settings_changed_and_changed_back_reuse_the_first_text(place: Place) -> None:
    # proves: G12
    place.run({"a.txt": "x y"}, mark="1")
    place.run({"a.txt": "x y"}, mark="2")
    assert place.text("a") == "X2 Y2"
    place.run({"a.txt": "x y"}, mark="1")
    assert place.text("a") == "X1 Y1", "the files of other settings were taken for ours"
    assert place.count("merge") == 2, "what has no name is taken over"


def test_content_changed_and_changed_back_reuses_the_first_text(place: Place) -> None:
    # proves: G12
    for content, text in (("x", "X"), ("y", "Y"), ("x", "X"), ("x", "X")):
        place.run({"a.txt": content})
        assert place.text("a") == text
    assert place.count("merge") == 2


def test_an_interrupted_change_of_settings_is_not_treated_as_finished(place: Place) -> None:
    # proves: G12
    place.run({"a.txt": "x"}, mark="1")
    # a run with other settings that was killed after exporting
    place.run({"a.txt": "x"}, mark="2")
    (named,) = [path for path in artifacts(place.out) if "/named/" in path]
    Path(named).unlink()
    assert place.text("a") == "X2"
    place.run({"a.txt": "x"}, mark="1")
    assert place.text("a") == "X1"


def test_a_transient_error_in_a_batch_is_retried_after_a_wait(place: Place) -> None:
    # proves: G8
    place.out.with_name("mood").touch()
    summary = place.run({"a.txt": "busy", "b.txt": "x"})
    assert summary.count("done") == 2
    assert any("trying again" in warning for warning in summary.warnings)


def test_a_failed_recording_leaves_no_spill_file_of_pending_items(
    place: Place,
) -> None:
    # proves: G12
    slow = " ".join(["slow"] * 12)
    summary = place.run({"a.txt": f"wrong {slow}", "b.txt": "fine"}, batch_size=1)
    assert summary.count("failed") == 1
    assert leftovers(place.out) == []


def test_a_lost_ledger_does_not_repeat_finished_work(place: Place) -> None:
    # proves: G12
    texts = {f"{n}.txt": f"w{n}" for n in range(5)}
    place.run(texts)
    made = artifacts(place.out)
    for path in (place.out / ".cache").glob("ledger.sqlite*"):
        path.unlink()
    summary = place.run(texts)
    assert artifacts(place.out) == made
    assert place.count("merge") == 5
    assert sum(worker.starts for worker in summary.model_workers) == 0, "no model was needed"


def test_names_that_are_not_utf8_are_processed_and_read_back(place: Place) -> None:
    name = os.fsdecode(b"call-\xff\xfe.txt")
    place.log = None  # the toys' own log is in UTF-8
    assert place.run({name: "x"}).count("done") == 1
    assert place.text(os.fsdecode(b"call-\xff\xfe")) == "X"
    made = artifacts(place.out)
    (outcome,) = place.run({name: "x"}).outcomes
    assert outcome.reused and outcome.status == "done"
    (place.out / os.fsdecode(b"call-\xff\xfe.up")).unlink()
    assert place.run({name: "x"}).count("done") == 1
    left = {path: state for path, state in made.items() if "/named/" not in path}
    assert {path: artifacts(place.out).get(path) for path in left} == left


def test_unfinished_files_of_a_killed_run_are_removed(tmp_path: Path) -> None:
    # proves: G12 G18
    cache = tmp_path / ".cache"
    ours = [
        cache / "tmp" / ".a.srt.12-3.reelmill-part",
        cache / "artifacts" / "x" / ".shout.json.12-3.reelmill-part",
        cache / "artifacts" / "x" / "shout-0123456789abcdef.spill.4.model-worker-0",
    ]
    kept = [
        tmp_path / "sub" / ".a.srt.12-3.reelmill-part",
        tmp_path / "call.spill.left.wav",
        cache / "artifacts" / "x" / "my.spill.4.txt",
        cache / "tmp" / "mine.txt",
        tmp_path / "another" / ".cache" / "x.spill.1.model-worker-0",
        tmp_path / "another" / ".a.srt.12-3.reelmill-part",
    ]
    for path in (*ours, *kept):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    sweep(cache)
    assert not any(path.exists() for path in ours)
    assert all(path.exists() for path in kept), "another run's folder, or not ours at all"


def test_fresh_computes_everything_anew(place: Place) -> None:
    place.run({"a.txt": "x"})
    summary = place.run({"a.txt": "x"}, fresh=True)
    assert place.count("merge") == 2
    assert not summary.outcomes[0].reused


def test_fresh_affects_only_the_recordings_of_the_call(place: Place) -> None:
    # proves: G12
    place.run({"a.txt": "x", "b.txt": "y"})
    place.run({"a.txt": "x"}, fresh=True)
    assert place.count("merge a.txt") == 2
    summary = place.run({"a.txt": "x", "b.txt": "y"})
    assert all(outcome.reused for outcome in summary.outcomes)
    assert place.count("merge b.txt") == 1


def test_fresh_computes_copies_of_one_content_once(place: Place) -> None:
    place.run({"a.txt": "x"})
    assert place.run({"a.txt": "x", "b.txt": "x"}, fresh=True).count("done") == 2
    assert place.count("merge") == 2, "once before, once anew"


def test_a_stopped_fresh_run_continues_in_the_next_fresh_run(place: Place) -> None:
    """Results that were to be made anew are not reused by the run that continues."""
    texts = {f"{name}.txt": name for name in "abc"}
    place.run(texts)

    async def stopped() -> None:
        pipeline = moody_pipeline(place.out, place.log, "")
        config = toy_config(place.out, fresh=True)
        coordinator = Coordinator(pipeline, config, ignore)
        coordinator.stop("at once")
        await coordinator.run(toy_sources(place.inputs, texts))

    asyncio.run(stopped())
    assert place.run(texts).count("done") == 3
    assert place.count("merge") == 6


def test_a_moved_recording_is_recognized_by_its_content(place: Place) -> None:
    # proves: G12 G14
    place.run({"a.txt": "x", "b.txt": "y"})
    results = {path: path.stat().st_mtime_ns for path in place.out.glob("*.up")}
    (place.inputs / "a.txt").rename(place.inputs / "renamed.txt")
    summary = place.run({"renamed.txt": "x", "b.txt": "y"})
    assert {outcome.name for outcome in summary.outcomes} == {"a", "b"}
    assert place.count("merge") == 2, "nothing was made again"
    assert {path: path.stat().st_mtime_ns for path in place.out.glob("*.up")} == results
    assert not any("earlier run" in text for text in (*summary.warnings, *summary.notes))
    again = place.run({"renamed.txt": "x", "b.txt": "y"})
    assert all(outcome.reused for outcome in again.outcomes)


def test_a_copy_is_not_treated_as_a_moved_recording(place: Place) -> None:
    place.run({"a.txt": "x"})
    summary = place.run({"a.txt": "x", "b.txt": "x"})
    assert {outcome.name for outcome in summary.outcomes} == {"a", "b"}
    assert place.text("b") == "X"


def test_recordings_that_are_gone_are_mentioned(place: Place) -> None:
    # proves: G12
    place.run({"a.txt": "x", "bad.txt": "killworker"})
    for name in ("a.txt", "bad.txt"):
        (place.inputs / name).unlink()
    summary = place.run({"c.txt": "z"})
    [warning] = [text for text in summary.warnings if "bad.txt" in text]
    assert "and not finished" in warning
    assert any("a.txt" in text and "results are kept" in text for text in summary.notes)


def test_an_original_changed_between_runs_is_reported_once(place: Place) -> None:
    # proves: G14
    place.run({"a.txt": "x", "bad.txt": "unreadable"})
    summary = place.run({"a.txt": "changed x", "bad.txt": "a good copy"})
    changed = {outcome.name: outcome.changed for outcome in summary.outcomes}
    assert changed["a"][0].startswith("since an earlier run, sha256: ")
    assert changed["bad"] == [], "one that failed was to be replaced"
    again = place.run({"a.txt": "changed x"})
    assert again.outcomes[0].changed == []
    os.utime(place.inputs / "a.txt", ns=(1, 1))
    assert place.run({"a.txt": "changed x"}).outcomes[0].changed == [], "a time alone is no harm"


def test_the_metrics_have_a_line_for_each_batch(place: Place) -> None:
    # proves: G15
    place.run({"a.txt": "x y z", "b.txt": "v w"})
    (file,) = (place.out / ".cache" / "runs").glob("*.jsonl")
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    batches = [line for line in lines if line["event"] == "batch"]
    assert sum(line["items"] for line in batches) == 5
    wanted = {"seconds", "items", "files_done", "files_failed", "items_per_s", "cpu_percent"}
    assert all(wanted <= set(line) for line in batches)


def test_ten_runs_in_a_row_leave_no_descriptor_and_no_process(place: Place) -> None:
    # proves: G9
    import psutil

    # Earlier tests may have left a server of their own (the one that speaks) to this process.
    me, counts = psutil.Process(), []
    before = {child.pid for child in me.children()}
    for number in range(4):
        place.run({f"{number}.txt": f"w{number}"})
        counts.append(me.num_fds())
        assert {child.pid for child in me.children()} <= before
    assert counts[-1] <= counts[0]


def test_a_folder_in_use_is_a_usage_error_and_stays_unchanged(place: Place) -> None:
    # proves: G18
    from reelmill.engine.state.lock import FolderLock

    place.run({"a.txt": "x"})
    lock = FolderLock(place.out / ".cache" / "lock")
    lock.acquire()
    with pytest.raises(UsageError, match="another run"):
        place.run({"a.txt": "x"})
    lock.release()
    assert place.run({"a.txt": "x"}).outcomes[0].reused


def test_unfinished_files_of_a_dead_worker_are_removed_in_the_same_run(place: Place) -> None:
    # proves: G10 G12
    place.run({"a.txt": "x"})
    left = place.out / ".cache" / "artifacts" / ".read.json.1-2.reelmill-part"
    left.touch()
    place.run({"b.txt": "killworker", "c.txt": "y"})
    assert leftovers(place.out) == []
