"""A run: a task on recordings, executed in its own thread."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import math
import os
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any

from reelmill.artifacts import ExportedFile
from reelmill.core import gate
from reelmill.core.keys import user_key
from reelmill.core.notices import announce, heard_by
from reelmill.core.recording import FileState
from reelmill.engine.config import EngineConfig
from reelmill.engine.execution.coordinator import Coordinator
from reelmill.engine.execution.exchange import Exchange
from reelmill.engine.execution.planning import (
    DONE_HERE,
    Elsewhere,
    Job,
    Keys,
    Source,
    artifact_paths,
    found_in,
)
from reelmill.engine.pipeline import Pipeline
from reelmill.engine.process.early import EarlyWorkers
from reelmill.engine.resources.devices import DeviceChoice, choose_devices
from reelmill.engine.resources.monitor import NvmlDevices
from reelmill.engine.stage import ModelStage
from reelmill.engine.state.lock import FolderLock
from reelmill.engine.telemetry.events import (
    Detail,
    Event,
    Identified,
    Noted,
    RecordingFinished,
    RunEnded,
    Snapshot,
    StageKept,
    Warned,
)
from reelmill.engine.telemetry.metrics import RunSummary, Table
from reelmill.errors import ReelmillError, RunClosedError, UsageError
from reelmill.pages.language import Wording, page_language, wording_in
from reelmill.pipelines.choices import BuildContext
from reelmill.report.files import INDEX_PAGE, PERFORMANCE_PAGE
from reelmill.runs.custodian import Custodian, beginning
from reelmill.runs.engine import Engine, close_those_left
from reelmill.runs.engine_config import early_workers, engine_config
from reelmill.runs.event_log import EventLog, Stream
from reelmill.runs.gathered import gather, workers_table
from reelmill.runs.index import IndexKeeper
from reelmill.runs.libraries import libraries
from reelmill.runs.output_folder import alone_in_this_process, open_output
from reelmill.runs.performance import PerformancePage
from reelmill.runs.reports import PageWriter, get_ready, write_reports
from reelmill.runs.results import RecordingResult
from reelmill.runs.sources import Search, search
from reelmill.runs.task import Aggregate, AggregateStep, Task, task_named
from reelmill.settings import Settings

#: How often a caller who waits for the run's thread looks whether the run has ended, in seconds.
_LOOK_EVERY_S = 0.2
#: How long an exiting interpreter waits for runs that are still going, in seconds.
_EXIT_WAIT_S = 30.0
#: How long a run that was stopped waits for what other engines still report, in seconds.
_FEEDING_S = 40.0
#: Runs in progress.
_going_on: weakref.WeakSet[Run] = weakref.WeakSet()

#: One or several files, folders or patterns, or sources, which say how results are to be named.
Paths = str | os.PathLike[str] | Iterable[str | os.PathLike[str] | Source]


class Run:
    """A task on recordings. Recordings may be added while it runs.

    A run starts with `start`, or with the block when used as a context manager. Models are then
    found or downloaded in the caller's thread, so that errors are raised there. The work is done in
    a separate thread and in processes. Several runs can go on in one process, each with its own
    output folder. A run prints nothing, sets no signal handlers, and does not change the
    environment or the current folder.

    All methods can be called from any thread. `with` and `for` block; in an event loop use `async
    with Run(...)` and `async for ... in run.events()`.
    """

    #: Who did how much, where other engines do the work.
    workers: Table | None = None
    #: With engines that work on the same recordings; set before the start.
    exchange: Exchange | None = None
    #: Workers that are starting already; set before the start, and closed by whoever began them.
    head_start: EarlyWorkers | None = None
    #: Called in the engine's thread with each result of a stage, before its recording has ended.
    on_kept: Callable[[StageKept], None] | None = None
    #: Called when all recordings are done, before anything is written about them.
    on_done: Callable[[], None] | None = None
    _is_feeding = False
    _is_paused = False
    _is_reported = False
    _are_reports_ready = False
    _pipeline: Pipeline
    _config: EngineConfig
    _coordinator: Coordinator

    def __init__(
        self,
        task: str | Task = "voice",
        paths: Paths = (),
        *,
        fresh: bool = False,
        engine: Engine | str | None = None,
        priority: int = 0,
        held: bool = False,
        previews: bool = False,
        **options: Any,
    ) -> None:
        """Prepare a run without starting it.

        Args:
            task: `voice`, `subtitle` or `faces`.
            paths: files, folders (with all in them) and patterns; may be empty, if they are added.
            fresh: compute everything anew instead of continuing with what is in the output folder.
            engine: an open engine whose processes and models the run shares with others; None for
                processes of its own. A text is the setting of that name.
            priority: among the runs of an engine, those with a higher number go first.
            held: other engines do the work: each recording waits until it is released.
            previews: also emit `Previewed` events.
            options: settings by name, as the command's options with underscores: `out`, `model`,
                `language`, `device` and so on. `config` is a settings file. Settings not given come
                from the environment (`REELMILL_...`), the user's config file, or a default.

        Raises:
            UsageError: there is no such task, or a setting is not valid.
        """
        self._task = task if isinstance(task, Task) else task_named(task)
        given = {name: value for name, value in options.items() if value is not None}
        if isinstance(engine, str):
            given["engine"], engine = engine, None
        settings = self._task.settings(given)
        settings = settings if engine is None else engine.settings_for(settings, given)
        self.priority = priority
        self._engine, self._previews, self._is_closed = engine, previews, False
        self.out = Path(os.path.abspath(settings.out))
        self.settings: Settings = settings.model_copy(update={"out": self.out})
        self._given, self._fresh, self._is_holding = as_paths(paths), fresh, held
        self._log = EventLog()
        self._notes: list[str] = []
        self._problems: list[str] = []
        self._left_out: list[str] = []
        self._folder = contextlib.ExitStack()
        self._lock = FolderLock(self.out / ".cache" / "lock")
        # A signal handler may call `stop` while this thread is inside another method.
        self._guard = threading.RLock()
        self._reporting = threading.Lock()
        self._sources: dict[str, Source] = {}
        self._stop_reasons: list[str] = []
        self._thread: threading.Thread | None = None
        self._is_prepared = threading.Event()
        self._early: EarlyWorkers | None = None
        self._custodian: Custodian | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ended = threading.Event()
        self._error: BaseException | None = None
        self._summary: RunSummary | None = None

    # -- beginning and end

    def start(self) -> Run:
        """Start the run. Returns once the models are available and the work continues in its
        thread.

        Raises:
            UsageError: no recordings are found below the paths, the output folder cannot be written
                or is in use by another run, or a device does not exist.
            ModelUnavailableError: a model is not on this machine and cannot be downloaded.
        """
        with self._guard:
            if self._thread is not None:
                raise UsageError("this run has already started; create another Run")
            name = f"reelmill {self._task.name} {self.out.name}"
            self._thread = threading.Thread(target=self._main, name=name, daemon=True)
        try:
            with heard_by(self._say):
                self._prepare()
        except BaseException as error:
            self._end(None, error)
            self._is_prepared.set()
            raise
        _going_on.add(self)
        self._is_prepared.set()
        return self

    def wait(self, timeout: float | None = None) -> RunSummary:
        """Accept no more recordings, and wait until all are done or the run has stopped.

        Args:
            timeout: seconds; None to wait without limit.

        Returns:
            The outcome of every recording, and why the run stopped, if it did.

        Raises:
            TimeoutError: it is still running; wait again, or stop it.
            ReelmillError: the run could not start or continue.
        """
        self.close()
        if self._thread is None:
            raise UsageError("this run has not started; call start() or use it in a `with` block")
        if not self._ends_within(timeout):
            raise TimeoutError(f"{self.out}: the run is still going after {timeout:g} s")
        return self._outcome()

    def join(self) -> None:
        """Wait for the end of the run and raise nothing."""
        self._ends_within(None)

    def _ends_within(self, seconds: float | None) -> bool:
        """Wait for the end of the run; return whether it came within `seconds`.

        Python handles signals only in the main thread, between two of its instructions. A signal
        that the system hands to another thread, or that arrives just before the main thread blocks,
        does not wake it: so it never blocks for long.
        """
        until = math.inf if seconds is None else time.monotonic() + seconds
        while not self._ended.wait(min(_LOOK_EVERY_S, max(until - time.monotonic(), 0.0))):
            if time.monotonic() >= until:
                return False
        return True

    async def wait_async(self) -> RunSummary:
        """As `wait`, in an event loop."""
        self.close()
        await self._until_ended()
        return self._outcome()

    def close(self) -> None:
        """Accept no more recordings. The run ends when all its recordings are done."""
        with self._guard:
            self._is_closed = True
            if self._loop is not None:
                self._call(self._coordinator.close)

    def stop(self, reason: str = "stop() was called") -> None:
        """Start nothing new, and return at once. Work in progress has 20 seconds to finish, or none
        if this is called again. Finished work is kept, and another run on the same output folder
        continues from there. After the end of the run this does nothing.

        Args:
            reason: shown in the summary and the report.
        """
        with self._guard:
            self._is_closed = True
            self._stop_reasons.append(reason)
            if self._loop is not None:
                self._call(self._coordinator.stop, reason)

    def pause(self) -> None:
        """Start nothing new until `resume`. What has been started is finished, and recordings can
        still be added.
        """
        self._set_paused(True)

    def resume(self) -> None:
        """Go on after `pause`."""
        self._set_paused(False)

    def _set_paused(self, is_paused: bool) -> None:
        with self._guard:
            self._is_paused = is_paused
            if self._loop is not None:
                self._call(self._coordinator.pause, is_paused)

    @property
    def is_paused(self) -> bool:
        """Whether `pause` was called, and `resume` was not."""
        return self._is_paused

    @property
    def task_name(self) -> str:
        """`voice`, `subtitle`, `faces`, or the name of the task it was given."""
        return self._task.name

    @property
    def progress(self) -> Snapshot | None:
        """The latest progress; None before there is any."""
        latest = self._log.progress
        return None if latest is None else latest.snapshot

    @property
    def pipeline(self) -> Pipeline:
        """The stages of the run; only once it has started."""
        return self._pipeline

    @property
    def is_over(self) -> bool:
        """Whether the run has ended or could not start."""
        return self._ended.is_set()

    @property
    def was_stopped(self) -> bool:
        """Whether `stop` was called."""
        return bool(self._stop_reasons)

    @property
    def is_stopped_at_once(self) -> bool:
        """Whether `stop` was called again, so that nothing is waited for."""
        return len(self._stop_reasons) > 1

    @property
    def summary(self) -> RunSummary | None:
        """The outcome of every recording; None until the run has ended."""
        return self._summary

    def __enter__(self) -> Run:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if kind is None:
            self.wait()
        else:
            self.stop(f"ended by {kind.__name__}")
            self.join()

    async def __aenter__(self) -> Run:
        return await asyncio.to_thread(self.start)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if kind is None:
            await self.wait_async()
        else:
            self.stop(f"ended by {kind.__name__}")
            await self._until_ended()

    # -- recordings in, events and results out

    def add(self, paths: Paths) -> None:
        """Add recordings while the run is going. Those it already has are ignored.

        Args:
            paths: files, folders (with all in them) and patterns.

        Raises:
            UsageError: a path does not exist, or a folder has no recordings.
            RunClosedError: the run was closed or stopped, or is over.
        """
        found = search(as_paths(paths), self.out)
        with self._guard:
            if self._is_closed or self._ended.is_set():
                raise RunClosedError(
                    f"{self.out}: this run no longer accepts recordings; start another one"
                )
            remarks = found.remarks(gate.was_written)
            self._left_out += remarks
            for remark in remarks:
                self._say(remark)
            if self._loop is None:
                self._take(found.sources)
            else:
                self._call(self._coordinator.add, found.sources)

    def held(self) -> list[str]:
        """Wait until all recordings given at the start are planned. Return the absolute paths of
        those that need work and were not released yet.
        """
        while not self._coordinator.is_planned and not self._ended.wait(_LOOK_EVERY_S / 10):
            pass
        return self._coordinator.held

    def release(self, path: str, elsewhere: Elsewhere = DONE_HERE) -> None:
        """Let a recording go through the run that was held.

        Args:
            path: its absolute path, one of `held`.
            elsewhere: what another engine did for it. What it made was brought into the cache.
        """
        with self._guard:
            if self._loop is not None:
                self._call(self._coordinator.release, path, elsewhere)

    @contextlib.contextmanager
    def feeding(self) -> Iterator[None]:
        """While the block goes on, a run that was stopped keeps its output folder, so that what
        other engines have finished can still be brought there; for `_FEEDING_S` at most, and not
        when it is stopped again.
        """
        self._is_feeding = True
        try:
            yield
        finally:
            self._is_feeding = False

    def original_of(self, path: str) -> tuple[FileState | None, float]:
        """The state of a recording's file as work on it began, and when that was, in seconds since
        1970; None if it was not read.

        Args:
            path: the recording's absolute path.
        """
        original = self._coordinator.job(path).original
        return original.before, original.hashed_at or 0.0

    def note(self, text: str) -> None:
        """Tell listeners and the report of a decision.

        Args:
            text: for people.
        """
        self._say(text)

    def warn(self, text: str) -> None:
        """Tell listeners and the report that something went wrong.

        Args:
            text: for people.
        """
        self._problems.append(text)
        self._log.emit(Warned(text))

    def refresh_reports(self) -> None:
        """Write evidence and reports on what is done so far, while the run goes on, and wait until
        they are written. Steps over all recordings wait for its end. If the run is over, its
        reports are there already, and this does nothing.
        """
        written = threading.Event()

        def write() -> None:
            try:
                with self._reporting:
                    if not self._is_reported:
                        self._report_so_far()
            finally:
                written.set()

        with self._guard:
            if self._loop is None or self._ended.is_set():
                return
            if self._engine is None:
                self._call(write)
            else:  # the loop has other runs to serve
                self._call(self._loop.run_in_executor, None, write)
        while not written.wait(_LOOK_EVERY_S) and not self._ended.is_set():
            pass

    def _report_so_far(self) -> None:
        summary = self._coordinator.summary()
        summary.outcomes = list(summary.outcomes)  # the run goes on meanwhile
        self._report(summary, [], anew=True, is_over=False)
        for problem in summary.unwritten:
            self._log.emit(Warned(problem))

    def withdraw(self, paths: Paths) -> None:
        """Do no more work on recordings whose results nobody needs any more, and return at once.
        They fail, unless they are already done. What is being computed for them is finished or
        ended, whatever is sooner.

        Args:
            paths: the files as they were added.
        """
        given = (one.path if isinstance(one, Source) else one for one in as_paths(paths))
        withdrawn = [Path(os.path.abspath(path)) for path in given]
        with self._guard:
            if self._loop is not None:
                self._call(self._coordinator.withdraw, withdrawn)
            else:
                for path in withdrawn:
                    self._sources.pop(str(path), None)

    def events(self) -> Stream[Event]:
        """A new listener, which gets all events from the start of the run to its end, for `for`
        (which blocks) and `async for`. There may be any number of them, created at any time. A slow
        one skips some `Progressed` events and nothing else.
        """
        return Stream(self._log, lambda event: (event,))

    def results(self) -> Stream[RecordingResult]:
        """The result of each recording as soon as it is done, including those that earlier runs had
        finished, and at the end those that were skipped; for `for` and `async for`.
        """
        return Stream(self._log, self._results_in())

    # -- in the caller's thread

    def _prepare(self) -> None:
        out, settings = self.out, self.settings
        found = search(self._given, out) if self._given else Search()
        self._take(found.sources)
        if self._engine is not None:
            self._engine.joins(self)
        self._folder.enter_context(alone_in_this_process(out))
        self._folder.enter_context(
            open_output(
                out,
                self._sources.values(),
                adopt=settings.adopt,
            )
        )
        self._folder.callback(self._lock.release)
        self._lock.acquire()
        gate.claim(out)  # workers' results may be the first that is here
        if gathered := gather(out / gate.CACHE, user_key().seal):
            announce(gathered)
        self._begin_thread()
        remarks = found.remarks(gate.was_written)
        self._left_out += remarks
        choice = self._devices()
        if settings.origin:
            self._log.emit(Noted(settings.origin))
        self._log.emit(Noted(f"device: {choice.reason}"))
        paths = [one.path for one in self._sources.values()]
        remarks = [*remarks, *self._task.remarks(settings, paths)]
        for remark in remarks:
            announce(remark)
        self._pipeline = self._task.build(BuildContext(settings, choice, out))
        config = engine_config(settings, out, choice, self._pipeline, self._fresh)
        config = config if self._engine is None else self._engine.config_for(config)
        self._config = replace(config, previews=self._previews)
        self._custodian = self._custody(choice)
        self._folder.callback(self._custodian.close)
        self._coordinator = Coordinator(
            self._pipeline,
            self._config,
            self._hear,
            lock=self._lock,
            early=self._early,
            resident=None if self._engine is None else self._engine.resident,
            priority=self.priority,
            exchange=self.exchange,
        )

    def _devices(self) -> DeviceChoice:
        if self._engine is not None:
            return self._engine.choice
        return choose_devices(self.settings.device, NvmlDevices().sample(()))

    def _begin_thread(self) -> None:
        """Start the run's thread. While the pipeline is built here, it starts the first workers;
        it must be that thread because the kernel ends them with it.
        """
        assert self._thread is not None
        if self._task.worker_imports and self._engine is None:
            self._early = self.head_start or EarlyWorkers()
        self._thread.start()

    def _custody(self, choice: DeviceChoice) -> Custodian:
        device = ", ".join(map(str, choice.devices))

        def begins() -> dict[str, Any]:
            return beginning(self._pipeline, self.settings, self.out, device, fresh=self._fresh)

        return Custodian(self.out, self._config.seal, begins)

    def _hear(self, event: Event | Detail) -> None:
        """Write the custody log, and tell the listeners."""
        if isinstance(event, StageKept) and self._engine is None:
            self._get_reports_ready(event.stage)
        if self._custodian is not None:
            self._custodian.hear(event)
            for problem in self._custodian.problems():
                self._log.emit(Warned(problem))
                self._problems.append(problem)
        if isinstance(event, StageKept) and self.on_kept is not None:
            self.on_kept(event)
        if isinstance(event, RecordingFinished):
            self._log.ended(self._coordinator.job(event.outcome.path))
        elif not isinstance(event, (Identified, StageKept)):
            self._log.emit(event)

    def _get_reports_ready(self, stage: str) -> None:
        """Once a model stage is done: what follows it does not use all cores, and at the end of the
        run nothing could be done beside the reports.
        """
        model_stages = (one.name for one in self._pipeline.stages if isinstance(one, ModelStage))
        if not self._are_reports_ready and stage in model_stages:
            self._are_reports_ready = True
            name = f"{self._thread.name} reports" if self._thread is not None else None
            threading.Thread(target=get_ready, name=name, daemon=True).start()

    def _say(self, text: str) -> None:
        self._notes.append(text)
        self._log.emit(Noted(text))

    def _take(self, sources: Iterable[Source]) -> None:
        for source in sources:
            self._sources.setdefault(os.path.abspath(source.path), source)

    def _call(self, function: Any, *arguments: Any) -> None:
        """Schedule a call in the coordinator's loop, if the loop still exists."""
        assert self._loop is not None
        if self._ended.is_set():
            return
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(function, *arguments)

    def _outcome(self) -> RunSummary:
        if self._error is not None:
            raise self._error
        assert self._summary is not None
        return self._summary

    async def _until_ended(self) -> None:
        async for _ in Stream[Event](self._log, lambda event: ()):
            pass

    def _results_in(self) -> Any:
        """Turns events into results."""
        keys: list[Keys] = []

        def result(path: str) -> RecordingResult:
            if not keys:
                keys.append(Keys(self._pipeline))
            job = self._coordinator.job(path)
            artifacts = artifact_paths(job, self._pipeline, keys[0], self._config.cache)
            return self._task.result.of(job, self.out, self._pipeline, artifacts)

        def read(event: Event) -> list[RecordingResult]:
            if isinstance(event, RecordingFinished):
                return [result(event.outcome.path)]
            if isinstance(event, RunEnded):
                waiting = [one for one in event.summary.outcomes if one.status == "waiting"]
                return [result(one.path) for one in waiting]
            return []

        return read

    # -- in the run's own thread

    def _main(self) -> None:
        if self._early is not None:
            count = early_workers(
                self.settings, self.out, len(self._sources), cpu_parts=self._task.cpu_parts
            )
            self._early.begin(count, self._task.worker_imports)
            libraries()  # for the custody log, while the run is prepared and workers are starting
        self._is_prepared.wait()
        if self._ended.is_set():  # it could not be prepared
            return
        summary: RunSummary | None = None
        error: BaseException | None = None
        try:
            if self._engine is None:
                summary = asyncio.run(self._go())
            else:
                summary = self._engine.carry_out(self._go())
        except BaseException as caught:  # noqa: BLE001 (raised for whoever waits)
            error = caught
        self._end(summary, error)

    async def _go(self) -> RunSummary:
        with self._guard:
            self._loop = asyncio.get_running_loop()
            for reason in self._stop_reasons:
                self._coordinator.stop(reason)
            self._coordinator.pause(self._is_paused)
            sources, is_closed = list(self._sources.values()), self._is_closed
        return await self._coordinator.run(
            sources, self._closing, until_closed=not is_closed, held=self._is_holding
        )

    def _closing(self, summary: RunSummary) -> None:
        """Write the reports once all recordings are done, while the folder is still reserved."""
        until = time.monotonic() + _FEEDING_S
        while self._is_feeding and not self.is_stopped_at_once and time.monotonic() < until:
            time.sleep(_LOOK_EVERY_S / 2)
        if self.on_done is not None:
            self.on_done()
        with self._reporting:
            self._is_reported = True
            self._report_at_end(summary)

    def _report_at_end(self, summary: RunSummary) -> None:
        config, jobs = self._config, self._coordinator.jobs
        worked = any(not outcome.reused for outcome in summary.outcomes)
        written: list[ExportedFile] = []
        step = self._task.aggregate(self.settings)
        if step is not None and summary.stopped is None:
            aggregate = _over_all(step, jobs, self._pipeline, config, summary)
            written, summary.tables = aggregate.files, aggregate.tables
        self._report(summary, written, anew=worked or bool(written), is_over=True)

    def _report(
        self, summary: RunSummary, written: Sequence[ExportedFile], *, anew: bool, is_over: bool
    ) -> None:
        out, jobs = self._config.out, self._coordinator.jobs
        summary.notes = list(dict.fromkeys([*self._notes, *summary.notes]))
        summary.left_out = list(dict.fromkeys(self._left_out))
        if workers := self.workers or workers_table(self._config.cache):
            summary.tables = [*summary.tables, workers]
        summary.warnings = [*self._problems, *summary.warnings]
        language = page_language(self.settings.lang)
        custodian, pages = self._custodian, self._pages(wording_in(language))
        write_reports(
            out, summary, jobs, written, custodian, pages,
            anew=anew, is_over=is_over, language=language,
        )  # fmt: skip

    def _pages(self, say: Wording) -> dict[str, PageWriter]:
        """What writes the pages besides the report. The index comes last, with links to others."""
        config = self._config
        index = IndexKeeper(config.out, self._pipeline, config.seal, say)
        performance = PerformancePage(config, self._coordinator.metrics, say)
        return {PERFORMANCE_PAGE: performance, INDEX_PAGE: index}

    def _end(self, summary: RunSummary | None, error: BaseException | None) -> None:
        self._folder.close()
        if self._early is not None:
            self._early.close()
        if self._engine is not None:
            self._engine.leaves(self)
        self._summary, self._error = summary, error
        if summary is not None:
            self._log.emit(RunEnded(summary))
        self._ended.set()
        self._log.close()
        _going_on.discard(self)


@atexit.register
def _stop_those_left() -> None:
    """Stop all runs when the interpreter exits. Finished work is kept; the rest can be done
    later.
    """
    left = list(_going_on)
    for run in left:
        run.stop("the program ended")
    for run in left:
        run._ends_within(_EXIT_WAIT_S)
    close_those_left()


def as_paths(paths: Paths) -> list[Path | Source]:
    """One path, or several."""
    if isinstance(paths, (str, os.PathLike)):
        return [Path(paths)]
    return [path if isinstance(path, Source) else Path(path) for path in paths]


def _over_all(
    step: AggregateStep,
    jobs: Sequence[Job],
    pipeline: Pipeline,
    config: EngineConfig,
    summary: RunSummary,
) -> Aggregate:
    """Execute the step over all recordings. If it fails, no recording is affected and a warning is
    added.
    """
    try:
        return step.write(found_in(jobs, pipeline, step.reads, config.cache), config.out)
    except (ReelmillError, OSError) as error:
        summary.warnings.append(f"the step over all recordings failed: {error}")
        return Aggregate()
