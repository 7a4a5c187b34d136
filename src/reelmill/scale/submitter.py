"""The submitter: gives the recordings of a run to workers, and gathers what they make.

The run itself holds all recordings. As soon as a worker has ended one, its results are brought into
the output folder's cache and the recording is released: the run then finds everything done, writes
the files for people and reports it like any other.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from reelmill.core import gate
from reelmill.core.keys import Seal, user_key
from reelmill.core.paths import user_cache
from reelmill.core.printable import printable
from reelmill.core.recording import FileState
from reelmill.engine.execution.planning import Elsewhere
from reelmill.engine.resources.stage_costs import StageCosts
from reelmill.engine.stage import Stage
from reelmill.engine.state.artifact_store import stage_digest
from reelmill.engine.telemetry.events import StageKept
from reelmill.engine.telemetry.metrics import Table
from reelmill.errors import NotOursError, UsageError
from reelmill.report.wording import count
from reelmill.runs.run import Run
from reelmill.scale.costs import Estimate, estimate
from reelmill.scale.exchange import remove_portions
from reelmill.scale.executor import (
    Executor,
    RecordingEnded,
    RecordingMissed,
    ResultRefused,
    ShardDone,
    ShardFailed,
    ShardLost,
    ShardStarted,
)
from reelmill.scale.handover import Handover
from reelmill.scale.job import Job
from reelmill.scale.messages import TRAVELLING, AnyEvent, Place, ShardRecording, ShardTask, Work
from reelmill.scale.shards import grouped, shares
from reelmill.scale.store import StoreError
from reelmill.scale.worker import made_by_workers

#: How often it looks whether the run was stopped.
_LOOK_EVERY_S = 0.25
_COSTS = "stage_costs.json"


@dataclass
class _WorkerTotals:
    """What one worker did, for the table in the report."""

    device: str = ""
    done: int = 0
    failed: int = 0
    media_seconds: float = 0.0
    seconds: float = 0.0


@dataclass
class Submitter:
    """Feeds a run by other engines.

    Attributes:
        run: started with `held`.
        executor: reaches the workers.
        handover: how workers get recordings, and their results come here.
        priority: of the job.
    """

    run: Run
    executor: Executor
    handover: Handover
    priority: int = 0
    seal: Seal = field(default_factory=lambda: user_key().seal)
    _tasks: dict[str, ShardTask] = field(default_factory=dict)
    _ended: dict[str, set[int]] = field(default_factory=dict)
    _workers: dict[str, _WorkerTotals] = field(default_factory=dict)
    #: Of recordings by place: several where copies are one object.
    _paths: dict[Place, list[str]] = field(default_factory=dict)
    #: Shared recordings that a worker has ended.
    _over: set[Place] = field(default_factory=set)
    #: Paths of recordings that no worker could get, and of others, of which results were made here.
    _kept_here: set[str] = field(default_factory=set)
    _made_here: dict[str, int] = field(default_factory=dict)
    _is_over: threading.Event = field(default_factory=threading.Event)

    def feed(self) -> None:
        """Submit what is to be done, and release recordings as workers end them, until all have
        ended or the run is stopped.

        Raises:
            UsageError: recordings or results are not below a root, or the workers cannot be
                reached.
        """
        with self.run.feeding(), contextlib.closing(self.handover):
            self._feed()

    def _feed(self) -> None:
        work = self._work()
        self.run.on_kept = partial(self._kept, {one.name for one in _handed_over(self.run)})
        self.run.on_done = self._tell_of_what_was_missing
        name = self._job_name(work)
        publish = partial(self.handover.publish, name)
        job = Job(self.run.out / gate.CACHE, name, self.seal, publish=publish)
        sent = self._shards(work, job, self.run.held())
        costs = StageCosts(user_cache() / _COSTS)
        canceller = threading.Thread(target=self._cancel_when_stopped, args=[job], daemon=True)
        canceller.start()
        self.handover.begin(list(self._tasks.values()))
        try:
            for event in self.executor.submit(list(self._tasks.values()), sent):
                self._heard(event, job, costs)
        finally:
            self._is_over.set()
            canceller.join()
            self.run.workers = self._table()
            costs.save()
        if not self.run.was_stopped:
            with contextlib.suppress(StoreError):  # all is done: nobody will ask
                job.close()
            remove_portions(self.run.out / gate.CACHE)
            for path in self.run.held():  # what no worker can be told of is done here
                self._kept_here.add(path)
                self.run.release(path)

    # -- what is to be done

    def _work(self) -> Work:
        settings = self.run.settings
        chosen = settings.model_dump(mode="json", include=settings.model_fields_set & TRAVELLING)
        digests = {one.name: stage_digest(one) for one in made_by_workers(self.run.pipeline)}
        given = {name: value for name, value in chosen.items() if value is not None}
        _check_named(given)
        return Work(self.run.task_name, given, digests, self.handover.out(), self.priority)

    def _job_name(self, work: Work) -> str:
        """The same for the same work, so that a submitter begun again finds it. The priority may
        change meanwhile."""
        text = "\n".join([self.handover.identity, work.task, *sorted(work.digests.values())])
        return hashlib.sha256(os.fsencode(text)).hexdigest()[:16]

    def _shards(self, work: Work, job: Job, held: Sequence[str]) -> set[str]:
        """Prepare the shards; returns those that an earlier submitter has sent."""
        placed = self.handover.placed(held)
        self._kept_here = set(held) - placed.keys()
        self._paths = {}
        for path, one in placed.items():
            self._paths.setdefault(one.place, []).append(path)
        before = job.open()
        self._tasks = {task.shard: task for task in before}
        sent = set(self._tasks)
        if sent:
            self.run.note(f"{count(len(sent), 'shard')} of an earlier command are with the workers")
        known = {one.place for task in before for one in task.recordings}
        new = {
            paths[0]: placed[paths[0]] for place, paths in self._paths.items() if place not in known
        }
        expected = estimate(
            [Path(path) for path in new],
            work.digests.values(),
            StageCosts(user_cache() / _COSTS),
        )
        for note in expected.notes if new else ():
            self.run.note(note)
        added = self._divided(work, job, list(new.values()), expected)
        job.add(added)
        self._tasks |= {task.shard: task for task in added}
        self.run.note(
            f"{count(len(new), 'recording')} in {count(len(added), 'shard')} for workers reached "
            f"by {self.executor.name}"
        )
        return sent

    def _divided(
        self, work: Work, job: Job, recordings: Sequence[ShardRecording], expected: Estimate
    ) -> list[ShardTask]:
        """Recordings in shards. Those that workers share are in several, the first of which comes
        first as it would anyhow, and the others last: workers join when nothing else is left."""
        counts = shares(expected.seconds, is_measured=expected.is_measured)
        if work.out is None:  # workers that see no common folder have nowhere to exchange anything
            counts = [1] * len(counts)

        def shard(group: Sequence[int], share: int | None = None) -> ShardTask:
            some = [recordings[at] for at in group]
            cost = round(sum(expected.seconds[at] for at in group), 3)
            name = _shard_name(some, share)
            return ShardTask(job.name, job.submission, name, work, some, cost, share=share)

        shared = [at for at, many in enumerate(counts) if many > 1]
        shared.sort(key=lambda at: -expected.seconds[at])
        whole = [at for at, many in enumerate(counts) if many == 1]
        groups = grouped([expected.seconds[at] for at in whole])
        first = [shard([at], 0) for at in shared]
        first += [shard([whole[at] for at in group]) for group in groups]
        if shared:
            self.run.note(
                f"several workers work on {count(len(shared), 'long recording')} at the same time"
            )
        return first + [shard([at], share) for at in shared for share in range(1, counts[at])]

    # -- what happens

    def _heard(self, event: AnyEvent, job: Job, costs: StageCosts) -> None:
        task = self._tasks.get(event.shard)
        if task is None:
            return
        match event:
            case ShardStarted(_, worker, device):
                if worker not in self._workers:
                    self.run.note(f"worker {worker} takes part ({device})")
                    self._workers[worker] = _WorkerTotals(device)
            case RecordingEnded():
                self._recording_ended(event, task)
                self._end_shares(task, job, but=task.shard)
            case RecordingMissed():
                if event.index < len(task.recordings):
                    self.handover.missed(event, task)
            case ResultRefused(_, worker, reason):
                self.run.warn(f"worker {worker}: {reason}; it is made again")
            case ShardDone():
                costs.learn(event.stage_seconds, event.media_seconds)
                self._release_all(task)
                job.done(task.shard)
                self._end_shares(task, job)
                del self._tasks[task.shard]
            case ShardLost(_, worker, reason):
                if not self.run.was_stopped:
                    self.run.warn(f"worker {worker}: {reason}; its shard goes to another worker")
            case ShardFailed(_, _, reason):
                self.run.stop(f"no worker can do this: {reason}")

    def _recording_ended(self, event: RecordingEnded, task: ShardTask) -> None:
        ended = self._ended.setdefault(task.shard, set())
        if event.index >= len(task.recordings) or event.index in ended:
            return
        if task.recordings[event.index].place in self._over:
            return
        ended.add(event.index)
        totals = self._workers.setdefault(event.worker, _WorkerTotals())
        totals.done += event.failure is None
        totals.failed += event.failure is not None
        totals.media_seconds += event.media_seconds or 0.0
        totals.seconds += event.seconds
        recording = task.recordings[event.index]
        if paths := self._paths.get(recording.place):
            self.handover.gather(event, task, paths[0])
        self._release(recording, _elsewhere(event))

    def _release_all(self, task: ShardTask) -> None:
        """Release what is left of a shard that is done: what became of it was told to an earlier
        submitter, or was lost on the way."""
        ended = self._ended.pop(task.shard, set())
        for at, recording in enumerate(task.recordings):
            if at not in ended:
                self._release(recording, Elsewhere())

    def _end_shares(self, task: ShardTask, job: Job, but: str = "") -> None:
        """One worker has ended a recording that several share: nobody needs the other shards. Those
        who work on them find all results, and end too."""
        if task.share is None or task.recordings[0].place in self._over:
            return
        self._over.add(task.recordings[0].place)
        for other in self._tasks.values():
            if other.share is not None and other.recordings == task.recordings:
                job.done(other.shard)
                if other.shard != but:
                    self.executor.forget(other.shard)

    def _release(self, recording: ShardRecording, elsewhere: Elsewhere) -> None:
        there, failure = self.handover.there(recording.place), elsewhere.failure
        for path in self._paths.pop(recording.place, ()):
            if failure is not None:
                message = _here(failure.message, there, path)
                elsewhere = replace(elsewhere, failure=replace(failure, message=message))
            self.run.release(path, elsewhere)

    def _kept(self, handed_over: Set[str], kept: StageKept) -> None:
        """The run has a result: count it if a worker was to make it."""
        path = str(kept.recording.path)
        if kept.stage in handed_over and not kept.is_adopted and path not in self._kept_here:
            self._made_here[path] = self._made_here.get(path, 0) + 1

    def _tell_of_what_was_missing(self) -> None:
        if self._made_here and not self.run.was_stopped:
            results, first = sum(self._made_here.values()), min(self._made_here)
            self.run.warn(
                f"{count(results, 'result')} of {count(len(self._made_here), 'recording')} were "
                f"not found where workers were to leave them, and were made here (first: "
                f"{printable(first)}); do all machines see the same folder or store?"
            )

    def _cancel_when_stopped(self, job: Job) -> None:
        """Cancel the job when the run is stopped, and leave when it is stopped again."""
        is_cancelled = False
        while not self._is_over.wait(_LOOK_EVERY_S):
            if self.run.was_stopped and not is_cancelled:
                is_cancelled = True
                with contextlib.suppress(OSError, NotOursError, StoreError):
                    job.cancel()
                self.executor.cancel()
            if self.run.is_stopped_at_once:
                self.executor.cancel()
                return

    def _table(self) -> Table | None:
        rows: list[list[str | list[str]]] = [
            [printable(name), one.device, f"{one.done:,}", f"{one.failed:,}",
             f"{one.media_seconds / 3600:.2f}"]
            for name, one in sorted(self._workers.items())
        ]  # fmt: skip
        columns = ["Worker", "Device", "Done", "Failed", "Hours of recording"]
        return Table("Workers", columns, rows) if rows else None


def _handed_over(run: Run) -> list[Stage]:
    """The stages whose results come from workers."""
    return [stage for stage in made_by_workers(run.pipeline) if not stage.temporary]


def _elsewhere(event: RecordingEnded) -> Elsewhere:
    """What a worker did for a recording, as the engine takes it."""
    hashed = event.hashed
    if event.sha256 is None or hashed is None:
        return Elsewhere(event.seconds, event.failure)
    before = FileState(event.sha256, hashed.md5, hashed.size, hashed.mtime_ns)
    return Elsewhere(event.seconds, event.failure, before, hashed.at)


def _here(message: str, there: str, path: str) -> str:
    """A worker's message about a file with the name that the file has here."""
    return message.replace(there, path)


def _shard_name(recordings: Sequence[ShardRecording], share: int | None) -> str:
    text = "\n".join(f"{one.place.root}/{one.place.path} {one.size}" for one in recordings)
    text += "" if share is None else f"\nshare {share}"
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _check_named(settings: Mapping[str, Any]) -> None:
    """Raise UsageError for a model given as a folder or file of this machine."""
    for name, value in settings.items():
        if name == "model" or name.endswith(("_model", "_encoder", "_segmentation")):
            given = str(value)
            if os.path.exists(given) or given.startswith(("/", "~", ".")):
                raise UsageError(
                    f"--{name.replace('_', '-')} {given}: a path of this machine means nothing to "
                    "workers; name a model that they can download, or have under this name"
                )
