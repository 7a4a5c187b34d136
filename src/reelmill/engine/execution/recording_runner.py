"""One recording's passage through a pipeline: asked for from the end, made where missing."""

from __future__ import annotations

import asyncio
import sqlite3
import time
import traceback
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from reelmill.core import gate
from reelmill.core.recording import FileState, Identity, Recording
from reelmill.engine.aio import end_tasks
from reelmill.engine.config import EngineConfig
from reelmill.engine.execution.earlier import EarlierWork
from reelmill.engine.execution.planning import Job, Keys, is_whole, recording_of, summary_of
from reelmill.engine.execution.run_recorder import RunRecorder
from reelmill.engine.inference.service import InferenceService
from reelmill.engine.inference.stage_run import StageFailed, StageRun, joined
from reelmill.engine.pipeline import Pipeline
from reelmill.engine.process import cpu_worker
from reelmill.engine.process.cpu_pool import CpuPool
from reelmill.engine.resources import policy
from reelmill.engine.resources.placement import ModelPass
from reelmill.engine.stage import (
    FileStage,
    ModelStage,
    Stage,
)
from reelmill.engine.state import artifact_store as store
from reelmill.engine.state.run_db import Ledger, Result
from reelmill.errors import Failure, InputError, NotOursError, ReelmillError, describe

_T = TypeVar("_T")

#: Later stages go first, so that recordings are finished rather than begun; within a stage,
#: merging goes before splitting. Looking at an original again is quick and ends a recording.
_IDENTIFY_PRIORITY = 1
_CHECK_PRIORITY = -1000


class RunStopping(Exception):
    """The run, or a model's pass, ends before this recording is finished; nothing is held against
    the recording."""


class RecordingRunner:
    """Takes recordings through the stages."""

    def __init__(
        self,
        pipeline: Pipeline,
        config: EngineConfig,
        ledger: Ledger,
        recorder: RunRecorder,
        pool: CpuPool,
        inference: InferenceService,
        results: dict[str, Result],
        earlier: EarlierWork,
        on_disk_full: Callable[[], None],
    ) -> None:
        self._pipeline = pipeline
        self._config = config
        self._ledger = ledger
        self._recorder = recorder
        self._pool = pool
        self._inference = inference
        self._results = results
        self._earlier = earlier
        self._on_disk_full = on_disk_full
        self._keys = Keys(pipeline)
        self._making: dict[str, asyncio.Task[Result]] = {}
        self._open_by_content: dict[str, int] = {}
        #: Recordings that were begun and are not finished; with models loaded one after the other
        #: that may be all.
        self._entered: dict[Job, Recording] = {}
        self._found_foreign = False

    async def process(self, job: Job, model_pass: ModelPass | None = None) -> None:
        """All of one recording; failures end up in the job. With models loaded one after the other
        only what this pass's model is needed for, and all of it when no other model is needed any
        more.

        Raises:
            RunStopping: the run, or the pass of a model it needs, ends first.
        """
        job.started = job.started or time.monotonic()
        recording: Recording | None = None
        try:
            recording = self._entered.get(job) or await self._enter(job)
            goals, is_all = self._goals(recording, model_pass)
            await self._obtain_all(recording, goals)
            if not is_all:
                return
        except StageFailed as error:
            job.failure = error.failure
        await self._check_untouched(job)
        job.seconds = time.monotonic() - job.started
        job.status = "failed" if job.failure else "done"
        if recording is not None:
            job.summary = summary_of(recording, self._pipeline, self._keys, self._results)
            self._close(job, recording)
        self._recorder.finished(job)

    async def _enter(self, job: Job) -> Recording:
        before = job.original.before or await self._identify(job)
        recording = self._entered[job] = recording_of(job, before, self._config.cache)
        self._earlier.entered(recording)
        self._open_by_content[recording.id] = self._open_by_content.get(recording.id, 0) + 1
        return recording

    def _goals(
        self, recording: Recording, model_pass: ModelPass | None
    ) -> tuple[list[Stage], bool]:
        """The stages to ask for now, and whether that is all there is to do."""
        if model_pass is None:
            return self._pipeline.ends, True
        needed: dict[int, Stage] = {}
        waiting = list(self._pipeline.ends)
        while waiting:
            stage = waiting.pop()
            if self._known(recording, stage) is None:
                needed[self._pipeline.position(stage)] = stage
                waiting += self._pipeline.makers(stage)
        models = {at for at, stage in needed.items() if isinstance(stage, ModelStage)}
        if models <= model_pass.stages:
            return self._pipeline.ends, True
        return [needed[at] for at in sorted(models & model_pass.stages)], False

    def give_up(self, job: Job, error: Exception) -> None:
        """An error in the engine itself: a bug, told as one, that costs this recording."""
        self._recorder.line({"event": "error", "trace": traceback.format_exc()})
        text = f"{job.path}: {describe(error)} (a fault of this program; see the run's log)"
        job.failure, job.status = Failure("engine", "crash", text), "failed"
        self._recorder.finished(job)

    async def cancel(self) -> None:
        """End whatever is still being made."""
        await end_tasks(list(self._making.values()))

    # -- the original

    async def _identify(self, job: Job) -> FileState:
        state, identity = await self._try("identify", partial(self._read, job, _IDENTIFY_PRIORITY))
        original, job.identity = job.original, identity
        is_new = original.hashed_at is None
        original.before, original.hashed_at = state, time.time()
        original.inode, original.size, original.mtime_ns = (
            identity.inode,
            identity.size,
            identity.mtime_ns,
        )
        job.compare_with_earlier(state)
        lost = self._earlier.lost.claim(original.path, state.sha256) if is_new else None
        if lost is not None:  # it was moved: what it was called before is found again
            original.name = lost.name
            self._note(partial(self._ledger.forget_original, lost.path))
        self._note(partial(self._ledger.put_original, original))
        return state

    async def _read(self, job: Job, priority: int) -> tuple[FileState, Identity]:
        answer = await self._pool.identify(job.path, job.size, priority, self._config.stall_timeout)
        made = self._made("identify", answer)
        assert made.state is not None and made.identity is not None
        return made.state, made.identity

    async def _check_untouched(self, job: Job) -> None:
        """Hash the original again; any difference is an error in the report, and a failure: what
        was found out may be another content's."""
        original = job.original
        if original.before is None:
            return
        try:
            after, identity = await self._try("check", partial(self._read, job, _CHECK_PRIORITY))
        except StageFailed as error:
            job.changed = [f"cannot be read any more: {error}"]
            job.failure = job.failure or Failure("check", error.failure.kind, str(error))
        else:
            original.after, original.checked_at = after, time.time()
            job.changed = original.before.differences(after)
            if job.identity is not None and not job.changed:
                job.changed = job.identity.differences(identity)
        if job.changed and job.failure is None:
            text = (
                f"{job.path}: changed during the run ({'; '.join(job.changed)}); its results may "
                "be of another content: give the same command again"
            )
            job.failure = Failure("check", "input", text)

    def _close(self, job: Job, recording: Recording) -> None:
        """Remember that all is done; or that the content is at fault and trying again is vain."""
        del self._entered[job]
        original, failure = job.original, job.failure
        if failure is None or failure.permanent:
            original.outcome = self._keys.of_all_ends(recording)
        original.failure = failure
        self._note(partial(self._ledger.put_original, original))
        self._open_by_content[recording.id] -= 1
        if not self._open_by_content[recording.id]:
            del self._open_by_content[recording.id]
            self._remove_temporary(recording)
        self._forget(recording)

    def _remove_temporary(self, recording: Recording) -> None:
        if self._config.keep_temporary:
            return
        for stage in self._pipeline.stages:
            result = self._results.get(self._keys.of(stage, recording)) if stage.temporary else None
            for file in result.files[1:] if result else ():
                self._remove(Path(file))

    def _forget(self, recording: Recording) -> None:
        """What a finished recording leaves in memory does not grow with its items or stages."""
        if recording.id not in self._open_by_content:
            for stage in self._pipeline.stages:
                self._results.pop(self._keys.of(stage, recording), None)
        self._keys.forget(recording)

    # -- one stage

    async def _obtain_all(self, recording: Recording, stages: Sequence[Stage]) -> list[Result]:
        """The results of several stages; when one fails, the others are finished first."""
        return await _all_or_first_error([self._obtain(recording, stage) for stage in stages])

    async def _obtain(self, recording: Recording, stage: Stage) -> Result:
        """A stage's result: known, being made for somebody else too, or made now.

        Raises:
            StageFailed: it, or one it needs, failed for good.
            RunStopping
        """
        key = self._keys.of(stage, recording)
        known = self._known(recording, stage)
        if known is not None:
            return known
        task = self._making.get(key)
        if task is None:
            task = self._making[key] = asyncio.create_task(self._make(recording, stage, key))
            task.add_done_callback(lambda _: self._making.pop(key, None))
        return await asyncio.shield(task)

    def _known(self, recording: Recording, stage: Stage) -> Result | None:
        """A stage's result if it is there: noted, or written by an interrupted run."""
        key = self._keys.of(stage, recording)
        known = self._results.get(key)
        if known is not None and not self._replaceable(known, stage) and is_whole(known):
            if known.from_before:
                known.from_before = False
                self._recorder.stages[stage.name].reused += 1
            return known
        if key in self._making:
            return None
        task = self._task(recording, stage, key)
        adopted = self._adopt(task, stage)
        return None if adopted is None else self._keep(task, stage, adopted, 0.0)

    def _keep(
        self, task: cpu_worker.StageTask, stage: Stage, made: cpu_worker.Made, seconds: float
    ) -> Result:
        files = [str(task.target), *made.files]
        result = Result(
            task.key,
            stage.name,
            task.recording.id,
            files,
            made.summary,
            seconds,
            stamps=made.stamps,
        )
        self._results[task.key] = result
        self._note(partial(self._ledger.put_result, result))
        return result

    @staticmethod
    def _replaceable(known: Result, stage: Stage) -> bool:
        """Whether an earlier run's files may by now be another content's or setting's: those
        with a recording's name. The artifact beside them says whose they are."""
        return stage.named_outputs and known.from_before

    async def _make(self, recording: Recording, stage: Stage, key: str) -> Result:
        task = self._task(recording, stage, key)
        if isinstance(stage, ModelStage):
            if not self._inference.in_pass(task.stage):
                raise RunStopping
            self._inference.expect(task.stage)
        sources = await self._obtain_all(recording, self._pipeline.makers(stage))
        task = replace(task, sources=tuple(source.stored for source in sources))
        began = time.monotonic()
        try:
            made = await self._make_anew(task, stage)
        except cpu_worker.Damaged as damaged:
            self._discard(damaged.path, str(damaged), sources)
            return await self._make(recording, stage, key)
        return self._keep(task, stage, made, time.monotonic() - began)

    def _discard(self, path: Path, reason: str, sources: Sequence[Result]) -> None:
        """Remove an artifact that cannot be used, so that it is made again."""
        self._recorder.warn(f"{reason}; it is made again")
        self._remove(path)
        for source in sources:
            if source.files[0] == str(path):
                self._results.pop(source.key, None)

    def _task(self, recording: Recording, stage: Stage, key: str) -> cpu_worker.StageTask:
        if stage.named_outputs:
            target = store.named_path(self._config.cache, stage.name, recording.name)
        else:
            target = store.artifact_path(recording.folder, stage.name, key)
        return cpu_worker.StageTask(self._pipeline.position(stage), recording, (), key, target)

    def _adopt(self, task: cpu_worker.StageTask, stage: Stage) -> cpu_worker.Made | None:
        """What an interrupted run wrote but had no time to note."""
        try:
            made = cpu_worker.adopt(task, stage, self._config.seal)
        except InputError as error:
            self._tell_foreign(error)
            return None
        if made is not None:
            self._recorder.stages[stage.name].reused += 1
        return made

    def _tell_foreign(self, error: InputError) -> None:
        """There may be thousands more: the first one is said, the rest is in the log."""
        self._recorder.line({"event": "not ours", "message": str(error)})
        if not self._found_foreign:
            self._found_foreign = True
            self._recorder.warn(f"{error}; it is made again, and so is every other one like it")

    async def _make_anew(self, task: cpu_worker.StageTask, stage: Stage) -> cpu_worker.Made:
        totals = self._recorder.stages[stage.name]
        if totals.first_at is None:
            totals.first_at = self._recorder.clock()
        run = self._run_model_stage
        if isinstance(stage, FileStage):
            run = self._run_parted_file_stage if stage.parted else self._run_file_stage
        if stage.named_outputs:  # from here on the files are not whole, and nobody's
            self._remove(task.target)
        try:
            made = await self._try(stage.name, partial(run, task, stage))
        except StageFailed:
            totals.failed += 1
            raise
        finally:
            totals.last_at = self._recorder.clock()
        totals.done += 1
        self._recorder.line(
            {"event": "stage", "at": totals.last_at, "stage": stage.name, "key": task.key}
        )
        return made

    async def _run_file_stage(self, task: cpu_worker.StageTask, stage: Stage) -> cpu_worker.Made:
        return await self._in_pool(cpu_worker.Run(**vars(task)), stage)

    async def _run_parted_file_stage(
        self, task: cpu_worker.StageTask, stage: Stage
    ) -> cpu_worker.Made:
        parts = (await self._in_pool(cpu_worker.Parts(**vars(task)), stage)).parts
        runs = [
            self._in_pool(cpu_worker.RunPart(**vars(replace(task, part=part))), stage)
            for part in parts
        ]
        pieces = tuple(made.piece for made in await _all_or_first_error(runs))
        return await self._in_pool(cpu_worker.Join(**vars(task), pieces=pieces), stage, ending=True)

    async def _in_pool(
        self, task: cpu_worker.Task, stage: Stage, ending: bool = False
    ) -> cpu_worker.Made:
        """A task in the CPU pool; one that is `ending` a stage goes before those that begin it."""
        priority = -2 * self._pipeline.position(stage) - ending
        answer = await self._pool.run(task, priority, stall=self._config.stall_timeout)
        return self._made(stage.name, answer)

    async def _run_model_stage(self, task: cpu_worker.StageTask, stage: Stage) -> cpu_worker.Made:
        parts: tuple[object, ...] = (None,)
        if stage.parted:
            parts = (await self._in_pool(cpu_worker.Parts(**vars(task)), stage)).parts
        base, label = task.target.with_suffix(".spill"), str(task.recording.path)
        stage_runs = [self._inference.open(task.stage, label, base) for _ in parts]
        try:
            handed = await _all_or_first_error(
                [
                    self._fly(
                        cpu_worker.Split(**vars(replace(task, part=part))),
                        stage,
                        stage_run,
                        stage_runs,
                    )
                    for part, stage_run in zip(parts, stage_runs, strict=True)
                ]
            )
            spill_files, places = joined(stage_runs)
            merge = cpu_worker.Merge(
                **vars(task), spill_files=spill_files, places=places, handed=tuple(handed)
            )
            return await self._in_pool(merge, stage, ending=True)
        finally:
            for stage_run in stage_runs:
                self._inference.close(stage_run)

    async def _fly(
        self, task: cpu_worker.Split, stage: Stage, stage_run: StageRun, others: Sequence[StageRun]
    ) -> Any:
        """One part of a recording from its split to its last output; its failure is theirs.
        Gives what `split` returned."""
        try:
            handed = await self._split(task, stage, stage_run)
            await stage_run.finished
            return handed
        except Exception as error:
            for other in others:
                self._inference.abandon(other, error)
            raise

    async def _split(self, task: cpu_worker.Split, stage: Stage, stage_run: StageRun) -> Any:
        total: int | None = None
        try:
            answer = await self._pool.run(
                task,
                -2 * task.stage,
                stall=self._config.stall_timeout,
                room=partial(self._inference.room, stage_run),
                on_item=partial(self._inference.add, stage_run),
                may_start=self._inference.has_room,
            )
            made = self._made(stage.name, answer)
            if made.stopped:
                if stage_run.finished.done():
                    await stage_run.finished
                raise RunStopping
            total = made.items
            return made.handed
        finally:
            self._inference.split_ended(stage_run, total)

    # -- failures

    async def _try(self, stage: str, attempt: Callable[[], Awaitable[_T]]) -> _T:
        """Do it, again after a wait when the cause can pass.

        Raises:
            StageFailed: for good.
        """
        tries = 0
        while True:
            tries += 1
            try:
                return await attempt()
            except StageFailed as error:
                if error.final:
                    raise
                failure = replace(error.failure, stage=stage, tries=tries)
            except ReelmillError as error:  # of the process that was to do it
                failure = Failure(stage, error.kind, str(error), tries)
            wait = self._wait_after(failure)
            if wait is None:
                raise StageFailed(failure, final=True)
            self._recorder.warn(f"{failure.message} (in {stage}); trying again in {wait:.0f} s")
            await asyncio.sleep(wait)

    def _wait_after(self, failure: Failure) -> float | None:
        """Seconds until the next try; None when there is none. A crash may have had a cause
        outside the recording: it gets a second chance."""
        if failure.kind == "crash":
            return 0.0 if failure.tries == 1 else None
        if failure.kind in ("transient", "resource"):
            return policy.retry_wait(failure.tries, self._config.retry_waits)
        return None

    def _made(self, stage: str, answer: cpu_worker.Made | cpu_worker.Failed) -> cpu_worker.Made:
        """A task's answer; its failure as an exception, a full disk as the end of the run."""
        if stage in self._recorder.stages:
            self._recorder.stages[stage].cpu_seconds += answer.cpu_seconds
        if isinstance(answer, cpu_worker.Made):
            return answer
        if answer.disk_full:
            self._on_disk_full()
            raise RunStopping
        if answer.damaged is not None:
            raise cpu_worker.Damaged(answer.damaged, answer.message)
        self._recorder.line({"event": "error", "message": answer.message, "trace": answer.trace})
        raise StageFailed(Failure(stage, answer.kind, answer.message, permanent=answer.permanent))

    def _remove(self, path: Path) -> None:
        """Remove a file of the cache; one that is not ours after all stays, and is told of."""
        try:
            gate.remove(path)
        except NotOursError as error:
            self._recorder.warn(str(error))

    def _note(self, write: Callable[[], None]) -> None:
        """Write to the ledger. Without it the next run finds the artifacts by their names."""
        try:
            write()
        except sqlite3.OperationalError:
            self._on_disk_full()


async def _all_or_first_error(coroutines: Sequence[Awaitable[_T]]) -> list[_T]:
    """All results; when one fails, the others are waited for, so that nothing is still at work
    on what is being cleared away."""
    done = await asyncio.gather(*coroutines, return_exceptions=True)
    errors = [result for result in done if isinstance(result, BaseException)]
    if errors:
        raise next((e for e in errors if not isinstance(e, RunStopping)), errors[0])
    return [result for result in done if not isinstance(result, BaseException)]
