"""Executes shards with one engine, whoever sends them: Celery, Ray.

The run of a job is kept open while shards of it come, so that batches fill across shards and
models stay loaded. What it makes goes to a folder of its own below the output folder's cache, where
the submitter finds it.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, Protocol

from reelmill.core.keys import Seal
from reelmill.engine.state.artifact_store import stage_digest
from reelmill.errors import ReelmillError, describe
from reelmill.runs.engine import Engine
from reelmill.runs.task import Task, task_named
from reelmill.scale.executor import (
    Hashed,
    RecordingEnded,
    ShardDone,
    ShardFailed,
    ShardLost,
    ShardProgressed,
    ShardStarted,
)
from reelmill.scale.messages import AnyEvent, MessageError, ShardTask, shortened_reason
from reelmill.scale.open_work import OpenWork
from reelmill.scale.roots import Roots
from reelmill.scale.store import StoreError, StoreFullError
from reelmill.scale.store_work import StoreSide
from reelmill.scale.worker import worker_run
from reelmill.scale.workplace import SharedFolder, Workplace

_log = logging.getLogger(__name__)

#: How a shard ended here: all its recordings ended; nobody can do it; somebody else is to do it;
#: nobody wants it any more, or somebody else is doing it.
Ending = Literal["done", "refused", "given back", "dropped"]


class Report(Protocol):
    """Tells the submitter what happened, in one message."""

    def __call__(self, *events: AnyEvent) -> None:
        """Tell it of at least one event."""


#: How often a worker gives a sign of life in the time of a lease.
_SIGNS = 6
#: How often it looks whether its job was cancelled, and tells which recordings have ended: all in
#: one message.
_LOOK_EVERY_S = 0.5
#: The same while recordings are being fetched.
_COMING_S = 0.1
#: How long it waits before it gives back what it cannot do, so that others take it first.
_HESITATION_S = 2.0
#: How long the run of a job stays open without a shard.
_IDLE_S = 60.0
#: With so many recordings, a run takes no further shards and another one begins: a run remembers
#: each of its recordings until its reports are written.
_MOST_IN_A_RUN = 500


@dataclass
class ShardWorker:
    """A worker.

    Attributes:
        name: which no other worker has.
        roots: the folders below which it reads and writes.
        engine: open; shared by all shards.
        seal: of the key that it shares with submitters.
        lease_s: a worker that gave no sign of life for so long is gone.
        tasks: the tasks by name.
        side: of the store, for jobs that have one.
    """

    name: str
    roots: Roots
    engine: Engine
    seal: Seal
    lease_s: float = 120.0
    tasks: Callable[[str], Task] = task_named
    side: StoreSide | None = None
    _works: dict[str, OpenWork] = field(default_factory=dict)
    #: Runs that take no further shards, but have some in work.
    _full: list[OpenWork] = field(default_factory=list)
    #: Of runs that are being closed.
    _closing: list[threading.Thread] = field(default_factory=list)
    _guard: threading.Lock = field(default_factory=threading.Lock)
    _stopping: threading.Event = field(default_factory=threading.Event)
    _active: int = 0
    _janitor: threading.Thread | None = None

    def execute(
        self, task: ShardTask, report: Report, alive: Callable[[], None] = lambda: None
    ) -> Ending:
        """Execute a shard. Several threads may do so at the same time.

        Args:
            task: checked.
            report: tells the submitter.
            alive: called several times in the time of a lease, while the shard is worked on.
        """
        if self._stopping.is_set():
            return "given back"
        try:
            place = self._workplace(task)
        except MessageError as error:
            _log.error("shard %s of job %s refused: %s", task.shard, task.job, error)
            return self._refuse(task, str(error), report)
        with self._guard:
            self._active += 1
        try:
            with place.opened():
                return self._execute(task, place, report, alive)
        except StoreError as error:
            return self._give_back(task, str(error), report)
        finally:
            with self._guard:
                self._active -= 1

    @property
    def is_stopping(self) -> bool:
        """Whether `stop` was called."""
        return self._stopping.is_set()

    @property
    def is_busy(self) -> bool:
        """Whether a shard is in work."""
        return self._active > 0

    def stop(self) -> None:
        """Give all shards back. Work in progress has a few seconds to finish."""
        self._stopping.set()
        with self._guard:
            works = [*self._works.values(), *self._full]
        for work in works:
            work.run.stop("the worker was stopped")

    def close(self) -> None:
        """Close the runs of all jobs and wait until they have ended."""
        with self._guard:
            works, closing = [*self._works.values(), *self._full], self._closing
            self._works, self._full, self._closing = {}, [], []
        for work in works:
            work.close()
        for thread in closing:
            thread.join()
        if self.side is not None:
            self.side.close()

    # -- one shard

    def _execute(
        self, task: ShardTask, place: Workplace, report: Report, alive: Callable[[], None]
    ) -> Ending:
        if not place.is_wanted():
            _log.info("shard %s of job %s dropped: cancelled or over", task.shard, task.job)
            return "dropped"
        if not place.claim(self._stopping):
            if place.is_done:
                report(ShardDone(task.shard, self.name))
            return "dropped"
        ending: Ending = "given back"
        try:
            report(ShardStarted(task.shard, self.name, str(self.engine.choice.devices[0])))
            ending = self._with_run(task, place, report, alive)
            return ending
        finally:
            place.release(done=ending == "done")

    def _with_run(
        self, task: ShardTask, place: Workplace, report: Report, alive: Callable[[], None]
    ) -> Ending:
        try:
            work = self._work(task, place)
            try:
                ending = self._work_on(task, place, work, report, alive)
            finally:
                self._leave(work)
        except StoreFullError as error:
            return self._refuse(task, str(error), report)
        except ReelmillError as error:
            return self._give_back(task, str(error), report)
        except Exception as error:  # noqa: BLE001 (our own fault; the worker serves others)
            _log.exception("shard %s of job %s: internal error", task.shard, task.job)
            return self._give_back(task, describe(error), report)
        if ending == "done":
            seconds, media = work.costs()
            report(ShardDone(task.shard, self.name, seconds, media))
        return ending

    def _work_on(
        self,
        task: ShardTask,
        place: Workplace,
        work: OpenWork,
        report: Report,
        alive: Callable[[], None],
    ) -> Ending:
        place.begin(work)
        left: dict[str, int] = {}
        signed, done = 0.0, 0
        while True:
            is_all_there = place.is_all_there  # before what has arrived is taken
            if arrived := place.arrived():
                left |= arrived
                work.add(list(arrived))
            ended = {path: left.pop(path) for path in [one for one in left if one in work.ended]}
            events = list(place.told())
            for path, at in ended.items():
                events.append(place.ended(self._ended(task, work, at, path), path))
            if events:
                done += sum(isinstance(event, RecordingEnded) for event in events)
                report(*events)
            if is_all_there and not left:
                return "done"
            if not place.is_wanted():
                work.run.stop("the job was cancelled")
                work.run.join()
                return self._give_back(task, "cancelled", report)
            if work.run.is_over:
                return self._give_back(task, work.why_it_ended(), report)
            if time.monotonic() - signed > self.lease_s / _SIGNS:
                signed = time.monotonic()
                place.renew()
                alive()
                report(ShardProgressed(task.shard, self.name, done))
            work.wait(left, _LOOK_EVERY_S if is_all_there else _COMING_S)

    def _ended(self, task: ShardTask, work: OpenWork, at: int, path: str) -> RecordingEnded:
        outcome = work.ended[path]
        before, hashed_at = work.run.original_of(path)
        return RecordingEnded(
            task.shard,
            self.name,
            at,
            None if before is None else before.sha256,
            outcome.media_seconds,
            outcome.seconds,
            outcome.failure,
            work.number,
            None if before is None else Hashed(before.md5, before.size, before.mtime_ns, hashed_at),
        )

    def _give_back(self, task: ShardTask, reason: str, report: Report) -> Ending:
        _log.warning("shard %s of job %s given back: %s", task.shard, task.job, reason)
        self._stopping.wait(_HESITATION_S if reason != "cancelled" else 0)
        report(ShardLost(task.shard, self.name, shortened_reason(reason)))
        return "dropped" if reason == "cancelled" else "given back"

    def _refuse(self, task: ShardTask, reason: str, report: Report) -> Ending:
        report(ShardFailed(task.shard, self.name, shortened_reason(f"{self.name}: {reason}")))
        return "refused"

    # -- its job

    def _workplace(self, task: ShardTask) -> Workplace:
        """Raises MessageError where a path leads out of the roots."""
        if task.work.out is None and self.side is not None:
            return self.side.workplace(task)
        return SharedFolder(task, self.roots, self.name, self.seal, self.lease_s)

    def _work(self, task: ShardTask, place: Workplace) -> OpenWork:
        """The open run of the shard's job.

        Raises:
            ReelmillError: this worker cannot do it, or would make other results.
        """
        with self._guard:
            work = self._works.get(task.job)
            number = 0 if work is None else work.number
            if work is not None and (work.run.is_over or work.run.was_stopped):
                self._close_aside(work)
                work = None
            elif work is not None and work.taken >= _MOST_IN_A_RUN:
                self._full.append(work)
                self._close_full()
                work, number = None, number + 1
            if work is None:
                work = self._works[task.job] = self._begun(task, place, number)
            work.enter(len(task.recordings))
            return work

    def _begun(self, task: ShardTask, place: Workplace, number: int) -> OpenWork:
        given = {**task.work.settings, "claim_lease": self.lease_s}
        whole = self.tasks(task.work.task)
        folder, exchange = place.new_folder(number), place.new_exchange(number)
        run = worker_run(whole, folder, given, self.engine, task.work.priority, exchange)
        run.start()
        digests = {stage.name: stage_digest(stage) for stage in run.pipeline.stages}
        if digests != task.work.digests:
            run.stop("other results would be made")
            run.join()
            raise MessageError(_difference(digests, task.work.digests))
        return place.begun(run, exchange, number)

    def _leave(self, work: OpenWork) -> None:
        """A shard no longer needs the run, which is closed when none has needed it for a while, or
        at once when it takes no further ones."""
        with self._guard:
            work.leave()
            self._close_full()
            if self._janitor is None:
                self._janitor = threading.Thread(target=self._close_idle, daemon=True)
                self._janitor.start()

    def _close_full(self) -> None:
        """Close runs that take no further shards and have none in work."""
        for work in [one for one in self._full if one.is_idle(0)]:
            self._full.remove(work)
            self._close_aside(work)

    def _close_aside(self, work: OpenWork) -> None:
        """Close a run in a thread of its own: it writes its reports first."""
        self._closing = [thread for thread in self._closing if thread.is_alive()]
        thread = threading.Thread(target=work.close, name="reelmill closing", daemon=True)
        self._closing.append(thread)
        thread.start()

    def _close_idle(self) -> None:
        while not self._stopping.wait(_IDLE_S / 4):
            with self._guard:
                idle = {job: work for job, work in self._works.items() if work.is_idle(_IDLE_S)}
                for job in idle:
                    del self._works[job]
            for work in idle.values():
                work.close()


def _difference(here: dict[str, str], wanted: dict[str, str]) -> str:
    """Why the results of two machines would differ."""
    names = sorted(
        name for name in here.keys() | wanted.keys() if here.get(name) != wanted.get(name)
    )
    return (
        f"other results would be made here ({', '.join(names)}): the version of Reelmill, a model "
        "or a setting of the environment differs from the submitter's"
    )
