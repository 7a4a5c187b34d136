"""A worker: one engine, with its models loaded, on the recordings that it claims or was given."""

from __future__ import annotations

import functools
import hashlib
import os
import socket
import threading
import time
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from reelmill.core import gate
from reelmill.core.printable import printable
from reelmill.engine.execution.exchange import Exchange
from reelmill.engine.execution.planning import Source
from reelmill.engine.pipeline import Pipeline
from reelmill.engine.stage import Stage
from reelmill.engine.state.artifact_store import stage_digest
from reelmill.engine.telemetry.events import RecordingFinished
from reelmill.errors import UsageError
from reelmill.pipelines.choices import BuildContext
from reelmill.runs.engine import Engine
from reelmill.runs.gathered import CLAIMS, WORKERS
from reelmill.runs.run import Run
from reelmill.runs.task import Task, task_named
from reelmill.scale.claims import Claims
from reelmill.scale.exchange import FolderExchange
from reelmill.settings import Settings

#: How often claims are renewed in the time of a lease.
_RENEWALS = 6
#: The most and the fewest recordings that a worker claims ahead, and the share of those left that
#: it claims at most: enough for full batches, few enough that no other is idle at the end.
_MOST_AHEAD, _LEAST_AHEAD, _SHARE = 32, 4, 8
_LOOK_EVERY_S = 1.0
#: Smaller recordings are not shared: four minutes of sound as telephones record it.
_LEAST_SHARED_BYTES = 4_000_000
#: The claim of the worker that gathers the results.
GATHERING = "gathering"


@dataclass(frozen=True)
class WorkerPlace:
    """Where a worker works.

    Attributes:
        out: the output folder that the workers share.
        name: of this worker, which no other has.
    """

    out: Path
    name: str

    @property
    def folder(self) -> Path:
        """The worker's own output folder."""
        return self.out / gate.CACHE / WORKERS / self.name

    @property
    def claims(self) -> Path:
        """The folder of all workers' claims."""
        return self.out / gate.CACHE / CLAIMS


def worker_name() -> str:
    """A name for this process that no other worker has, on any machine."""
    return f"{socket.gethostname()}-{os.getpid()}"


def folder_of(worker: str, job: str, number: int) -> str:
    """The name of the folder of a worker's run of a job, the `number`-th counted from 0."""
    return f"{worker}-{job[:8]}" + (f"-{number}" if number else "")


def worker_run(
    task: str | Task,
    folder: Path,
    given: Mapping[str, Any],
    engine: Engine | None = None,
    priority: int = 0,
    exchange: Exchange | None = None,
) -> Run:
    """A run that makes what can be made away from the output folder: everything but the files for
    people, which are named after recordings and are written when the results are gathered.

    Raises:
        UsageError: a setting that does not fit, or no model given by name: workers that choose by
            their own memory would make different results.
    """
    whole = task if isinstance(task, Task) else task_named(task)
    own = {**given, "out": folder, "engine": engine or given.get("engine")}
    if engine is not None and (chosen := given.get("engine")) is not None:  # one name, two things
        settings = whole.settings
        whole = replace(whole, settings=lambda some: settings({**some, "engine": chosen}))
    run = Run(_without_files(whole), priority=priority, **own)
    run.exchange = exchange
    check_model(whole, run.settings)
    return run


def check_model(task: Task, settings: Settings) -> None:
    """Raise UsageError where each worker would choose a model by the memory of its machine."""
    if settings.model is None and task.name in ("voice", "subtitle"):
        raise UsageError(
            "several workers need one model: give --model NAME, because each would otherwise "
            "choose by the memory of its own machine"
        )


def made_by_workers(pipeline: Pipeline) -> list[Stage]:
    """The stages that need not be where the output folder is: all but those that write files for
    people, and those whose results are removed again and are read by these alone."""
    left = [stage for stage in pipeline.stages if not stage.named_outputs]
    while vain := [one for one in left if one.temporary and not _is_read(one, left, pipeline)]:
        left = [stage for stage in left if stage not in vain]
    return left


def _is_read(stage: Stage, by: Sequence[Stage], pipeline: Pipeline) -> bool:
    return any(stage in pipeline.makers(other) for other in by)


def _without_files(task: Task) -> Task:
    def build(context: BuildContext) -> Pipeline:
        whole = task.build(context)
        return Pipeline(whole.name, made_by_workers(whole))

    return replace(task, build=build, aggregate=lambda settings: None)


class Feeder:
    """Feeds a run with recordings that it claims, until all are done by somebody."""

    def __init__(
        self,
        run: Run,
        sources: Iterable[Source],
        claims: Claims,
        exchange: FolderExchange | None = None,
    ) -> None:
        """Prepare to feed.

        Args:
            run: started, and open for recordings.
            sources: all recordings, of which others claim some.
            claims: this worker's.
            exchange: of the run, if workers share long recordings.
        """
        self._run, self._claims, self._exchange = run, claims, exchange
        self._named = {os.path.abspath(one.path): _identity(one) for one in sources}
        self._long = dict.fromkeys(_long(self._named) if exchange is not None else ())
        #: Long recordings of other workers on which this one works too.
        self._joined: set[str] = set()
        self._done = threading.Event()
        self._finished: deque[str] = deque()

    @functools.cached_property
    def work(self) -> str:
        """The identity of the work: other settings are other work."""
        digests = "\n".join(stage_digest(stage) for stage in self._run.pipeline.stages)
        return hashlib.sha256(digests.encode()).hexdigest()[:16]

    def all_done(self) -> bool:
        """Whether every recording was done by some worker."""
        return all(self._claims.state(self._what(path)) == "done" for path in self._named)

    def feed(self) -> None:
        """Claim and add recordings until all are done, here or elsewhere, or the run is over."""
        listener = threading.Thread(target=self._listen, name="reelmill claims", daemon=True)
        listener.start()
        waiting = deque(self._named)
        renewed = time.monotonic()
        while waiting and not self._run.was_stopped and not self._run.is_over:
            waiting = self._round(waiting)
            self._settle()
            self._join(waiting)
            if time.monotonic() - renewed > self._claims.lease_s / _RENEWALS:
                self._claims.renew()
                if self._exchange is not None:
                    self._exchange.renew()
                renewed = time.monotonic()
            self._done.wait(_LOOK_EVERY_S)
            self._done.clear()
        self._run.close()
        self._run.join()
        listener.join()
        self._settle()

    def _round(self, waiting: deque[str]) -> deque[str]:
        """Claim what is free, forget what is done; what remains is looked at again."""
        left: deque[str] = deque()
        ahead = max(_LEAST_AHEAD, min(_MOST_AHEAD, len(waiting) // _SHARE))
        for path in waiting:
            what = self._what(path)
            state = self._claims.state(what)
            if state == "free" and self._claims.held < ahead and self._claims.take(what):
                self._add(path)
                state = "claimed"
            if state != "done":
                left.append(path)
        return left

    def _join(self, waiting: deque[str]) -> None:
        """With nothing else to do, work on the longest recording that another worker has."""
        if self._claims.held or not self._joined.isdisjoint(waiting):
            return
        left = set(waiting)
        for path in self._long:
            if path in left and self._claims.state(self._what(path)) == "claimed":
                self._joined.add(path)
                self._run.note(f"{printable(path)}: this worker takes part")
                self._add(path)
                return

    def _add(self, path: str) -> None:
        if self._exchange is not None and path in self._long:
            self._exchange.share([path])
        self._run.add([path])

    def _settle(self) -> None:
        """Mark as done what has ended here, even if another worker has claimed it."""
        while self._finished:
            self._claims.done(self._what(self._finished.popleft()))

    def _listen(self) -> None:
        for event in self._run.events():
            if isinstance(event, RecordingFinished):
                self._finished.append(event.outcome.path)
                self._done.set()

    def _what(self, path: str) -> str:
        return f"{self.work}\n{self._named[path]}"


def _identity(source: Source) -> str:
    """A recording by name, size and time: where a folder is mounted differs between machines."""
    try:
        facts = source.path.stat()
    except OSError:
        return f"{source.wanted_name}{source.path.suffix}"
    named = f"{source.wanted_name}{source.path.suffix}"
    return f"{named}\n{facts.st_size}\n{facts.st_mtime_ns}"


def _long(paths: Iterable[str]) -> list[str]:
    """Recordings that several workers may share, the largest first. Their size stands for the work
    in them, as everywhere with claims; nobody reads headers of files of others."""
    sizes = {path: _size(path) for path in paths}
    long = [path for path, size in sizes.items() if size >= _LEAST_SHARED_BYTES]
    return sorted(long, key=lambda path: (-sizes[path], path))


def _size(path: str) -> int:
    try:
        return Path(path).stat().st_size
    except OSError:
        return 0
