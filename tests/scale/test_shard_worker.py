"""A worker of shards in this process, on a folder that all share."""

# proves: G16 G17

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from reelmill.core import gate
from reelmill.core.keys import WRITTEN, user_key
from reelmill.core.recording import read_state
from reelmill.engine.state.artifact_store import stage_digest
from reelmill.runs.engine import Engine
from reelmill.runs.gathered import WORKERS, gather_recording
from reelmill.runs.sources import search
from reelmill.scale import shard_worker, worker
from reelmill.scale.claims import Claims
from reelmill.scale.exchange import FolderExchange
from reelmill.scale.executor import RecordingEnded
from reelmill.scale.job import Job
from reelmill.scale.messages import AnyEvent, Place, ShardRecording, ShardTask, Work
from reelmill.scale.roots import Roots
from reelmill.scale.shard_worker import ShardWorker
from reelmill.scale.worker import Feeder, WorkerPlace, folder_of, made_by_workers, worker_run
from tests.engine.toys import toy_pipeline
from tests.scale.cluster import artifacts, wait_until
from tests.scale.test_exchange import meet
from tests.scale.toycluster import toys


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with Engine(device="cpu", workers=2, memory_limit=100) as made:
        yield made


def test_a_full_run_makes_way_for_another_one(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shard_worker, "_MOST_IN_A_RUN", 2)
    seal, roots = user_key().seal, Roots.parse([f"data={tmp_path}"])
    out = tmp_path / "out"
    stages = made_by_workers(toy_pipeline(Path()))
    digests = {one.name: stage_digest(one) for one in stages}
    work = Work("toy", {}, digests, Place("data", "out"))
    events: list[AnyEvent] = []
    made = ShardWorker("one", roots, engine, seal, 20.0, toys(None, 0.0))
    with gate.output(out, "toy", [], seal.key_for(WRITTEN)):
        job = Job(out / gate.CACHE, "job12345678", seal)
        job.open()
        for number in range(3):
            recordings = []
            for name in (f"{number}a.wav", f"{number}b.wav"):
                (tmp_path / name).write_text(f"word {name}")
                recordings.append(ShardRecording(Place("data", name), 12))
            shard = f"shard{number}"
            task = ShardTask(job.name, job.submission, shard, work, recordings)
            assert made.execute(task, lambda *some: events.extend(some)) == "done"
        ended = [event for event in events if isinstance(event, RecordingEnded)]
        assert [event.run for event in ended] == [0, 0, 1, 1, 2, 2]
        for event in ended:
            path = tmp_path / f"{event.shard[-1]}{'ab'[event.index]}.wav"
            state, hashed = read_state(path), event.hashed
            assert hashed is not None and (event.sha256, hashed.md5) == (state.sha256, state.md5)
            folder = folder_of("one", job.name, event.run)
            assert event.sha256 is not None
            assert gather_recording(out / gate.CACHE, folder, event.sha256, seal) == 2
        first = out / gate.CACHE / WORKERS / folder_of("one", job.name, 0)
        wait_until((first / "report.html").exists)
        assert not made.is_busy
        made.stop()
        made.close()
    assert not [one for one in threading.enumerate() if one.name == "reelmill closing"]


def test_a_worker_of_claims_joins_the_one_that_has_a_long_recording(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "_LEAST_SHARED_BYTES", 300)
    folder, out, seal = tmp_path / "calls", tmp_path / "out", user_key().seal
    folder.mkdir()
    (folder / "long.wav").write_text(" ".join(f"word{n}" for n in range(120)))
    (folder / "short.wav").write_text("word")
    sources = search([folder], out).sources
    with gate.output(out, "toy", [], seal.key_for(WRITTEN)):
        feeders, exchanges = [], []
        for name in ("one", "two"):
            place = WorkerPlace(out, name)
            exchange = FolderExchange(
                out / gate.CACHE,
                place.folder / gate.CACHE,
                Claims(place.claims, name, 60.0),
                seal,
            )
            run = worker_run(toys(None, 0.05)("toy"), place.folder, {}, engine, exchange=exchange)
            claims = Claims(place.claims, name, 60.0)
            feeders.append((run.start(), Feeder(run, sources, claims, exchange)))
            exchanges.append(exchange)
        meet(*exchanges)
        threads = [threading.Thread(target=feeder.feed) for _, feeder in feeders]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(120)
        assert all(feeder.all_done() for _, feeder in feeders)
    seen = []
    for run, _ in feeders:
        summary = run.wait(60)
        seen.append(next(one.items for one in summary.stages if one.name == "shout"))
        assert any(Path(one.path).name == "long.wav" for one in summary.outcomes)
        assert summary.count("done") == len(summary.outcomes)
    assert sum(seen) == 121 and min(seen) >= 16, f"divided, nothing twice: {seen}"
    both = [artifacts(run.out) for run, _ in feeders]
    shared = both[0].keys() & both[1].keys()
    assert len(shared) == 2 and all(both[0][one] == both[1][one] for one in shared)
