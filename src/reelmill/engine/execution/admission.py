"""Letting recordings in, as many at a time as are needed to fill batches."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from reelmill.engine.aio import end_tasks
from reelmill.engine.execution.planning import Job
from reelmill.engine.execution.recording_runner import RunStopping


async def admit(
    jobs: Sequence[Job],
    places: int,
    process: Callable[[Job], Awaitable[None]],
    give_up: Callable[[Job, Exception], None],
) -> None:
    """Have all jobs processed, `places` at a time; `give_up` gets those that met a fault of ours.

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
        for job in jobs:
            await free.acquire()
            task = asyncio.create_task(take_through(job))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
        while tasks:
            await asyncio.wait(tasks)
    finally:
        await end_tasks(list(tasks))
