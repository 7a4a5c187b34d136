"""Runs one recording through a pipeline. Results are requested from the end, and made where
missing."""

from __future__ import annotations

import asyncio
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial

from reelmill.core.recording import FileState, Identity, Recording
from reelmill.engine.aio import aside, end_tasks
from reelmill.engine.config import EngineConfig
from reelmill.engine.execution.earlier import EarlierWork
from reelmill.engine.execution.exchange import Exchange
from reelmill.engine.execution.planning import Job, recording_of, summary_of
from reelmill.engine.execution.run_recorder import RunRecorder
from reelmill.engine.execution.shared_stage import MadeElsewhere
from reelmill.engine.execution.stage_cache import StageCache
from reelmill.engine.execution.stage_executor import StageExecutor, all_or_first_error
from reelmill.engine.execution.withdrawals import Withdrawals, Withdrawn
from reelmill.engine.inference.stage_run import StageFailed
from reelmill.engine.pipeline import Pipeline
from reelmill.engine.process import cpu_worker
from reelmill.engine.process.cpu_pool import RunPool
from reelmill.engine.resources.placement import ModelPass
from reelmill.engine.stage import FileStage, ModelStage, Stage
from reelmill.engine.state.artifact_store import Stored
from reelmill.engine.state.run_db import Ledger, Result
from reelmill.errors import Failure, describe

#: Later stages go first, so that recordings are finished before others start. Within a stage,
#: merging goes before splitting. Checking an original again is quick and completes a recording.
_IDENTIFY_PRIORITY = 1
_CHECK_PRIORITY = -1000


class RecordingRunner:
    """Takes recordings through the stages: order of stages, and who waits for whom."""

    def __init__(
        self,
        pipeline: Pipeline,
        config: EngineConfig,
        ledger: Ledger,
        recorder: RunRecorder,
        pool: RunPool,
        cache: StageCache,
        executor: StageExecutor,
        earlier: EarlierWork,
        withdrawals: Withdrawals | None = None,
        exchange: Exchange | None = None,
        ended: Callable[[Job], None] = lambda job: None,
    ) -> None:
        """`ended` is called with each recording that has ended, after that was reported."""
        self._ended = ended
        self._pipeline = pipeline
        self._config = config
        self._ledger = ledger
        self._recorder = recorder
        self._pool = pool
        self._cache = cache
        self._executor = executor
        self._earlier = earlier
        self._withdrawals = withdrawals or Withdrawals()
        self._exchange = exchange
        self._making: dict[str, asyncio.Task[Result]] = {}
        self._open_by_content: dict[str, int] = {}
        #: Recordings started but not finished. With sequential loading this may be all of them.
        self._entered: dict[Job, Recording] = {}
        #: Failures of other engines, by recording and stage.
        self._failed_elsewhere: dict[tuple[str, str], Failure] = {}

    async def process(self, job: Job, model_pass: ModelPass | None = None) -> None:
        """Run all stages of one recording. Failures are stored in the job. With sequential loading,
        run only what this pass's model is needed for, and everything once no other model is needed.

        Raises:
            RunStopping: the run, or the pass of a model it needs, ends first.
        """
        job.begin()
        recording: Recording | None = None
        try:
            self._withdrawals.check(job.path)
            recording = self._entered.get(job) or await self._enter(job)
            goals, is_all = self._goals(recording, model_pass)
            await self._obtain_all(recording, goals)
            if not is_all:
                return
        except StageFailed as error:
            job.fail(error.failure)
        if job.path not in self._withdrawals:
            await self._check_untouched(job)
        if recording is None:
            job.end()
        else:
            job.end(summary_of(recording, self._cache.keys, self._cache.results))
            self._close(job, recording)
        self._report(job)

    async def _enter(self, job: Job) -> Recording:
        before = job.original.before or await self._identify(job)
        recording = self._entered[job] = recording_of(job, before, self._config.cache)
        self._earlier.entered(recording)
        if (failure := job.elsewhere.failure) is not None:
            self._failed_elsewhere[recording.id, failure.stage] = failure
        self._open_by_content[recording.id] = self._open_by_content.get(recording.id, 0) + 1
        return recording

    def _goals(
        self, recording: Recording, model_pass: ModelPass | None
    ) -> tuple[list[Stage], bool]:
        """The stages to request now, and whether these are all that remain."""
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
        """An internal error is reported as one, and costs only this recording."""
        self._recorder.line({"event": "error", "trace": traceback.format_exc()})
        job.give_up(Failure("engine", "crash", f"{job.path}: {describe(error)}"))
        self._report(job)

    def _report(self, job: Job) -> None:
        self._recorder.finished(job)
        self._ended(job)

    async def cancel(self) -> None:
        """Cancel everything still being made."""
        await end_tasks(list(self._making.values()))
        self._executor.forget()

    # -- the original

    async def _identify(self, job: Job) -> FileState:
        seen = job.seen_elsewhere()
        if seen is not None and job.identity is not None:
            state, identity, at = seen, job.identity, job.elsewhere.hashed_at
        else:
            state, identity = await self._executor.attempt(
                "identify", partial(self._read, job, _IDENTIFY_PRIORITY)
            )
            at = time.time()
        original = job.original
        is_new = original.hashed_at is None
        original.was_hashed(state, identity, at)
        job.was_identified(state, identity)
        lost = self._earlier.lost.claim(original.path, state.sha256) if is_new else None
        if lost is not None:  # the file was moved, and its earlier name is found again
            original.is_called(lost.name)
            self._cache.note(partial(self._ledger.forget_original, lost.path))
        self._cache.note(partial(self._ledger.put_original, original))
        self._recorder.identified(job, state)
        return state

    async def _read(self, job: Job, priority: int) -> tuple[FileState, Identity]:
        answer = await self._pool.identify(job.path, job.size, priority, self._config.stall_timeout)
        made = self._executor.accept("identify", answer)
        assert made.state is not None and made.identity is not None
        return made.state, made.identity

    async def _check_untouched(self, job: Job) -> None:
        """Hash the original again. Any difference is reported as an error and fails the recording,
        because its results may belong to other content."""
        original = job.original
        if original.before is None:
            return
        try:
            after, identity = await self._executor.attempt(
                "check", partial(self._read, job, _CHECK_PRIORITY)
            )
        except StageFailed as error:
            job.cannot_be_checked(str(error))
            job.fail(Failure("check", error.failure.kind, str(error)))
        else:
            same = original.before if after == original.before else after  # a single one is kept
            original.was_checked(same, time.time())
            job.was_checked(after, identity)
            self._recorder.identified(job, after, again=True)
        if changed := job.changed:
            text = (
                f"{job.path}: changed during the run ({'; '.join(changed)}); its results may "
                "describe different content: run the same command again"
            )
            job.fail(Failure("check", "input", text))

    def _close(self, job: Job, recording: Recording) -> None:
        """Store that everything is done, or that the content is at fault and retrying is
        useless."""
        del self._entered[job]
        if (failure := job.elsewhere.failure) is not None:
            self._failed_elsewhere.pop((recording.id, failure.stage), None)
        original = job.original
        original.was_finished(self._cache.keys.of_all_ends(recording), job.failure)
        self._cache.note(partial(self._ledger.put_original, original))
        self._open_by_content[recording.id] -= 1
        is_last = not self._open_by_content[recording.id]
        if is_last:
            del self._open_by_content[recording.id]
            self._cache.remove_temporary(recording)
            self._executor.forget(self._cache.keys.of_all(recording).values())
        self._cache.forget(recording, is_last=is_last)

    # -- one stage

    async def _obtain_all(self, recording: Recording, stages: Sequence[Stage]) -> list[Result]:
        """The results of several stages. If one fails, the others are finished first."""
        return await all_or_first_error([self._obtain(recording, stage) for stage in stages])

    async def _obtain(self, recording: Recording, stage: Stage) -> Result:
        """A stage's result: known already, being made for another stage, or made now.

        Raises:
            StageFailed: it, or one it needs, failed for good.
            RunStopping
        """
        self._withdrawals.check(recording.path)
        key = self._cache.keys.of(stage, recording)
        known = self._known(recording, stage)
        if known is not None:
            return known
        task = self._making.get(key)
        if task is None:
            task = self._making[key] = asyncio.create_task(self._make(recording, stage))
            task.add_done_callback(partial(self._made, key))
        try:
            return await asyncio.shield(task)
        except Withdrawn:
            # Another recording with the same content was withdrawn, for which it was being made.
            self._withdrawals.check(recording.path)
            return await self._obtain(recording, stage)

    def _made(self, key: str, task: asyncio.Task[Result]) -> None:
        self._making.pop(key, None)
        if not task.cancelled():
            # An error reaches those who wait. In a run that stops nothing may be waiting, and
            # asyncio would print the error as never retrieved.
            task.exception()

    def _known(self, recording: Recording, stage: Stage) -> Result | None:
        making = self._cache.keys.of(stage, recording) in self._making
        return self._cache.known(recording, stage, adopt=not making)

    async def _make(self, recording: Recording, stage: Stage) -> Result:
        if (made_elsewhere := await self._brought(recording, stage)) is not None:
            return made_elsewhere
        self._executor.expect(stage)
        sources = await self._obtain_all(recording, self._pipeline.makers(stage))
        task = replace(
            self._cache.task(recording, stage), sources=tuple(one.stored for one in sources)
        )
        if (made_elsewhere := await self._brought(recording, stage)) is not None:
            return made_elsewhere
        if task.key not in self._executor.followers:
            self._cache.clear(task, stage)
        following = partial(self._following, recording, stage, task)
        self._executor.followers.may_follow(task.key, following)
        if failure := self._failed_elsewhere.get((recording.id, stage.name)):
            self._executor.failed_elsewhere(failure)
        began = time.monotonic()
        try:
            made = await self._executor.make(task, stage)
        except MadeElsewhere:
            return await self._make(recording, stage)
        except cpu_worker.Damaged as damaged:
            self._cache.discard(damaged.path, str(damaged), sources)
            return await self._make(recording, stage)
        result = self._cache.keep(task, stage, made, _seconds(made, time.monotonic() - began))
        if (exchange := self._exchange_for(recording, stage)) is not None:
            await aside(exchange.hand_over, task.target)
        return result

    def _following(
        self, recording: Recording, stage: Stage, task: cpu_worker.StageTask
    ) -> list[cpu_worker.Run | cpu_worker.Split]:
        """The tasks that can follow one that makes a stage's result: those that wait for it, and
        for nothing else that is not there by then. A split comes last, because its model does not
        wait for what others read."""
        if self._exchange is not None and self._exchange.shares(recording.path):
            return []
        made = {id(stage): Stored(task.target, task.key, recording.id)}
        found: list[cpu_worker.Run | cpu_worker.Split] = []
        splits: list[cpu_worker.Split] = []
        for other in self._pipeline.stages[self._pipeline.position(stage) + 1 :]:
            follows = self._follower(recording, other, made)
            if follows is None:
                continue
            if isinstance(other, FileStage):
                self._cache.clear(follows, other)
                found.append(cpu_worker.Run(**vars(follows)))
                made[id(other)] = Stored(follows.target, follows.key, recording.id)
            elif not splits and self._executor.may_split(other):
                splits.append(cpu_worker.Split(**vars(follows)))
        return [*found, *splits]

    def _follower(
        self, recording: Recording, stage: Stage, made: Mapping[int, Stored]
    ) -> cpu_worker.StageTask | None:
        """The task for a stage that reads something of what is `made` then, and nothing that is not
        there; None if it is no single task, or nobody waits for it."""
        is_wanted = self._cache.keys.of(stage, recording) in self._making
        if stage.parted or not is_wanted or (recording.id, stage.name) in self._failed_elsewhere:
            return None
        makers = self._pipeline.makers(stage)
        sources = [made.get(id(one)) or self._stored(recording, one) for one in makers]
        read = tuple(one for one in sources if one is not None)
        if len(read) < len(makers) or made.keys().isdisjoint(map(id, makers)):
            return None
        return replace(self._cache.task(recording, stage), sources=read)

    def _stored(self, recording: Recording, stage: Stage) -> Stored | None:
        result = self._cache.results.get(self._cache.keys.of(stage, recording))
        return None if result is None else result.stored

    # -- with engines that work on the same recording

    def _exchange_for(self, recording: Recording, stage: Stage) -> Exchange | None:
        """Where other engines' results of a stage are found; None if there are none."""
        exchange = self._exchange
        if exchange is None or stage.temporary or stage.named_outputs:
            return None
        return exchange if exchange.shares(recording.path) else None

    async def _brought(self, recording: Recording, stage: Stage) -> Result | None:
        """The result of another engine, if there is one."""
        exchange = self._exchange_for(recording, stage)
        if exchange is None:
            return None
        if not await aside(exchange.bring, self._cache.task(recording, stage).target):
            return None
        return self._cache.known(recording, stage, adopt=True)


def _seconds(made: cpu_worker.Made, passed: float) -> float:
    """How long a result took, of the time that passed until it was there."""
    if made.seconds is not None:
        return made.seconds
    return passed - sum(one.seconds or 0.0 for one in made.then if isinstance(one, cpu_worker.Made))
