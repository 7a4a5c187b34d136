"""Admit recordings, as many at a time as are needed to fill batches."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence

from reelmill.engine.aio import end_tasks
from reelmill.engine.execution.planning import Job
from reelmill.engine.execution.stage_executor import RunStopping


class Intake:
    """Recordings that wait to be admitted. More may be added until it is closed."""

    def __init__(self, jobs: Iterable[Job] = (), *, closed: bool = True) -> None:
        self._waiting = deque(jobs)
        self._closed = closed
        self._is_paused = False
        self._changed = asyncio.Event()

    @property
    def waiting(self) -> Sequence[Job]:
        return self._waiting

    @property
    def is_over(self) -> bool:
        """Whether no recording is waiting and none will be added."""
        return self._closed and not self._waiting

    def add(self, jobs: Iterable[Job]) -> None:
        self._waiting.extend(jobs)
        self._changed.set()

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
