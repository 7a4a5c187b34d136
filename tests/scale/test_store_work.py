"""A worker on a store: what it trusts, what it reuses, what it leaves."""

# proves: G16 G17

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import fsspec
import pytest

from reelmill.core.keys import Seal, user_key
from reelmill.engine.state.artifact_store import stage_digest
from reelmill.runs.engine import Engine
from reelmill.scale.executor import (
    RecordingEnded,
    RecordingMissed,
    ResultRefused,
    ShardFailed,
    ShardLost,
)
from reelmill.scale.job import Job
from reelmill.scale.messages import AnyEvent, Place, ShardRecording, ShardTask, Work
from reelmill.scale.roots import Roots
from reelmill.scale.shard_worker import Ending, ShardWorker
from reelmill.scale.store import ObjectStore, StoreError, StoreFullError
from reelmill.scale.store_work import StoreSide
from reelmill.scale.stored import card_object, recording_place
from reelmill.scale.worker import made_by_workers
from tests.engine.toys import toy_pipeline
from tests.scale.toycluster import toys


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with Engine(device="cpu", workers=1, memory_limit=100) as made:
        yield made


class Yard:
    """A store in memory, a job on it, and workers in this process."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        self.engine, self.folder = engine, folder
        self.seal: Seal = user_key().seal
        self.store = ObjectStore(f"memory://{folder.name}")
        self.files: Any = fsspec.filesystem("memory")
        self.root = f"/{folder.name}"
        self.log = folder / "toys.log"
        self.log.touch()
        self.workers: list[ShardWorker] = []
        self.job = Job(
            folder / "jobs", "job1", self.seal,
            publish=lambda card: self.store.write(card_object("job1"), card),
        )  # fmt: skip

    def worker(self) -> ShardWorker:
        name = f"worker{len(self.workers)}"
        side = StoreSide(self.store, name, Roots({}), self.seal, 2.0)
        made = ShardWorker(name, Roots({}), self.engine, self.seal, 2.0, toys(self.log, 0.0), side)
        self.workers.append(made)
        return made

    def shard(self, texts: dict[str, str], *, send: bool = True) -> ShardTask:
        """A shard of recordings, which are in the store unless they are to be sent later."""
        recordings = []
        for text in texts.values():
            data = text.encode()
            sha256 = hashlib.sha256(data).hexdigest()
            recordings.append(ShardRecording(recording_place(sha256, ".wav"), len(data), sha256))
            if send:
                self.store.write(recordings[-1].place.path, data)
        stages = made_by_workers(toy_pipeline(Path()))
        work = Work("toy", {}, {one.name: stage_digest(one) for one in stages}, None)
        self.job.open()
        return ShardTask("job1", self.job.submission, "shard1", work, recordings)

    def execute(
        self, task: ShardTask, worker: ShardWorker | None = None
    ) -> tuple[Ending, list[AnyEvent]]:
        events: list[AnyEvent] = []
        ending = (worker or self.worker()).execute(task, lambda *some: events.extend(some))
        return ending, events

    def objects(self, prefix: str) -> dict[str, bytes]:
        return {
            path: self.files.cat_file(path) for path in self.files.find(f"{self.root}/{prefix}")
        }

    def reads(self) -> int:
        return self.log.read_text().count("read ")

    def close(self) -> None:
        for worker in self.workers:
            worker.stop()
            worker.close()


@pytest.fixture
def yard(engine: Engine, tmp_path: Path) -> Iterator[Yard]:
    made = Yard(engine, tmp_path)
    yield made
    made.close()


def of_kind(events: list[AnyEvent], kind: type[Any]) -> list[Any]:
    return [event for event in events if isinstance(event, kind)]


def left_by(yard: Yard) -> list[Path]:
    folders = [worker.side.scratch.folder for worker in yard.workers if worker.side]
    return [path for folder in folders for path in folder.rglob("*.wav")]


def test_a_shard_that_comes_again_is_not_worked_on_again(yard: Yard) -> None:
    task = yard.shard({"a": "one two", "b": "three", "bad": "unreadable"})
    ending, events = yard.execute(task)
    ended = of_kind(events, RecordingEnded)
    assert ending == "done" and sorted(one.index for one in ended) == [0, 1, 2]
    failure = next(one.failure for one in ended if one.index == 2)
    assert failure is not None
    assert failure.message.startswith(f"{task.recordings[2].place.path}: unreadable on purpose")
    assert len(yard.objects("artifacts")) == 4, "two stages of two recordings"
    assert not any(b"/scratch/" in data for data in yard.objects("artifacts").values())
    assert left_by(yard) == [], "recordings are removed as soon as they have ended"
    assert not list(yard.workers[0].side.scratch.folder.rglob("*-????????????????.json"))
    reads, again = yard.reads(), yard.execute(task)
    assert again[0] == "done" and yard.reads() == reads
    told = [(one.index, one.sha256, one.failure) for one in of_kind(again[1], RecordingEnded)]
    assert sorted(told) == sorted((one.index, one.sha256, one.failure) for one in ended)
    yard.close()
    assert not any(worker.side.scratch.folder.exists() for worker in yard.workers)


def test_two_workers_with_the_same_shard_make_the_same(yard: Yard) -> None:
    task = yard.shard({f"c{n}": f"call {n} step" for n in range(4)})
    results: list[Any] = []
    workers = [yard.worker(), yard.worker()]
    threads = [
        threading.Thread(target=lambda one=one: results.append(yard.execute(task, one)))
        for one in workers
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [ending for ending, _ in results] == ["done", "done"]
    for _, events in results:
        assert sorted(one.index for one in of_kind(events, RecordingEnded)) == [0, 1, 2, 3]
    before = yard.objects("artifacts")
    assert len(before) == 8
    yard.execute(replace(task, submission=other_submission(yard)))
    assert yard.objects("artifacts") == before, "the same bytes, whoever writes them"


def other_submission(yard: Yard) -> str:
    yard.job.close()
    yard.job.open()
    return yard.job.submission


def test_what_another_worker_made_is_used_and_what_is_damaged_is_made_again(yard: Yard) -> None:
    task = yard.shard({"a": "one two", "b": "three four"})
    yard.execute(task)
    before, reads = yard.objects("artifacts"), yard.reads()
    changed, forged = sorted(path for path in before if "/read-" in path)
    yard.files.pipe_file(changed, before[changed][:-20])
    yard.files.pipe_file(forged, before[forged].replace(b"four", b"five"))
    again = replace(task, submission=other_submission(yard))
    ending, events = yard.execute(again)
    refused = of_kind(events, ResultRefused)
    assert ending == "done" and len(refused) == 2
    assert all("not made with your key, or changed since" in one.reason for one in refused)
    assert yard.reads() == reads, "what was made from them is whole, and nothing else is needed"
    for path in before:
        if "/shout-" in path:
            yard.files.rm_file(path)
    third = replace(task, submission=other_submission(yard))
    assert yard.execute(third)[0] == "done"
    assert yard.reads() == reads + 2
    assert yard.objects("artifacts") == before, "made again, byte for byte"


def test_a_recording_that_comes_late_or_damaged_is_asked_for_and_checked(yard: Yard) -> None:
    task = yard.shard({"late": "late words", "altered": "right words"}, send=False)
    late, altered = (one.place.path for one in task.recordings)
    yard.store.write(altered, b"wrong words")
    events: list[AnyEvent] = []
    thread = threading.Thread(
        target=lambda: yard.worker().execute(task, lambda *some: events.extend(some))
    )
    thread.start()
    wait_for(lambda: any(one.index == 0 for one in of_kind(events, RecordingMissed)))
    yard.store.write(late, b"late words")
    wait_for(lambda: any(one.damage for one in of_kind(events, RecordingMissed)))
    assert of_kind(events, RecordingMissed)[-1].damage.startswith("its content is not the one")
    yard.store.write(altered, b"right words")
    thread.join(60)
    assert sorted(one.index for one in of_kind(events, RecordingEnded)) == [0, 1]
    assert b"WRONG" not in b"".join(yard.objects("artifacts").values())


def wait_for(condition: Callable[[], object]) -> None:
    until = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.02)


def test_a_store_without_room_ends_the_job_and_one_that_is_gone_gives_the_shard_back(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = yard.shard({"a": "one"})

    def fail(error: Exception) -> None:
        def write(name: str, data: bytes) -> None:
            raise error

        monkeypatch.setattr(yard.store, "write", write)

    fail(StoreError("the store memory://x cannot be used"))
    worker = yard.worker()
    ending, events = yard.execute(task, worker)
    assert ending == "given back" and "cannot be used" in of_kind(events, ShardLost)[0].reason
    fail(StoreFullError("the store memory://x is full: make room"))
    ending, events = yard.execute(task, worker)
    assert ending == "refused" and "make room" in of_kind(events, ShardFailed)[0].reason
    monkeypatch.undo()
    ending, events = yard.execute(task, worker)
    assert ending == "done" and len(of_kind(events, RecordingEnded)) == 1
    assert len(yard.objects("artifacts")) == 2, "also what could not be put before"


def test_a_job_of_another_store_is_given_back_and_a_cancelled_one_is_dropped(yard: Yard) -> None:
    task = yard.shard({"a": "one"})
    yard.job.cancel()
    assert yard.execute(task) == ("dropped", [])
    ending, events = yard.execute(replace(task, job="elsewhere"))
    assert ending == "given back"
    assert "knows nothing of this job" in of_kind(events, ShardLost)[0].reason


@pytest.mark.parametrize("path", ["recordings/00/x.wav", "jobs/job1/card.json", "artifacts/a.json"])
def test_a_recording_that_is_not_named_by_its_content_is_refused(yard: Yard, path: str) -> None:
    task = yard.shard({"a": "one"})
    wrong = replace(task.recordings[0], place=Place("store", path))
    ending, events = yard.execute(replace(task, recordings=[wrong]))
    assert ending == "refused"
    assert "not a recording by its content" in of_kind(events, ShardFailed)[0].reason


def test_what_a_worker_that_was_killed_left_is_removed(yard: Yard) -> None:
    left = yard.worker().side.scratch.folder.parent / "killed-1"
    (left / "run1.in").mkdir(parents=True)
    (left / "run1.in" / "call.wav").write_text("sound")
    yard.worker()
    assert not left.exists()
    assert yard.workers[0].side.scratch.folder.exists(), "not that of one that lives"
