"""The coordinator: one asyncio loop that plans a run, starts it, stops it and sums it up.

It touches no media and no model.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
from collections.abc import Awaitable, Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from reelmill.core import gate
from reelmill.core.keys import WRITTEN
from reelmill.engine.aio import aside
from reelmill.engine.config import EngineConfig
from reelmill.engine.execution.admission import Intake, admit
from reelmill.engine.execution.earlier import sweep
from reelmill.engine.execution.exchange import Exchange
from reelmill.engine.execution.planning import Elsewhere, Job, Source
from reelmill.engine.execution.recording_runner import RecordingRunner
from reelmill.engine.execution.recordings import RunRecordings
from reelmill.engine.execution.resident import ResidentEngine
from reelmill.engine.execution.resource_controller import ResourceController
from reelmill.engine.execution.run_recorder import RunRecorder
from reelmill.engine.execution.sequential import SequentialPasses
from reelmill.engine.execution.stage_cache import StageCache
from reelmill.engine.execution.stage_executor import StageExecutor
from reelmill.engine.execution.stopping import Stopping
from reelmill.engine.execution.ticking import Ticking
from reelmill.engine.execution.withdrawals import Withdrawals
from reelmill.engine.execution.workers import RunWorkers, Workers
from reelmill.engine.pipeline import Pipeline
from reelmill.engine.process.client import Client
from reelmill.engine.process.cpu_worker import Keys
from reelmill.engine.process.early import EarlyWorkers
from reelmill.engine.resources.monitor import Devices, Monitor, NvmlDevices, Sample
from reelmill.engine.resources.placement import passes_of
from reelmill.engine.state.lock import FolderLock
from reelmill.engine.state.run_db import Ledger
from reelmill.engine.telemetry.events import Emit
from reelmill.engine.telemetry.metrics import ModelWorkerTotals, RunSummary
from reelmill.errors import NotOursError, UsageError, reason

_T = TypeVar("_T")

#: Added recordings that are planned in one go, in a loop that has other runs to serve: this takes a
#: few hundredths of a second.
_ADDED_AT_ONCE = 100


class Coordinator:
    """One run of a pipeline on recordings: those it is given at first, and those that are added."""

    def __init__(
        self,
        pipeline: Pipeline,
        config: EngineConfig,
        emit: Emit,
        devices: Devices | None = None,
        lock: FolderLock | None = None,
        early: EarlyWorkers | None = None,
        resident: ResidentEngine | None = None,
        priority: int = 0,
        exchange: Exchange | None = None,
    ) -> None:
        """`lock`: the output folder's, where the caller holds it already. `early`: the workers to
        take first; the caller closes them. `resident`: an engine that the run shares with others,
        in whose loop it runs; None for processes of its own. `priority`: among these runs.
        `exchange`: with engines that work on the same recordings; None if there are none."""
        self._pipeline = pipeline
        self._exchange = exchange
        self._config = config
        self._resident = resident
        devices = devices or (NvmlDevices() if resident is None else resident.monitor.devices)
        leader = None if resident is None else resident.monitor
        self._monitor = Monitor(devices, self._processes, leader)
        self._recorder = RunRecorder(pipeline, config, emit, self._monitor)
        self._lock = lock or FolderLock(config.cache / "lock")
        self._early = early
        self._stopping = Stopping(config.out, self._recorder)
        self._client = Client(
            pipeline.stages,
            Keys(config.seal, config.spill_key),
            config.worker_environment,
            priority,
            partial(gate.places_of, config.out),
        )
        self._intake = Intake()
        #: What was asked for while recordings are being planned; None if none are.
        self._postponed: list[Callable[[], None]] | None = []
        self._withdrawals = Withdrawals()
        #: Whether the recordings given at the start were compared with those of earlier runs.
        self.is_planned = False
        self._ledger: Ledger
        self._recordings: RunRecordings
        self._adding: asyncio.Task[None] | None = None
        self._own: Workers | None = None
        self._workers: RunWorkers | None = None

    @property
    def jobs(self) -> Sequence[Job]:
        """All recordings of the run, with what is known of their originals."""
        return self._recordings.jobs

    @property
    def metrics(self) -> Path | None:
        """The file of what was measured; None before there is one."""
        return self._recorder.metrics

    def job(self, path: str) -> Job:
        """The recording at an absolute path."""
        return self._recordings.job(path)

    async def run(
        self,
        sources: Sequence[Source],
        closing: Callable[[RunSummary], None] | None = None,
        *,
        until_closed: bool = False,
        held: bool = False,
    ) -> RunSummary:
        """Work on all sources; failures are in the summary, not raised.

        `closing` is called with the summary while the folder is still ours: for reports. With
        `until_closed` more can be added, until `close` or `stop` is called. If `held`, each
        recording waits for `release`.

        Raises:
            UsageError: another run has the output folder, or it cannot be written.
        """
        with contextlib.ExitStack() as opened:
            if self._resident is not None:
                self._resident.joins(self._client, self._recorder, self._stopping.fatal)
                opened.callback(self._resident.leaves, self._client)
            waiting = await self._aside(self._plan, sources, opened)
            self._intake = Intake(waiting, closed=not until_closed, held=held)
            self._make_up_for()
            self.is_planned = True
            try:
                await self._run()
                self._recordings.tell_of_lost()
                summary = self.summary()
                if closing is not None:  # while the processes are exiting
                    await self._aside(closing, summary)
            finally:
                if self._own is not None:
                    await self._own.close()
        return summary

    def summary(self) -> RunSummary:
        """What is done so far. Only in the coordinator's loop."""
        return self._recorder.summary(self._model_workers(), self._stopping.reason)

    async def _aside(self, function: Callable[..., _T], *arguments: Any) -> _T:
        """Call a function that may take long; in a thread, if the loop has other runs to serve."""
        if self._resident is None:
            return function(*arguments)
        return await aside(function, *arguments)

    def _model_workers(self) -> list[ModelWorkerTotals]:
        """What model workers did for this run."""
        if self._workers is None:
            return []
        inference = self._workers.inference
        return inference.replicas.totals if self._resident is None else inference.totals

    def _is_postponed(self, call: Callable[[], None]) -> bool:
        """Whether the recordings are still being planned; the call is then made afterwards."""
        if self._postponed is None:
            return False
        self._postponed.append(call)
        return True

    def add(self, sources: Sequence[Source]) -> None:
        """Take more recordings in; those that the run has already are left out. Only in the
        coordinator's loop, and while the run is open."""
        if self._is_postponed(partial(self.add, sources)):
            return
        if self._resident is None or len(sources) <= _ADDED_AT_ONCE:
            self._take(sources)
        else:
            self._postponed = []
            self._adding = asyncio.create_task(self._take_slowly(sources))

    async def _take_slowly(self, sources: Sequence[Source]) -> None:
        """Take many recordings in without keeping other runs waiting. What is asked for meanwhile
        happens afterwards."""
        try:
            for at in range(0, len(sources), _ADDED_AT_ONCE):
                if not self._stopping.is_asked:
                    self._take(sources[at : at + _ADDED_AT_ONCE])
                    await asyncio.sleep(0)
        finally:
            self._make_up_for()

    def _make_up_for(self) -> None:
        """Do what was postponed."""
        postponed, self._postponed = self._postponed or [], None
        for call in postponed:
            call()

    def _take(self, sources: Sequence[Source]) -> None:
        try:
            self._intake.add(self._recordings.plan(self._recordings.new(sources)))
        except sqlite3.OperationalError:
            self._stopping.disk_full()
        except OSError as error:
            self._stopping.fatal(
                f"{self._config.out}: recordings could not be added ({reason(error)})"
            )

    @property
    def held(self) -> list[str]:
        """The paths of recordings that need work and wait for `release`."""
        return self._intake.held

    def release(self, path: str, elsewhere: Elsewhere) -> None:
        """Begin with a recording that was held. Only in the coordinator's loop."""
        self._intake.release(path, elsewhere)

    def close(self) -> None:
        """No more recordings come: the run is over when all it has are done."""
        if not self._is_postponed(self.close):
            self._intake.close()

    def withdraw(self, paths: Sequence[Path]) -> None:
        """Do no more work on these recordings. Only in the coordinator's loop."""
        for path in paths:
            self._withdrawals.withdraw(path)

    def stop(self, reason: str) -> None:
        """Start nothing new and save finished work. If called again, do not wait for that
        either."""
        self._stopping.ask(reason)

    def pause(self, is_paused: bool) -> None:
        """Start nothing new while paused. Only in the coordinator's loop."""
        self._client.is_paused = is_paused
        if not self._is_postponed(partial(self.pause, is_paused)):
            self._intake.pause(is_paused)
            if self._workers is not None:
                self._workers.pool.pause(is_paused)

    # -- the output folder

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        """Before any work, report a folder that cannot be written as a usage error."""
        try:
            yield
        except NotOursError as error:
            raise UsageError(str(error)) from error
        except (OSError, sqlite3.OperationalError) as error:
            raise UsageError(
                f"{self._config.out}: results cannot be written there ({reason(error)}); free some "
                "space, or choose another folder with -o"
            ) from error

    def _plan(self, sources: Sequence[Source], opened: contextlib.ExitStack) -> list[Job]:
        """The recordings that need work, once the output folder is ours."""
        with self._writing():
            self._open_folder(sources, opened)
            self._recordings = RunRecordings(
                self._pipeline, self._config, self._ledger, self._recorder
            )
            return self._recordings.plan(sources)

    def _open_folder(self, sources: Sequence[Source], opened: contextlib.ExitStack) -> None:
        """Make the output folder ours until `opened` is closed, and clear away what a run that was
        killed left half-written."""
        config = self._config
        written = config.seal.key_for(WRITTEN)
        originals = [one.path for one in sources]
        opened.enter_context(gate.output(config.out, self._pipeline.name, originals, written))
        opened.callback(self._lock.release)
        self._lock.acquire()
        gate.claim(config.out)
        self._ledger = Ledger(config.cache / "ledger.sqlite", config.seal)
        opened.callback(self._ledger.close)
        opened.enter_context(self._recorder.open())
        if self._ledger.note("clean") == "no":
            sweep(config.cache)
        self._ledger.put_note("clean", "no")

    # -- the work

    async def _run(self) -> None:
        if not self._intake.is_over:
            await self._work()
        if not self._stopping.is_asked:
            if self._workers is not None and self._workers.left_files:
                sweep(self._config.cache)
            with contextlib.suppress(sqlite3.OperationalError):  # the next run will sweep
                self._ledger.put_note("clean", "yes")

    async def _work(self) -> None:
        processes = self._own_workers() if self._resident is None else self._resident.workers
        workers = self._workers = RunWorkers(
            processes, self._client, self._config, self._recorder, self._stopping
        )
        ticking = self._ticking(processes, workers).start()
        try:
            await self._until_done_or_stopped(self._runner(workers), workers)
        finally:
            ticking.cancel()
            if self._resident is not None:
                workers.leave()
            else:
                await processes.hang_up()
                if problem := processes.save_profiles():
                    self._recorder.warn(problem)

    def _own_workers(self) -> Workers:
        logs = self._config.cache / "logs"
        early = self._early or EarlyWorkers()
        self._own = Workers(self._config, logs, self._monitor, early)
        return self._own

    def _ticking(self, processes: Workers, workers: RunWorkers) -> Ticking:
        config, recorder = self._config, self._recorder
        see: Callable[[Sample], None] = lambda sample: None  # noqa: E731 (the engine sees it)
        balance: Callable[[], None] = lambda: None  # noqa: E731
        if self._resident is None:
            controller = ResourceController(config, processes, recorder, self._stopping.fatal)
            see, balance = controller.see, controller.balance
        return Ticking(
            config.intervals,
            recorder,
            see,
            balance,
            self._ledger,
            self._stopping,
            workers.inference.queued,
        )

    def _runner(self, workers: RunWorkers) -> RecordingRunner:
        pipeline, config, recorder = self._pipeline, self._config, self._recorder
        disk_full, known = self._stopping.disk_full, self._recordings
        cache = StageCache(pipeline, config, self._ledger, recorder, known.results, disk_full)
        pool = workers.pool
        withdrawals = self._withdrawals
        executor = StageExecutor(
            pipeline,
            config,
            recorder,
            pool,
            workers.inference,
            disk_full,
            withdrawals,
            self._exchange,
        )
        return RecordingRunner(
            pipeline,
            config,
            self._ledger,
            recorder,
            pool,
            cache,
            executor,
            known.earlier,
            withdrawals,
            self._exchange,
            known.ended,
        )

    async def _until_done_or_stopped(self, runner: RecordingRunner, workers: RunWorkers) -> None:
        everything = asyncio.create_task(self._go_through(runner, workers))
        stop = asyncio.create_task(self._stopping.asked())
        await asyncio.wait({everything, stop}, return_when=asyncio.FIRST_COMPLETED)
        stop.cancel()
        if not everything.done():
            await workers.drain()
            everything.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await everything

    async def _go_through(self, runner: RecordingRunner, workers: RunWorkers) -> None:
        """All recordings through all models, which are loaded together or one after the other."""
        planner, models = workers.planner, self._pipeline.models
        plan = planner.plan(models, self._config.placement)
        for text in [*planner.left_on_cpu(models), *filter(None, [plan.reason])]:
            self._recorder.note(text)
        if plan.short:
            self._recorder.warn(
                "the models may not fit in memory; --placement sequential needs less"
            )
        try:
            if plan.is_sequential:
                await self._one_after_the_other(runner, workers)
            else:
                workers.inference.place(planner.new_placements(models))
                await workers.begin(
                    sum(job.original.before is None for job in self._intake.waiting)
                )
                await self._admit(self._intake, runner.process, runner)
        finally:
            await runner.cancel()

    async def _one_after_the_other(self, runner: RecordingRunner, workers: RunWorkers) -> None:
        passes = SequentialPasses(
            passes_of(self._pipeline),
            workers.planner,
            workers.inference,
            self._recorder,
            lambda: self._stopping.is_asked,
            self._config.intervals.memory_back,
        )
        while jobs := await self._intake.all_waiting():
            await passes.take(
                jobs,
                lambda some, process: self._admit(Intake(some), process, runner),
                runner.process,
                runner.give_up,
            )

    async def _admit(
        self, intake: Intake, process: Callable[[Job], Awaitable[None]], runner: RecordingRunner
    ) -> None:
        async def working(job: Job) -> None:
            with self._client.working():
                await process(job)

        await admit(intake, self._config.open_recordings, working, runner.give_up)

    def _processes(self) -> dict[int, str]:
        """The run's processes by id, and what each is."""
        workers = self._own.processes if self._own is not None else {}
        return {os.getpid(): "coordinator", **workers}
