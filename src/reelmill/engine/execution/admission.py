"""Letting recordings in, as many at a time as are needed to fill batches."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence

from reelmill.engine.aio import end_tasks
from reelmill.engine.execution.planning import Job
from reelmill.engine.execution.stage_executor import RunStopping


class Intake:
    """Recordings that wait to be let in. More may come until it is closed."""

    def __init__(self, jobs: Iterable[Job] = (), *, closed: bool = True) -> None:
        self._waiting = deque(jobs)
        self._closed = closed
        self._changed = asyncio.Event()

    @property
    def waiting(self) -> Sequence[Job]:
        return self._waiting

    @property
    def is_over(self) -> bool:
        """Nothing waits, and nothing is going to come."""
        return self._closed and not self._waiting

    def add(self, jobs: Iterable[Job]) -> None:
        self._waiting.extend(jobs)
        self._changed.set()

    def close(self) -> None:
        self._closed = True
        self._changed.set()

    async def next(self) -> Job | None:
        """The next one, when it comes; None when none is going to come."""
        await self._something()
        return self._waiting.popleft() if self._waiting else None

    async def all_waiting(self) -> list[Job]:
        """All that wait, once one does; none when none is going to come."""
        await self._something()
        jobs = list(self._waiting)
        self._waiting.clear()
        return jobs

    async def _something(self) -> None:
        while not self._waiting and not self._closed:
            self._changed.clear()
            await self._changed.wait()


async def admit(
    intake: Intake,
    places: int,
    process: Callable[[Job], Awaitable[None]],
    give_up: Callable[[Job, Exception], None],
) -> None:
    """Have all recordings processed, `places` at a time, until the intake is over; `give_up` gets
    those that met a fault of ours.

    When it is cancelled, so are they.
    """
    free = asyncio.Semaphore(places)
    tasks: set[asyncio.Task[None]] = set()

    async def take_through(job: Job) -> None:
        try:
            await process(job)
        except RunStopping:
            pass  # it stays waiting, for the next run or the next round
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
