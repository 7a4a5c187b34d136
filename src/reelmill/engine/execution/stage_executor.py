"""Makes one stage's result: in the CPU pool, by a model, or in parts. Handles failures."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, NoReturn, TypeVar

from reelmill.engine.aio import aside
from reelmill.engine.config import EngineConfig
from reelmill.engine.execution.exchange import Exchange
from reelmill.engine.execution.followers import Followers, to_flush
from reelmill.engine.execution.previews import Previews
from reelmill.engine.execution.run_recorder import RunRecorder
from reelmill.engine.execution.shared_stage import Outputs, shared_outputs
from reelmill.engine.execution.withdrawals import Withdrawals, Withdrawn
from reelmill.engine.inference.run_inference import RunInference
from reelmill.engine.inference.stage_run import StageFailed, StageRun, joined
from reelmill.engine.pipeline import Pipeline
from reelmill.engine.process import cpu_worker
from reelmill.engine.process.arena import Block
from reelmill.engine.process.cpu_pool import Room, RunPool
from reelmill.engine.resources import policy
from reelmill.engine.stage import FileStage, ModelStage, Stage
from reelmill.errors import Failure, NotBegunError, ReelmillError

_T = TypeVar("_T")

#: Workers that may die before they began one and the same task: one that cannot start at all would
#: otherwise be replaced for ever.
_MOST_LOST = 5


class RunStopping(Exception):
    """The run, or a model's pass, ends before this recording is finished. This is not a failure of
    the recording."""


class StageExecutor:
    """Makes the results of stages, and retries transient failures."""

    def __init__(
        self,
        pipeline: Pipeline,
        config: EngineConfig,
        recorder: RunRecorder,
        pool: RunPool,
        inference: RunInference,
        on_disk_full: Callable[[], None],
        withdrawals: Withdrawals | None = None,
        exchange: Exchange | None = None,
    ) -> None:
        self._pipeline = pipeline
        self._config = config
        self._recorder = recorder
        self._pool = pool
        self._inference = inference
        self._on_disk_full = on_disk_full
        self._withdrawals = withdrawals or Withdrawals()
        self._exchange = exchange
        self.followers = Followers()
        #: Stage runs whose split followed another task, by the key of the result.
        self._split_ahead: dict[str, StageRun] = {}

    def expect(self, stage: Stage) -> None:
        """Announce that a stage's result will be made, so that its model is loaded meanwhile.

        Raises:
            RunStopping: in this pass its model is not loaded.
        """
        if isinstance(stage, ModelStage):
            at = self._pipeline.position(stage)
            if not self._inference.in_pass(at):
                raise RunStopping
            self._inference.expect(at)

    async def make(self, task: cpu_worker.StageTask, stage: Stage) -> cpu_worker.Made:
        """Make one stage's result for one recording from its inputs.

        Raises:
            StageFailed: for good.
            RunStopping
            Damaged: what it reads cannot be used.
        """
        self._recorder.stage_begins(stage.name)
        run = self._run_model_stage
        if isinstance(stage, FileStage):
            run = self._run_parted_file_stage if stage.parted else self._run_file_stage
        try:
            made = await self.attempt(stage.name, partial(run, task, stage))
            await self.attempt(stage.name, partial(self._flush, task, stage, made))
        except BaseException as error:
            self._recorder.stage_broke_off(stage.name, failed=isinstance(error, StageFailed))
            raise
        finally:
            self.forget([task.key])
        self._recorder.stage_done(stage.name, task.key)
        return made

    async def _flush(self, task: cpu_worker.StageTask, stage: Stage, made: cpu_worker.Made) -> None:
        """Flush a result to the disk, which must be done before anything says that it exists. Those
        of several recordings are flushed at the same time."""
        files = to_flush(task, stage, made)
        if not self.followers.has_to_flush(task.key, files):
            return
        try:
            await aside(self.followers.flush, task.key, files)
        except FileNotFoundError:
            pass  # somebody removed it; whoever reads it has it made again
        except (OSError, ReelmillError) as error:
            self.accept(stage.name, cpu_worker.failed(error, task))

    def failed_elsewhere(self, failure: Failure) -> NoReturn:
        """Count a failure of another engine. Raises StageFailed."""
        self._recorder.stage_begins(failure.stage)
        self._recorder.stage_broke_off(failure.stage, failed=True)
        raise StageFailed(failure, final=True)

    async def _run_file_stage(self, task: cpu_worker.StageTask, stage: Stage) -> cpu_worker.Made:
        if (answer := self.followers.take(task.key)) is not None:
            return self.accept(stage.name, answer)
        return await self._in_pool_with_followers(cpu_worker.Run(**vars(task)), stage)

    async def _run_parted_file_stage(
        self, task: cpu_worker.StageTask, stage: Stage
    ) -> cpu_worker.Made:
        parts = (await self._in_pool(cpu_worker.Parts(**vars(task)), stage)).parts
        runs = [
            self._in_pool(cpu_worker.RunPart(**vars(replace(task, part=part))), stage)
            for part in parts
        ]
        pieces = tuple(made.piece for made in await all_or_first_error(runs))
        return await self._in_pool(cpu_worker.Join(**vars(task), pieces=pieces), stage, ending=True)

    async def _in_pool(
        self, task: cpu_worker.Task, stage: Stage, ending: bool = False
    ) -> cpu_worker.Made:
        """Run a task in the CPU pool. Tasks that are `ending` a stage go before those that begin
        one."""
        priority = -2 * self._pipeline.position(stage) - ending
        answer = await self._pool.run(task, priority, stall=self._config.stall_timeout)
        return self.accept(stage.name, answer)

    async def _in_pool_with_followers(
        self, task: cpu_worker.Run | cpu_worker.Merge, stage: Stage, ending: bool = False
    ) -> cpu_worker.Made:
        """The same with a task that makes a result, and with others right after it."""
        then = self.followers.of(task.key)
        with self._splitting(then) as splitting:
            answer = await self._pool.run(
                task,
                -2 * self._pipeline.position(stage) - ending,
                then=then,
                stall=self._config.stall_timeout,
                **splitting,
            )
            made = self.accept(stage.name, answer)
            if task.recording.path not in self._withdrawals:  # nobody would ask for them
                self.followers.answered(task.key, then, made, self._pipeline.stages)
        return made

    @contextlib.contextmanager
    def _splitting(
        self, then: Sequence[cpu_worker.Run | cpu_worker.Split]
    ) -> Iterator[dict[str, Any]]:
        """What the pool needs for tasks that end with a split. Its stage run waits for the stage,
        if the worker gets to it."""
        if not then or not isinstance(then[-1], cpu_worker.Split):
            yield {}
            return
        key, stage_run = then[-1].key, self.stage_run(then[-1])
        self._split_ahead[key] = stage_run
        end = partial(self.abandon, stage_run)
        try:
            with self._withdrawals.ending(then[-1].recording.path, end):
                yield {
                    "room": partial(self.room, stage_run),
                    "on_item": partial(self._inference.items.add, stage_run),
                }
        finally:
            if key not in self.followers:
                self.forget([key])

    def may_split(self, stage: Stage) -> bool:
        """Whether the split of a stage may follow another task now."""
        at = self._pipeline.position(stage)
        return (
            isinstance(stage, ModelStage)
            and not stage.parted
            and not (self._config.previews and stage.previewed)
            and self._inference.in_pass(at)
            and self._inference.has_room()
        )

    def forget(self, keys: Iterable[str] | None = None) -> None:
        """Drop what nobody asks for any more, of these results or of all."""
        keys = list(self._split_ahead) if keys is None else list(keys)
        for key in keys:
            stage_run = self._split_ahead.pop(key, None)
            if stage_run is not None:
                self.split_ended(stage_run, None)
                self._inference.items.close(stage_run)
        self.followers.forget(keys)

    async def _run_model_stage(self, task: cpu_worker.StageTask, stage: Stage) -> cpu_worker.Made:
        parts: tuple[object, ...] = (None,)
        if stage.parted:
            parts = (await self._in_pool(cpu_worker.Parts(**vars(task)), stage)).parts
        stage_runs: list[StageRun] = []

        def end(why: Withdrawn) -> None:
            for stage_run in stage_runs:
                self.abandon(stage_run, why)

        try:
            with self._withdrawals.ending(task.recording.path, end):
                self._withdrawals.check(task.recording.path)
                outputs = await self._outputs(task, stage, parts, stage_runs)
                merge = cpu_worker.Merge(
                    **vars(task),
                    spill_files=outputs.spill_files,
                    places=outputs.places,
                    handed=outputs.handed,
                )
                return await self._in_pool_with_followers(merge, stage, ending=True)
        finally:
            for stage_run in stage_runs:
                self._inference.items.close(stage_run)

    async def _outputs(
        self,
        task: cpu_worker.StageTask,
        stage: Stage,
        parts: Sequence[object],
        stage_runs: list[StageRun],
    ) -> Outputs:
        """All outputs of a model stage; `stage_runs` takes up its stage runs."""
        if self._exchange is not None and self._exchange.shares(task.recording.path):
            return await shared_outputs(
                self, self._exchange, self._config, task, stage, parts, stage_runs
            )
        ahead = self._split_ahead.pop(task.key, None)
        stage_runs += [ahead] if ahead is not None else [self.stage_run(task) for _ in parts]
        if self._config.previews and isinstance(stage, ModelStage) and stage.previewed:
            stage_runs[0].on_output = Previews(
                task.recording.path, stage.name, self._config.spill_key, self._recorder.previewed
            )
        splits = [cpu_worker.Split(**vars(replace(task, part=part))) for part in parts]
        handed = await self.run_parts(splits, stage, stage_runs, stage_runs)
        return Outputs(*joined(stage_runs), tuple(handed))

    def stage_run(self, task: cpu_worker.StageTask) -> StageRun:
        """Begin a stage run of a recording, or of a part of one."""
        base = task.target.with_suffix(".spill")
        return self._inference.open(task.stage, str(task.recording.path), base)

    def abandon(self, stage_run: StageRun, why: Exception) -> None:
        """Nothing more is to be done for a stage run."""
        self._inference.items.abandon(stage_run, why)

    def room(self, stage_run: StageRun, size: int) -> asyncio.Future[Block | None]:
        """Wait for a block for an item; None if the stage run is over."""
        return self._inference.items.room(stage_run, size)

    def split_ended(self, stage_run: StageRun, total: int | None) -> None:
        """A split is over, with `total` items, or None if it failed."""
        self._inference.items.split_ended(stage_run, total)

    async def run_parts(
        self,
        splits: Sequence[cpu_worker.Split],
        stage: Stage,
        stage_runs: Sequence[StageRun],
        others: Sequence[StageRun],
    ) -> list[Any]:
        """Process parts of a recording from their splits to their last outputs. If one fails, all
        `others` fail. Returns what `split` returned, by part."""
        return await all_or_first_error(
            [
                self._run_part(split, stage, stage_run, others)
                for split, stage_run in zip(splits, stage_runs, strict=True)
            ]
        )

    async def _run_part(
        self, task: cpu_worker.Split, stage: Stage, stage_run: StageRun, others: Sequence[StageRun]
    ) -> Any:
        try:
            handed = await self.split(task, stage, stage_run, partial(self.room, stage_run))
            await stage_run.finished
            return handed
        except Exception as error:
            for other in others:
                self.abandon(other, error)
            raise

    async def split(
        self, task: cpu_worker.Split, stage: Stage, stage_run: StageRun, room: Room
    ) -> Any:
        """Split a recording, or a part of one, into items; `room` gives each item its block.
        Returns what `split` returned."""
        total: int | None = None
        try:
            answer = self.followers.take(task.key) or await self._pool.run(
                task,
                -2 * task.stage,
                stall=self._config.stall_timeout,
                room=room,
                on_item=partial(self._inference.items.add, stage_run),
                may_start=self._inference.has_room,
            )
            made = self.accept(stage.name, answer)
            if made.stopped:
                if stage_run.finished.done():
                    await stage_run.finished
                raise RunStopping
            total = made.items
            return made.handed
        finally:
            self.split_ended(stage_run, total)

    # -- failures

    async def attempt(self, stage: str, attempt: Callable[[], Awaitable[_T]]) -> _T:
        """Call `attempt`, and retry after a wait if the failure is transient.

        Raises:
            StageFailed: for good.
        """
        tries = lost = 0
        while True:
            tries += 1
            try:
                return await attempt()
            except NotBegunError as error:
                lost += 1
                if lost < _MOST_LOST:
                    tries -= 1
                    self._recorder.warn(f"{error} (before {stage} began); another takes over")
                    continue
                failure = Failure(stage, error.kind, str(error), tries)
            except StageFailed as error:
                if error.final:
                    raise
                failure = replace(error.failure, stage=stage, tries=tries)
            except ReelmillError as error:  # of the process that was to do the work
                failure = Failure(stage, error.kind, str(error), tries)
            wait = self._wait_after(failure)
            if wait is None:
                raise StageFailed(failure, final=True)
            self._recorder.warn(f"{failure.message} (in {stage}); trying again in {wait:.0f} s")
            await asyncio.sleep(wait)

    def _wait_after(self, failure: Failure) -> float | None:
        """Seconds until the next try; None if there is none. A crash gets a second try, because its
        cause may lie outside the recording."""
        if failure.kind == "crash":
            return 0.0 if failure.tries == 1 else None
        if failure.kind in ("transient", "resource"):
            return policy.retry_wait(failure.tries, self._config.retry_waits)
        return None

    def accept(self, stage: str, answer: cpu_worker.Made | cpu_worker.Failed) -> cpu_worker.Made:
        """The result of a task. Its failure is raised as an exception, and a full disk ends the
        run."""
        self._recorder.cpu_time(stage, answer.cpu_seconds)
        if isinstance(answer, cpu_worker.Made):
            return answer
        if answer.disk_full:
            self._on_disk_full()
            raise RunStopping
        if answer.damaged is not None:
            raise cpu_worker.Damaged(answer.damaged, answer.message)
        self._recorder.line({"event": "error", "message": answer.message, "trace": answer.trace})
        raise StageFailed(Failure(stage, answer.kind, answer.message, permanent=answer.permanent))


async def all_or_first_error(coroutines: Sequence[Awaitable[_T]]) -> list[_T]:
    """All results. If one fails, the others are awaited first, so that nothing still works on files
    that are removed."""
    if len(coroutines) == 1:
        return [await coroutines[0]]
    done = await asyncio.gather(*coroutines, return_exceptions=True)
    errors = [result for result in done if isinstance(result, BaseException)]
    if errors:
        raise next((e for e in errors if not isinstance(e, RunStopping)), errors[0])
    return [result for result in done if not isinstance(result, BaseException)]
