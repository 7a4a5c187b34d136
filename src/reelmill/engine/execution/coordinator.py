"""The coordinator: one asyncio loop that plans a run, starts it, stops it and sums it up.

It touches no media and no model.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path

from reelmill.core import gate
from reelmill.core.keys import WRITTEN
from reelmill.engine.config import EngineConfig
from reelmill.engine.execution.admission import Intake, admit
from reelmill.engine.execution.earlier import sweep
from reelmill.engine.execution.planning import Elsewhere, Job, Source
from reelmill.engine.execution.recording_runner import RecordingRunner
from reelmill.engine.execution.recordings import RunRecordings
from reelmill.engine.execution.resource_controller import ResourceController
from reelmill.engine.execution.run_recorder import RunRecorder
from reelmill.engine.execution.sequential import Planner, SequentialPasses
from reelmill.engine.execution.stage_cache import StageCache
from reelmill.engine.execution.stage_executor import StageExecutor
from reelmill.engine.execution.stopping import Stopping
from reelmill.engine.execution.ticking import Ticking
from reelmill.engine.execution.workers import Workers
from reelmill.engine.inference.memory_estimator import MemoryEstimator
from reelmill.engine.pipeline import Pipeline
from reelmill.engine.process.early import EarlyWorkers
from reelmill.engine.resources.model_profiles import ModelProfiles
from reelmill.engine.resources.monitor import Devices, Monitor, NvmlDevices
from reelmill.engine.resources.placement import passes_of
from reelmill.engine.state.lock import FolderLock
from reelmill.engine.state.run_db import Ledger
from reelmill.engine.telemetry.events import Emit
from reelmill.engine.telemetry.metrics import RunSummary
from reelmill.errors import NotOursError, UsageError, reason


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
    ) -> None:
        """`lock`: the output folder's, where the caller holds it already. `early`: the workers to
        take first; the caller closes them."""
        self._pipeline = pipeline
        self._config = config
        self._monitor = Monitor(devices or NvmlDevices(), self._processes)
        self._recorder = RunRecorder(pipeline, config, emit, self._monitor)
        self._model_profiles = ModelProfiles(config.model_profiles)
        self._planner = Planner(pipeline, config, self._recorder, self._model_profiles)
        self._lock = lock or FolderLock(config.cache / "lock")
        self._early = early
        self._stopping = Stopping(config.out, self._recorder)
        self._intake = Intake()
        #: Whether the recordings given at the start were compared with those of earlier runs.
        self.is_planned = False
        self._ledger: Ledger
        self._recordings: RunRecordings
        self._workers: Workers | None = None
        self._is_paused = False

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
            with self._writing():
                self._open_folder(sources, opened)
                self._recordings = RunRecordings(
                    self._pipeline, self._config, self._ledger, self._recorder
                )
                waiting = self._recordings.plan(sources)
            self._intake = Intake(waiting, closed=not until_closed, held=held)
            self._intake.pause(self._is_paused)
            self.is_planned = True
            await self._run()
            self._recordings.tell_of_lost()
            summary = self.summary()
            if closing is not None:
                closing(summary)
        return summary

    def summary(self) -> RunSummary:
        """What is done so far. Only in the coordinator's loop."""
        model_workers = self._workers.inference.replicas.totals if self._workers else []
        return self._recorder.summary(model_workers, self._stopping.reason)

    def add(self, sources: Sequence[Source]) -> None:
        """Take more recordings in; those that the run has already are left out. Only in the
        coordinator's loop, and while the run is open."""
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
        self._intake.close()

    def stop(self, reason: str) -> None:
        """Start nothing new and save finished work. If called again, do not wait for that
        either."""
        self._stopping.ask(reason)

    def pause(self, is_paused: bool) -> None:
        """Start nothing new while paused. Only in the coordinator's loop."""
        self._is_paused = is_paused
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
        estimator = MemoryEstimator(self._monitor, self._model_profiles)
        workers = self._workers = Workers(
            self._pipeline,
            self._config,
            self._recorder,
            self._stopping,
            estimator,
            self._early or EarlyWorkers(),
        )
        workers.pool.pause(self._is_paused)
        ticking = self._ticking(workers).start()
        try:
            await self._until_done_or_stopped(self._runner(workers), workers)
        finally:
            ticking.cancel()
            await workers.close()
            if problem := self._model_profiles.save():
                self._recorder.warn(problem)

    def _ticking(self, workers: Workers) -> Ticking:
        config, recorder, inference = self._config, self._recorder, workers.inference
        controller = ResourceController(
            config,
            self._planner,
            inference.replicas,
            inference.items,
            workers.pool,
            recorder,
            self._stopping.fatal,
        )
        return Ticking(
            config.intervals,
            recorder,
            controller,
            self._ledger,
            self._stopping,
            inference.items.queued,
        )

    def _runner(self, workers: Workers) -> RecordingRunner:
        pipeline, config, recorder = self._pipeline, self._config, self._recorder
        disk_full, known = self._stopping.disk_full, self._recordings
        cache = StageCache(pipeline, config, self._ledger, recorder, known.results, disk_full)
        pool = workers.pool
        executor = StageExecutor(pipeline, config, recorder, pool, workers.inference, disk_full)
        return RecordingRunner(
            pipeline, config, self._ledger, recorder, pool, cache, executor, known.earlier
        )

    async def _until_done_or_stopped(self, runner: RecordingRunner, workers: Workers) -> None:
        everything = asyncio.create_task(self._go_through(runner, workers))
        stop = asyncio.create_task(self._stopping.asked())
        await asyncio.wait({everything, stop}, return_when=asyncio.FIRST_COMPLETED)
        stop.cancel()
        if not everything.done():
            await workers.drain()
            everything.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await everything

    async def _go_through(self, runner: RecordingRunner, workers: Workers) -> None:
        """All recordings through all models, which are loaded together or one after the other."""
        plan = self._planner.plan()
        for text in [*self._planner.left_on_cpu(), *filter(None, [plan.reason])]:
            self._recorder.note(text)
        if plan.short:
            self._recorder.warn(
                "the models may not fit in memory; --placement sequential needs less"
            )
        try:
            if plan.is_sequential:
                await self._one_after_the_other(runner, workers)
            else:
                placements = self._planner.placements(self._pipeline.models)
                workers.inference.replicas.place(placements)
                await workers.begin(
                    sum(job.original.before is None for job in self._intake.waiting)
                )
                await self._admit(self._intake, runner.process, runner)
        finally:
            await runner.cancel()

    async def _one_after_the_other(self, runner: RecordingRunner, workers: Workers) -> None:
        passes = SequentialPasses(
            passes_of(self._pipeline),
            self._planner,
            workers.inference.replicas,
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
        await admit(intake, self._config.open_recordings, process, runner.give_up)

    def _processes(self) -> dict[int, str]:
        """The run's processes by id, and what each is."""
        workers = self._workers.processes if self._workers is not None else {}
        return {os.getpid(): "coordinator", **workers}
