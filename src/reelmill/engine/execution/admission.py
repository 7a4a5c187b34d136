"""Admit recordings, as many at a time as are needed to fill batches."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence

from reelmill.engine.aio import end_tasks
from reelmill.engine.execution.planning import Elsewhere, Job
from reelmill.engine.execution.stage_executor import RunStopping


class Intake:
    """Recordings that wait to be admitted. More may be added until it is closed."""

    def __init__(
        self, jobs: Iterable[Job] = (), *, closed: bool = True, held: bool = False
    ) -> None:
        """`held`: these jobs and those added wait until they are released, one by one."""
        self._is_holding = held
        self._held: dict[str, Job] = {}
        self._waiting: deque[Job] = deque()
        self._hold(jobs)
        self._closed = closed
        self._is_paused = False
        self._changed = asyncio.Event()

    @property
    def waiting(self) -> Sequence[Job]:
        return self._waiting

    @property
    def is_over(self) -> bool:
        """Whether no recording is waiting and none will be added. Those still held are left."""
        return self._closed and not self._waiting

    @property
    def held(self) -> list[str]:
        """The paths of recordings that wait to be released."""
        return list(self._held)

    def add(self, jobs: Iterable[Job]) -> None:
        self._hold(jobs)
        self._changed.set()

    def release(self, path: str, elsewhere: Elsewhere) -> None:
        """Let a recording be admitted, if it is held."""
        if (job := self._held.pop(path, None)) is not None:
            job.elsewhere = elsewhere
            self._waiting.append(job)
            self._changed.set()

    def _hold(self, jobs: Iterable[Job]) -> None:
        if self._is_holding:
            self._held.update((job.path_text, job) for job in jobs)
        else:
            self._waiting.extend(jobs)

    def close(self) -> None:
        self._closed = True
        self._changed.set()

    def pause(self, is_paused: bool) -> None:
        """While paused, nobody is admitted."""
        self._is_paused = is_paused
        self._changed.set()

    async def next(self) -> Job | None:
        """Wait for the next recording; None if there will be none."""
        await self._something()
        return self._waiting.popleft() if self._waiting else None

    async def all_waiting(self) -> list[Job]:
        """All waiting recordings, once there is one; none if there will be none."""
        await self._something()
        jobs = list(self._waiting)
        self._waiting.clear()
        return jobs

    async def _something(self) -> None:
        while self._is_paused or (not self._waiting and not self._closed):
            self._changed.clear()
            await self._changed.wait()


async def admit(
    intake: Intake,
    places: int,
    process: Callable[[Job], Awaitable[None]],
    give_up: Callable[[Job, Exception], None],
) -> None:
    """Process all recordings, `places` at a time, until the intake is closed and empty. Those that
    meet an internal error are passed to `give_up`.

    Cancelling it cancels their processing.
    """
    free = asyncio.Semaphore(places)
    tasks: set[asyncio.Task[None]] = set()

    async def take_through(job: Job) -> None:
        try:
            await process(job)
        except RunStopping:
            pass  # it stays waiting, for the next run or round
        except Exception as error:  # noqa: BLE001 (our own fault, but only this recording's)
            give_up(job, error)
        finally:
            free.release()

    try:
        while True:
            await free.acquire()
            job = await intake.next()
            if job is None:
                break
            task = asyncio.create_task(take_through(job))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
        while tasks:
            await asyncio.wait(tasks)
    finally:
        await end_tasks(list(tasks))
