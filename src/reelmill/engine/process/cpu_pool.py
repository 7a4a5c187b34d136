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
from typing import Any

from reelmill.core import gate
from reelmill.core.keys import user_key
from reelmill.engine.process import cpu_worker
from reelmill.engine.process.arena import Block
from reelmill.engine.process.early import ENTRY, ENVIRONMENT, EarlyWorkers
from reelmill.engine.process.handle import WorkerProcess
from reelmill.engine.resources import policy
from reelmill.engine.stage import Stage
from reelmill.errors import CrashError, NotBegunError, TransientError

Room = Callable[[int], "asyncio.Future[Block | None]"]
OnItem = Callable[[cpu_worker.Sent], None]

#: Files of this size and more are hashed in a separate process, because they take seconds to read.
LARGE_FILE_BYTES = 2 << 30
#: How much of one of these is hashed before the next one's turn, in bytes.
_SLICE_BYTES = 1 << 30


@dataclass(order=True)
class _Waiting:
    priority: int
    number: int
    ready: asyncio.Future[None] = field(compare=False)
    may_start: Callable[[], bool] = field(compare=False)


class CpuPool:
    """Up to `size` workers, started when first needed. Of the tasks that may start, the most urgent
    goes next."""

    def __init__(
        self,
        size: int,
        stages: Sequence[Stage],
        arena_descriptor: int,
        log_folder: Path,
        *,
        keys: cpu_worker.Keys | None = None,
        environment: Mapping[str, str] | None = None,
        memory_mb: int | None = None,
        name: str = "worker",
        slice_bytes: int = _SLICE_BYTES,
        early: EarlyWorkers | None = None,
    ) -> None:
        """`environment`: additional variables of the workers. `memory_mb`: the most each may use,
        None for no limit. `name`: their name in messages and logs. `slice_bytes`: how much of a
        large file is hashed before the next one's turn. `early`: processes to take first."""
        self.size = size
        self._keys = keys or cpu_worker.Keys(user_key().seal)
        self._environment = environment or {}
        self._memory_mb = memory_mb
        self._name = name
        self._slice_bytes = slice_bytes
        self._early = early
        #: Hashes large files, which would keep the workers from everything else.
        self._hasher: CpuPool | None = None
        self._stages = stages
        self._arena_descriptor = arena_descriptor
        self._log_folder = log_folder
        self._idle: list[WorkerProcess] = []
        self._all: set[WorkerProcess] = set()
        self._busy = 0
        #: Tasks whose worker died or was ended. They may have left unfinished files.
        self.broken_off = 0
        self._numbers = itertools.count()
        self._waiting: list[_Waiting] = []
        self._draining = False
        self._is_paused = False

    @property
    def pids(self) -> list[int]:
        return [worker.pid for worker in self._all] + (self._hasher.pids if self._hasher else [])

    @property
    def busy(self) -> int:
        return self._busy + (self._hasher.busy if self._hasher else 0)

    def drain(self) -> None:
        """Start no more tasks. Running ones continue."""
        self._draining = True
        if self._hasher is not None:
            self._hasher.drain()

    def pause(self, is_paused: bool) -> None:
        """Start no tasks while paused. Running ones continue."""
        self._is_paused = is_paused
        if self._hasher is not None:
            self._hasher.pause(is_paused)
        self.wake()

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
        if self._hasher is None:
            self._hasher = CpuPool(
                1, (), self._arena_descriptor, self._log_folder, memory_mb=self._memory_mb,
                name="hasher",
            )  # fmt: skip
            if self._draining:
                self._hasher.drain()
            self._hasher.pause(self._is_paused)
        task = cpu_worker.Identify(path, 0, self._slice_bytes)
        while True:
            answer = await self._hasher.run(task, task.hashed >> 20, stall=stall)
            if isinstance(answer, cpu_worker.Failed) or answer.state is not None:
                return answer
            task = replace(task, hashed=answer.hashed)

    async def run(
        self,
        task: cpu_worker.Task,
        priority: int,
        *,
        stall: float | None = None,
        room: Room | None = None,
        on_item: OnItem | None = None,
        may_start: Callable[[], bool] = lambda: True,
    ) -> cpu_worker.Made | cpu_worker.Failed:
        """Run a task when its turn comes. A split needs `room` and `on_item`.

        Raises:
            NotBegunError: the worker died before it began this task.
            CrashError: the worker died with this task, or was ended because it made no progress
                for `stall` seconds.
        """
        await self._turn(priority, may_start)
        worker: WorkerProcess | None = None
        try:
            worker = await self._worker()
            await _hand_over(worker, task, stall)
            while True:
                answer = await _answer(worker, task, stall)
                if isinstance(answer, cpu_worker.Ask):
                    assert room is not None
                    await worker.send(await room(answer.size))
                elif isinstance(answer, cpu_worker.Sent):
                    assert on_item is not None
                    on_item(answer)
                else:
                    if isinstance(answer, cpu_worker.Failed) and answer.spent:
                        self._all.discard(worker)
                        await worker.kill()
                    else:
                        self._idle.append(worker)
                    return answer  # type: ignore[no-any-return]
        except BaseException:  # it died, this task is cancelled, or it is in the middle of a task
            if worker is not None:
                self.broken_off += 1
                self._all.discard(worker)
                await worker.kill()
            raise
        finally:
            self._busy -= 1
            self.wake()

    async def _turn(self, priority: int, may_start: Callable[[], bool]) -> None:
        ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, _Waiting(priority, next(self._numbers), ready, may_start))
        self.wake()
        try:
            await ready
        except asyncio.CancelledError:
            if ready.done() and not ready.cancelled():
                self._busy -= 1
                self.wake()
            raise

    def wake(self) -> None:
        """Start the tasks that can start. Called whenever a worker or room in the arena becomes
        free."""
        held: list[_Waiting] = []
        if self._draining or self._is_paused:
            return
        while self._busy < self.size and self._waiting:
            waiting = heapq.heappop(self._waiting)
            if waiting.ready.done():
                continue
            if not waiting.may_start():
                held.append(waiting)
                continue
            self._busy += 1
            waiting.ready.set_result(None)
        for waiting in held:
            heapq.heappush(self._waiting, waiting)

    async def begin(self, workers: int) -> None:
        """Start workers ahead of their tasks, up to that number."""
        with contextlib.suppress(TransientError):  # the tasks will say
            while len(self._all) < min(workers, self.size):
                # The first one is ready first, and the last in line is used first.
                self._idle.insert(0, await self._start())

    async def _worker(self) -> WorkerProcess:
        while self._idle:
            worker = self._idle.pop()
            if worker.alive:
                return worker
            self._all.discard(worker)
            await worker.kill()
        return await self._start()

    async def _start(self) -> WorkerProcess:
        name = f"{self._name}-{next(self._numbers)}"
        early = self._early.take(self._environment) if self._early else None
        if early is not None:
            worker = await WorkerProcess.adopt(name, early, self._log_folder)
        else:
            worker = await WorkerProcess.start(
                name,
                ENTRY,
                self._arena_descriptor,
                self._log_folder,
                environment={**ENVIRONMENT, **self._environment},
            )
        self._all.add(worker)
        begin = cpu_worker.Begin(
            self._stages,
            self._keys,
            gate.places(),
            self._memory_mb,
            None if early is None else worker.log,
        )
        await worker.send(begin)
        return worker

    async def trim(self) -> tuple[int, float]:
        """End idle workers, and return their number and memory in MB. They start again when
        needed."""
        idle, self._idle = self._idle, []
        self._all.difference_update(idle)
        freed = sum(worker.memory_mb() for worker in idle)
        await asyncio.gather(*(worker.stop() for worker in idle))
        return len(idle), freed

    async def close(self) -> None:
        if self._hasher is not None:
            await self._hasher.close()
        await asyncio.gather(*(worker.stop() for worker in self._all))
        self._all.clear()
        self._idle.clear()


async def _hand_over(worker: WorkerProcess, task: cpu_worker.Task, stall: float | None) -> None:
    """Send a task, and wait until it has arrived.

    Raises:
        NotBegunError: the process had died, or dies before that.
        CrashError: it does not respond, and was ended.
    """
    try:
        await worker.send(task)
        await _answer(worker, task, stall)
    except CrashError as error:
        if worker.alive:
            raise
        raise NotBegunError(str(error)) from error


async def _answer(worker: WorkerProcess, task: cpu_worker.Task, stall: float | None) -> Any:
    """The worker process's next message, skipping `Beat`.

    Raises:
        CrashError: it died, or made no progress for `stall` seconds and was ended.
    """
    if stall is None:
        while isinstance(message := await worker.receive(), cpu_worker.Beat):
            pass
        return message
    # Looking for the programs it started takes milliseconds, so it is done only after a quiet
    # while.
    moved_at = time.monotonic()
    used: float | None = None
    pending = asyncio.ensure_future(worker.receive())
    try:
        while True:
            done, _ = await asyncio.wait({pending}, timeout=min(5.0, stall / 4))
            if done:
                if not isinstance(message := pending.result(), cpu_worker.Beat):
                    return message
                pending = asyncio.ensure_future(worker.receive())
                moved_at, used = time.monotonic(), None
                continue
            quiet = time.monotonic() - moved_at
            computed = worker.cpu_seconds()
            if used is None:
                used = computed
            if policy.is_stalled(quiet, computed - used, stall):
                raise CrashError(
                    f"{cpu_worker.path_of(task)}: {worker.name} made no progress on it for "
                    f"{quiet:.0f} s and was ended; --stall-timeout allows longer"
                )
    finally:
        pending.cancel()
