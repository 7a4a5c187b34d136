"""The CPU pool: processes that identify, run, split and merge. The death of one costs only its
task."""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import itertools
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeAlias

from reelmill.engine.process import cpu_worker
from reelmill.engine.process.arena import Block
from reelmill.engine.process.client import Client, Turns
from reelmill.engine.process.early import ENTRY, ENVIRONMENT, EarlyWorkers
from reelmill.engine.process.handle import WorkerProcess
from reelmill.engine.resources import policy
from reelmill.errors import CrashError, NotBegunError, TransientError

Granted: TypeAlias = "asyncio.Future[Block | None] | asyncio.Future[Block | cpu_worker.Skip | None]"
Room = Callable[[int], Granted]
OnItem = Callable[[cpu_worker.Sent], None]

#: Files of this size and more are hashed in a separate process, because they take seconds to read.
LARGE_FILE_BYTES = 2 << 30
#: How much of one of these is hashed before the next one's turn, in bytes.
_SLICE_BYTES = 1 << 30


#: Workers beyond the pool's size, for runs whose tasks would wait for splits of other runs.
_MOST_EXTRA = 4


@dataclass(order=True)
class _Waiting:
    priority: int
    number: int
    ready: asyncio.Future[None] = field(compare=False)
    may_start: Callable[[], bool] = field(compare=False)


@dataclass(eq=False)
class _Worker:
    """A process of the pool, and the runs it knows."""

    process: WorkerProcess
    environment: Mapping[str, str]
    known: set[int] = field(default_factory=set)


class CpuPool:
    """Up to `size` workers, started when first needed, for the tasks of one run or of several.

    A task of a run with a higher priority goes first. Runs of the same priority have the same
    number of workers, as far as they have tasks. Every eighth task is one of the run that has
    waited longest. Of a run's own tasks that may start, the most urgent goes first.

    A split that waits for room in the arena keeps its process, but tasks of other runs do not wait
    for it: they get another one.
    """

    def __init__(
        self,
        size: int,
        arena_descriptor: int,
        log_folder: Path,
        *,
        memory_mb: int | None = None,
        name: str = "worker",
        slice_bytes: int = _SLICE_BYTES,
        early: EarlyWorkers | None = None,
    ) -> None:
        """`memory_mb`: the most each may use, None for no limit. `name`: their name in messages and
        logs. `slice_bytes`: how much of a large file is hashed before the next one's turn. `early`:
        processes to take first."""
        self.size = size
        self._memory_mb = memory_mb
        self._name = name
        self._slice_bytes = slice_bytes
        self._early = early
        #: Hashes large files, which would keep the workers from everything else.
        self._hasher: CpuPool | None = None
        self._arena_descriptor = arena_descriptor
        self._log_folder = log_folder
        self._idle: list[_Worker] = []
        self._all: set[_Worker] = set()
        self._busy = 0
        self._numbers = itertools.count()
        self._runs: dict[int, RunPool] = {}
        self._turns = Turns()

    def join(self, client: Client) -> RunPool:
        """The pool as a run uses it."""
        run = self._runs[client.number] = RunPool(self, client)
        return run

    @property
    def pids(self) -> list[int]:
        hashers = self._hasher.pids if self._hasher else []
        return [worker.process.pid for worker in self._all] + hashers

    @property
    def busy(self) -> int:
        return self._busy + (self._hasher.busy if self._hasher else 0)

    @property
    def has_waiting(self) -> bool:
        """Whether there are tasks that may start once a process is free."""
        return any(run.waits for run in self._runs.values())

    def wake(self) -> None:
        """Start the tasks that can start. Called whenever a worker or room in the arena becomes
        free."""
        while (found := self._next()) is not None:
            run, waiting = found
            run.starts(next(self._numbers))
            self._turns.taken()
            self._busy += 1
            waiting.ready.set_result(None)

    def _next(self) -> tuple[RunPool, _Waiting] | None:
        """The task whose turn it is, of those that may start."""
        able = [run for run in self._runs.values() if run.waits and self._has_place_for(run)]
        is_fair = self._turns.is_fair
        for run in sorted(able, key=lambda one: one.turn(is_fair=is_fair)):
            if (waiting := run.next()) is not None:
                return run, waiting
        return None

    def _has_place_for(self, run: RunPool) -> bool:
        elsewhere = sum(one.blocked for one in self._runs.values() if one is not run)
        most = self.size + max(self.size, _MOST_EXTRA)
        return self._busy - elsewhere < self.size and self._busy < most

    async def begin(self, client: Client, workers: int) -> None:
        """Start workers ahead of their tasks, up to that number."""
        with contextlib.suppress(TransientError):  # the tasks will say
            while len(self._all) < min(workers, self.size):
                # The first one is ready first, and the last in line is used first.
                self._idle.insert(0, await self._start(client))

    async def worker_for(self, client: Client) -> WorkerProcess:
        """A process that waits for a task of this run, and knows the run."""
        worker = await self._idle_one(client) or await self._start(client)
        try:
            for gone in worker.known - self._runs.keys():
                worker.known.discard(gone)
                await worker.process.send(cpu_worker.End(gone))
            if client.number not in worker.known:
                await worker.process.send(client.begin)
                worker.known.add(client.number)
        except CrashError as error:
            self._all.discard(worker)
            raise NotBegunError(str(error)) from error
        return worker.process

    async def _idle_one(self, client: Client) -> _Worker | None:
        """An idle process, preferably one that knows the run. If all idle ones have other
        variables, and there may be no more processes, one of them is ended."""
        while self._idle:
            fit = [one for one in self._idle if one.environment == client.environment]
            if not fit and len(self._all) < self.size:
                return None
            known = [one for one in fit if client.number in one.known]
            worker = (known or fit or self._idle)[-1]
            self._idle.remove(worker)
            if fit and worker.process.alive:
                return worker
            self._all.discard(worker)
            await worker.process.kill()
        return None

    async def _start(self, client: Client) -> _Worker:
        name = f"{self._name}-{next(self._numbers)}"
        early = self._early.take() if self._early else None
        if early is not None:
            process = await WorkerProcess.adopt(name, early, self._log_folder)
        else:
            process = await WorkerProcess.start(
                name,
                ENTRY,
                self._arena_descriptor,
                self._log_folder,
                environment={**ENVIRONMENT, **client.environment},
            )
        worker = _Worker(process, client.environment, {client.number})
        self._all.add(worker)
        setup = cpu_worker.Setup(self._memory_mb)
        if early is not None:
            setup = replace(setup, log=process.log, environment=client.environment)
        await process.send(setup)
        await process.send(client.begin)
        return worker

    def gives_back(self, process: WorkerProcess) -> None:
        """A process has finished its task."""
        worker = next((one for one in self._all if one.process is process), None)
        if worker is not None:
            self._idle.append(worker)

    async def ends(self, process: WorkerProcess) -> None:
        """A process cannot get another task."""
        self._all = {one for one in self._all if one.process is not process}
        await process.kill()

    async def end_surplus(self) -> None:
        """End idle processes beyond the size of the pool, which splits made necessary."""
        blocked = sum(run.blocked for run in self._runs.values())
        while self._idle and len(self._all) > self.size + blocked:
            worker = self._idle.pop(0)
            self._all.discard(worker)
            await worker.process.stop()

    def freed(self) -> None:
        """A task is over, or gave up its turn."""
        self._busy -= 1
        self.wake()

    def forget(self, client: Client) -> None:
        """A run has ended."""
        self._runs.pop(client.number, None)

    @property
    def hasher(self) -> CpuPool:
        """The process for large files."""
        if self._hasher is None:
            self._hasher = CpuPool(
                1, self._arena_descriptor, self._log_folder, memory_mb=self._memory_mb,
                name="hasher",
            )  # fmt: skip
        return self._hasher

    @property
    def slice_bytes(self) -> int:
        """How much of a large file is hashed before the next one's turn."""
        return self._slice_bytes

    async def trim(self) -> tuple[int, float]:
        """End idle workers, and return their number and memory in MB. They start again when
        needed."""
        idle, self._idle = self._idle, []
        self._all.difference_update(idle)
        freed = sum(worker.process.memory_mb() for worker in idle)
        await asyncio.gather(*(worker.process.stop() for worker in idle))
        return len(idle), freed

    def hang_up(self) -> None:
        """Let all processes exit, without waiting for that. None of them has a task."""
        if self._hasher is not None:
            self._hasher.hang_up()
        for worker in self._all:
            worker.process.hang_up()

    async def close(self) -> None:
        if self._hasher is not None:
            await self._hasher.close()
        await asyncio.gather(*(worker.process.stop() for worker in self._all))
        self._all.clear()
        self._idle.clear()


class RunPool:
    """The CPU pool as one run uses it."""

    def __init__(self, pool: CpuPool, client: Client) -> None:
        self._pool = pool
        self._client = client
        self._waiting: list[_Waiting] = []
        self._numbers = itertools.count()
        self._busy = 0
        #: Its splits that wait for room in the arena.
        self.blocked = 0
        #: Tasks whose worker died or was ended. They may have left unfinished files.
        self.broken_off = 0
        self._started = 0
        self._hashing: RunPool | None = None

    @property
    def busy(self) -> int:
        """Its tasks that are running."""
        return self._busy + (self._hashing.busy if self._hashing else 0)

    @property
    def waits(self) -> bool:
        """Whether it has tasks that may start."""
        client = self._client
        return bool(self._waiting) and not client.is_draining and not client.is_paused

    def turn(self, *, is_fair: bool) -> tuple[int, ...]:
        """Its place in the order of runs: the smallest goes first."""
        if is_fair:
            return (self._started,)
        return -self._client.priority, self._busy, self._started

    def starts(self, number: int) -> None:
        """Its next task starts."""
        self._busy += 1
        self._started = number

    def next(self) -> _Waiting | None:
        """Its most urgent task of those that may start."""
        held: list[_Waiting] = []
        found: _Waiting | None = None
        while self._waiting and found is None:
            waiting = heapq.heappop(self._waiting)
            if waiting.ready.done():
                continue
            if waiting.may_start():
                found = waiting
            else:
                held.append(waiting)
        for waiting in held:
            heapq.heappush(self._waiting, waiting)
        return found

    def wake(self) -> None:
        """As `CpuPool.wake`."""
        self._pool.wake()

    def drain(self) -> None:
        """Start no more tasks. Running ones continue."""
        self._client.is_draining = True
        if self._hashing is not None:
            self._hashing.drain()

    def pause(self, is_paused: bool) -> None:
        """Start no tasks while paused. Running ones continue."""
        self._client.is_paused = is_paused
        if self._hashing is not None:
            self._hashing.pause(is_paused)
        self.wake()

    async def begin(self, workers: int) -> None:
        """Start workers ahead of their tasks, up to that number."""
        await self._pool.begin(self._client, workers)

    def close(self) -> None:
        """The run has ended, and none of its tasks is left."""
        self._pool.forget(self._client)
        if self._hashing is not None:
            self._hashing.close()

    async def identify(
        self, path: Path, size: int, priority: int, stall: float | None = None
    ) -> cpu_worker.Made | cpu_worker.Failed:
        """Hash a file. Large ones are hashed by a separate process in slices, in turn, so that
        neither recordings nor other large files wait for one of a terabyte.

        Raises:
            CrashError: as `run`.
        """
        if size < LARGE_FILE_BYTES:
            return await self.run(cpu_worker.Identify(path), priority, stall=stall)
        if self._hashing is None:
            client = Client((), self._client.keys, priority=self._client.priority)
            self._hashing = self._pool.hasher.join(client)
            client.is_draining = self._client.is_draining
            client.is_paused = self._client.is_paused
        task = cpu_worker.Identify(path, 0, self._pool.slice_bytes)
        while True:
            answer = await self._hashing.run(task, task.hashed >> 20, stall=stall)
            if isinstance(answer, cpu_worker.Failed) or answer.state is not None:
                return answer
            task = replace(task, hashed=answer.hashed)

    async def run(
        self,
        task: cpu_worker.Task,
        priority: int,
        *,
        then: Sequence[cpu_worker.Run | cpu_worker.Split] = (),
        stall: float | None = None,
        room: Room | None = None,
        on_item: OnItem | None = None,
        may_start: Callable[[], bool] = lambda: True,
    ) -> cpu_worker.Made | cpu_worker.Failed:
        """Run a task when its turn comes, and right after it the tasks in `then`, as far as the
        worker gets with them; their answers are in its own. A split needs `room` and `on_item`.

        Raises:
            NotBegunError: the worker died before it began this task.
            CrashError: the worker died with this task, or was ended because it made no progress
                for `stall` seconds.
        """
        await self._turn(priority, may_start)
        worker: WorkerProcess | None = None
        try:
            worker = await self._pool.worker_for(self._client)
            order = cpu_worker.Order(self._client.number, task, tuple(then))
            with contextlib.closing(_Watch(worker, task, stall)) as watch:
                await _hand_over(worker, order, watch)
                while not isinstance(
                    answer := await watch.message(), cpu_worker.Made | cpu_worker.Failed
                ):
                    if isinstance(answer, cpu_worker.Ask):
                        assert room is not None
                        await worker.send(await self._room(room(answer.size)))
                    else:
                        assert on_item is not None
                        on_item(answer)
            if _is_spent(answer):
                await self._pool.ends(worker)
            else:
                self._pool.gives_back(worker)
                await self._pool.end_surplus()
            return answer
        except BaseException:  # it died, this task is cancelled, or it is in the middle of a task
            if worker is not None:
                self.broken_off += 1
                await self._pool.ends(worker)
            raise
        finally:
            self._busy -= 1
            self._pool.freed()

    async def _room(self, block: Granted) -> Block | cpu_worker.Skip | None:
        """Wait for room in the arena, during which tasks of other runs may start."""
        if block.done():
            return await block
        self.blocked += 1
        self._pool.wake()
        try:
            return await block
        finally:
            self.blocked -= 1

    async def _turn(self, priority: int, may_start: Callable[[], bool]) -> None:
        ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, _Waiting(priority, next(self._numbers), ready, may_start))
        self._pool.wake()
        try:
            await ready
        except asyncio.CancelledError:
            if ready.done() and not ready.cancelled():
                self._busy -= 1
                self._pool.freed()
            raise


def _is_spent(answer: cpu_worker.Made | cpu_worker.Failed) -> bool:
    """Whether the worker ran out of memory."""
    if isinstance(answer, cpu_worker.Failed):
        return answer.spent
    return any(isinstance(one, cpu_worker.Failed) and one.spent for one in answer.then)


async def _hand_over(worker: WorkerProcess, order: cpu_worker.Order, watch: _Watch) -> None:
    """Send a task. The first time, wait until it has arrived; later the connection tells it.

    Raises:
        NotBegunError: the process had died, or dies before that.
        CrashError: it does not respond, and was ended.
    """
    try:
        await worker.send(order)
        if not worker.is_proven:
            await watch.message()
            worker.is_proven = True
    except CrashError as error:
        if isinstance(error, NotBegunError) or watch.is_stalled:
            raise
        raise NotBegunError(str(error)) from error


class _Watch:
    """The messages of a worker that has a task. If it makes no progress for `stall` seconds, it is
    ended."""

    def __init__(self, worker: WorkerProcess, task: cpu_worker.Task, stall: float | None) -> None:
        self._worker = worker
        self._task = task
        self._stall = stall
        self._is_waiting = False
        self._moved_at = 0.0
        #: What it had computed when it had been quiet for a while.
        self._used: float | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._problem = ""
        if stall is not None:
            self._look_later(min(5.0, stall / 4))

    @property
    def is_stalled(self) -> bool:
        """Whether it was ended."""
        return bool(self._problem)

    def close(self) -> None:
        """Watch no more."""
        if self._timer is not None:
            self._timer.cancel()

    async def message(self) -> Any:
        """The worker's next message, skipping `Beat`.

        Raises:
            CrashError: it died, or was ended because it made no progress.
            NotBegunError: it died before it read what it was sent last.
        """
        self._moved()
        self._is_waiting = True
        try:
            while isinstance(message := await self._worker.receive(), cpu_worker.Beat):
                self._moved()
            return message
        except CrashError as error:
            if self._problem:
                raise CrashError(self._problem) from error
            raise
        finally:
            self._is_waiting = False

    def _moved(self) -> None:
        self._moved_at, self._used = time.monotonic(), None

    def _look_later(self, after: float) -> None:
        self._timer = asyncio.get_running_loop().call_later(after, self._look, after)

    def _look(self, every: float) -> None:
        """Looking for the programs that it started takes milliseconds, so it is done only after a
        quiet while."""
        quiet = time.monotonic() - self._moved_at
        if self._is_waiting and quiet >= every:
            assert self._stall is not None
            computed = self._worker.cpu_seconds()
            self._used = computed if self._used is None else self._used
            if policy.is_stalled(quiet, computed - self._used, self._stall):
                self._problem = (
                    f"{cpu_worker.path_of(self._task)}: {self._worker.name} made no progress on it "
                    f"for {quiet:.0f} s and was ended; --stall-timeout allows longer"
                )
                self._worker.kill_at_once()
                return
        self._look_later(every)
