"""The coordinator: one asyncio loop that plans a run, starts it, stops it and sums it up.

It touches no media and no model.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import sqlite3
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path

from reelmill.core import atomic, garbage, gate
from reelmill.core.keys import WRITTEN
from reelmill.engine.config import EngineConfig
from reelmill.engine.execution.admission import Intake, admit
from reelmill.engine.execution.earlier import EarlierWork
from reelmill.engine.execution.naming import Names
from reelmill.engine.execution.planning import Job, Keys, Source, done_before, plan
from reelmill.engine.execution.recording_runner import RecordingRunner
from reelmill.engine.execution.resource_controller import ResourceController
from reelmill.engine.execution.run_recorder import RunRecorder
from reelmill.engine.execution.sequential import Planner, SequentialPasses
from reelmill.engine.execution.stage_cache import StageCache
from reelmill.engine.execution.stage_executor import StageExecutor
from reelmill.engine.inference.memory_estimator import MemoryEstimator
from reelmill.engine.inference.replicas import BatchDone
from reelmill.engine.inference.service import InferenceService
from reelmill.engine.pipeline import Pipeline
from reelmill.engine.process import arena as buffers
from reelmill.engine.process import cpu_worker
from reelmill.engine.process.cpu_pool import CpuPool
from reelmill.engine.resources.model_profiles import ModelProfiles
from reelmill.engine.resources.monitor import Devices, Monitor, NvmlDevices
from reelmill.engine.resources.placement import passes_of
from reelmill.engine.stage import ModelStage
from reelmill.engine.state import artifact_store as store
from reelmill.engine.state.lock import FolderLock
from reelmill.engine.state.run_db import Ledger, Result
from reelmill.engine.telemetry.events import Emit, Progressed
from reelmill.engine.telemetry.metrics import RunSummary
from reelmill.errors import Failure, NotOursError, UsageError

#: What the logs of worker processes are called.
_LOGS = re.compile(r"[\w.-]+\.log")


class Coordinator:
    """One run of a pipeline on recordings: those it is given at first, and those that are added."""

    def __init__(
        self,
        pipeline: Pipeline,
        config: EngineConfig,
        emit: Emit,
        devices: Devices | None = None,
        lock: FolderLock | None = None,
    ) -> None:
        """`lock`: the output folder's, where the caller holds it already."""
        self._pipeline = pipeline
        self._config = config
        self._monitor = Monitor(devices or NvmlDevices(), self._running)
        self._recorder = RunRecorder(pipeline, config, emit, self._monitor)
        self._model_profiles = ModelProfiles(config.model_profiles)
        self._planner = Planner(pipeline, config, self._recorder, self._model_profiles)
        self._emit = emit
        self._lock = lock or FolderLock(config.cache / "lock")
        self._names = Names(config.out, pipeline, config.reserved)
        self._jobs: dict[str, Job] = {}
        self._results: dict[str, Result] = {}
        self._intake = Intake()
        self._stopped: str | None = None
        self._stop_requested = asyncio.Event()
        self._stop_now = False
        self._ledger: Ledger
        self._earlier: EarlierWork
        self._pool: CpuPool | None = None
        self._inference: InferenceService | None = None

    @property
    def jobs(self) -> Sequence[Job]:
        """All recordings of the run, with what is known of their originals."""
        return list(self._jobs.values())

    def job(self, path: str) -> Job:
        """The recording at an absolute path."""
        return self._jobs[path]

    async def run(
        self,
        sources: Sequence[Source],
        closing: Callable[[RunSummary], None] | None = None,
        *,
        until_closed: bool = False,
    ) -> RunSummary:
        """Work on all sources; failures are in the summary, not raised.

        `closing` is called with the summary while the folder is still ours: for reports. With
        `until_closed` more can be added, until `close` or `stop` is called.

        Raises:
            UsageError: another run has the output folder, or it cannot be written.
        """
        with contextlib.ExitStack() as opened:
            with self._writing():
                opened.enter_context(
                    gate.output(
                        self._config.out,
                        self._pipeline.name,
                        [one.path for one in sources],
                        self._config.seal.key_for(WRITTEN),
                    )
                )
                opened.callback(self._lock.release)
                self._lock.acquire()
                gate.claim(self._config.out)
                self._ledger = Ledger(self._config.cache / "ledger.sqlite", self._config.seal)
                opened.callback(self._ledger.close)
                opened.enter_context(self._recorder.open())
                with garbage.no_collection():
                    self._look_at_earlier_work()
                    waiting = self._plan(sources)
            self._intake = Intake(waiting, closed=not until_closed)
            await self._run()
            self._tell_of_lost()
            model_workers = self._inference.totals if self._inference else []
            summary = self._recorder.summary(model_workers, self._stopped)
            if closing is not None:
                closing(summary)
        return summary

    def add(self, sources: Sequence[Source]) -> None:
        """Take more recordings in; those that the run has already are left out. Only in the
        coordinator's loop, and while the run is open."""
        new = [one for one in sources if os.path.abspath(one.path) not in self._jobs]
        try:
            self._intake.add(self._plan(new))
        except sqlite3.OperationalError:
            self._disk_full()
        except OSError as error:
            self._fatal(f"{self._config.out}: recordings could not be added ({error})")

    def close(self) -> None:
        """No more recordings come: the run is over when all it has are done."""
        self._intake.close()

    def stop(self, reason: str) -> None:
        """Begin nothing new and save what is finished. Asked again: do not even wait for that."""
        if self._stopped is None:
            self._stopped = reason
            self._recorder.warn(f"stopping: {reason}")
        else:
            self._stop_now = True
        self._stop_requested.set()

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        """Before any work has begun, a folder that cannot be written is the user's to mend."""
        try:
            yield
        except NotOursError as error:
            raise UsageError(str(error)) from error
        except (OSError, sqlite3.OperationalError) as error:
            raise UsageError(
                f"{self._config.out}: results cannot be written there ({error}); make room, or "
                "choose another folder with -o"
            ) from error

    def _look_at_earlier_work(self) -> None:
        """What earlier runs on this folder left: half-written files, and all results."""
        if self._ledger.note("clean") == "no":
            sweep(self._config.cache)
        self._ledger.put_note("clean", "no")
        self._results = self._ledger.results()
        self._earlier = EarlierWork(
            self._pipeline,
            self._config.cache,
            self._ledger.originals(),
            self._results,
            fresh=self._config.fresh,
        )

    def _plan(self, sources: Sequence[Source]) -> list[Job]:
        """Make recordings part of the run; those there is work for."""
        gate.protect(self._config.out, [source.path for source in sources])
        jobs = plan(sources, self._earlier.known, self._ledger, self._names)
        self._jobs.update((job.original.path, job) for job in jobs)
        self._earlier.planned(jobs)
        keys, cache = Keys(self._pipeline), self._config.cache
        waiting = [
            job for job in jobs if not done_before(job, self._pipeline, keys, self._results, cache)
        ]
        for job in waiting:
            if job.original.outcome is not None:  # what it says is about to be replaced
                job.original.outcome = None
                self._ledger.put_original(job.original)
        self._ledger.commit()
        if self._ledger.refused:
            self._recorder.warn(
                f"{cache / 'ledger.sqlite'}: {self._ledger.refused} entries were changed by "
                "somebody else; they are not used, what they were about is looked at again"
            )
            self._ledger.refused = 0
        self._recorder.planned(jobs)
        while self._names.notes:
            self._recorder.note(self._names.notes.pop(0))
        return [job for job in waiting if not self._refused(job)]

    def _refused(self, job: Job) -> bool:
        """Whether a recording fails at once, because its results would replace others' files."""
        why = self._names.obstacle(job.original)
        if why is not None:
            job.failure, job.status = Failure("plan", "input", f"{job.path}: {why}"), "failed"
            self._recorder.finished(job)
        return why is not None

    def _tell_of_lost(self) -> None:
        """Recordings that earlier runs knew, and that nobody finds any more."""
        asked_for = self._jobs.keys()
        unfinished, finished = self._earlier.lost.sentences(asked_for)
        if unfinished is not None:
            self._recorder.warn(unfinished)
        if finished is not None:
            self._recorder.note(finished)

    async def _run(self) -> None:
        if not self._intake.is_over:
            await self._work()
        if self._stopped is None:
            if self._pool is not None and self._pool.broken_off:
                sweep(self._config.cache)
            with contextlib.suppress(sqlite3.OperationalError):  # the next run will sweep
                self._ledger.put_note("clean", "yes")

    async def _work(self) -> None:
        config = self._config
        logs = config.cache / "logs"
        gate.sweep(logs, _LOGS)  # what worker processes said in earlier runs
        gate.make_folder(logs)
        memory = buffers.create_memory(config.arena_bytes)
        pool = self._pool = CpuPool(
            config.workers,
            self._pipeline.stages,
            memory,
            logs,
            keys=cpu_worker.Keys(config.seal, config.spill_key),
            environment=config.worker_environment,
            memory_mb=config.worker_memory_mb,
        )
        inference = self._inference = InferenceService(
            self._pipeline.stages,
            config,
            memory,
            buffers.Allocator(config.arena_bytes),
            logs,
            on_batch=self._on_batch,
            on_room=pool.wake,
            on_fatal=self._fatal,
            on_disk_full=self._disk_full,
            on_warning=self._recorder.warn,
            estimator=MemoryEstimator(self._monitor, self._model_profiles),
        )
        runner = self._runner(pool, inference)
        controller = ResourceController(
            config, self._planner, inference, pool, self._recorder, self._fatal
        )
        clock = asyncio.create_task(self._tick(inference, controller))
        clock.add_done_callback(self._clock_stopped)
        try:
            await self._until_done_or_stopped(runner, pool, inference)
        finally:
            clock.cancel()
            await asyncio.gather(inference.stop(), pool.close())
            os.close(memory)
            if problem := self._model_profiles.save():
                self._recorder.warn(problem)

    def _runner(self, pool: CpuPool, inference: InferenceService) -> RecordingRunner:
        pipeline, config, recorder = self._pipeline, self._config, self._recorder
        cache = StageCache(pipeline, config, self._ledger, recorder, self._results, self._disk_full)
        executor = StageExecutor(pipeline, config, recorder, pool, inference, self._disk_full)
        return RecordingRunner(
            pipeline, config, self._ledger, recorder, pool, cache, executor, self._earlier
        )

    async def _until_done_or_stopped(
        self, runner: RecordingRunner, pool: CpuPool, inference: InferenceService
    ) -> None:
        everything = asyncio.create_task(self._go_through(runner, inference))
        stop = asyncio.create_task(self._stop_requested.wait())
        await asyncio.wait({everything, stop}, return_when=asyncio.FIRST_COMPLETED)
        stop.cancel()
        if not everything.done():
            pool.drain()
            inference.drain()
            await self._drained(pool, inference)
            everything.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await everything

    async def _drained(self, pool: CpuPool, inference: InferenceService) -> None:
        """Wait until what was begun is over, but not longer than a stop may take."""
        until = time.monotonic() + self._config.drain_seconds
        while (pool.busy or inference.busy) and not self._stop_now and time.monotonic() < until:
            await asyncio.sleep(0.02)

    async def _go_through(self, runner: RecordingRunner, inference: InferenceService) -> None:
        """All recordings through all models, which are loaded together or one after the other."""
        plan = self._planner.plan()
        for text in [*self._planner.left_on_cpu(), *filter(None, [plan.reason])]:
            self._recorder.note(text)
        if plan.short:
            self._recorder.warn("the models may not fit; --placement sequential needs less memory")
        try:
            if plan.is_sequential:
                passes = SequentialPasses(
                    passes_of(self._pipeline),
                    self._planner,
                    inference,
                    self._recorder,
                    lambda: self._stopped is not None,
                    self._config.intervals.memory_back,
                )
                while jobs := await self._intake.all_waiting():
                    await passes.take(
                        jobs,
                        lambda some, process: self._admit(Intake(some), process, runner),
                        runner.process,
                        runner.give_up,
                    )
            else:
                inference.place(self._planner.placements(self._pipeline.models))
                await self._begin(self._intake.waiting, inference)
                await self._admit(self._intake, runner.process, runner)
        finally:
            await runner.cancel()

    async def _begin(self, jobs: Sequence[Job], inference: InferenceService) -> None:
        """Start what new recordings are going to need at first, all at the same time: also a
        worker more than there are recordings, for parts of one."""
        new = sum(job.original.before is None for job in jobs)
        if not new or self._pool is None:
            return
        await self._pool.begin(1)
        models = [at for at, s in enumerate(self._pipeline.stages) if isinstance(s, ModelStage)]
        # Where there are results, it may turn out that no model is needed.
        if models and not store.artifacts(self._config.cache).exists():
            inference.expect(models[0])
            await asyncio.sleep(0)  # model workers before the other workers: they take longer
        await self._pool.begin(new + 1)

    async def _admit(
        self, intake: Intake, process: Callable[[Job], Awaitable[None]], runner: RecordingRunner
    ) -> None:
        await admit(intake, self._config.open_recordings, process, runner.give_up)

    def _clock_stopped(self, clock: asyncio.Task[None]) -> None:
        """Nobody waits for the clock: a fault in it must not go unseen."""
        if not clock.cancelled() and (error := clock.exception()) is not None:
            self._recorder.line({"event": "error", "message": repr(error)})
            self._fatal(f"a fault of this program in the monitor: {error!r}")

    async def _tick(self, inference: InferenceService, controller: ResourceController) -> None:
        """Sample, and tell where the run stands."""
        intervals = self._config.intervals
        every = max(1, round(intervals.sample / intervals.tell))
        ticks = 0
        while True:
            if ticks % every == 0:
                sample = self._monitor.take()
                self._recorder.line(sample.as_line())
                controller.see(sample)
            self._emit(Progressed(self._recorder.snapshot(inference.queued)))
            try:
                self._ledger.commit()  # also when nothing new comes for a while
            except sqlite3.OperationalError:
                self._disk_full()
            ticks += 1
            await asyncio.sleep(intervals.tell)

    def _on_batch(self, batch: BatchDone) -> None:
        last = self._monitor.last
        memory = None
        if last is not None and batch.replica.device.kind != "cpu":
            memory = next(
                (d.used_mb for d in last.devices if d.index == batch.replica.device.index), None
            )
        self._recorder.batch(batch, memory)

    def _fatal(self, reason: str) -> None:
        if self._stopped is None:  # a second cause is no reason to stop at once
            self.stop(reason)

    def _disk_full(self) -> None:
        if self._stopped is None:
            self.stop(
                f"the disk under {self._config.out} is full; free some space and give the same "
                "command again, finished work is kept"
            )

    def _running(self) -> dict[int, str]:
        """The run's processes by id, and what each is."""
        found = {os.getpid(): "coordinator"}
        if self._pool is not None:
            found |= dict.fromkeys(self._pool.pids, "worker")
        if self._inference is not None:
            found |= self._inference.processes
        return found


def sweep(cache: Path) -> None:
    """Remove what a run that was killed left half-written."""
    gate.sweep(cache / gate.TEMPORARY, atomic.LEFTOVER)
    gate.sweep(store.artifacts(cache), atomic.LEFTOVER, deep=True)
    gate.sweep(store.artifacts(cache), store.SPILL_FILE, deep=True)
