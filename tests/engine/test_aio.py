"""A task that swallows a cancellation is ended all the same."""

from __future__ import annotations

import asyncio

from reelmill.engine.aio import end_tasks


def test_a_swallowed_cancellation_is_repeated() -> None:
    # proves: G12
    heard = []

    async def stubborn() -> None:
        while True:
            try:
                await asyncio.sleep(100)
            except asyncio.CancelledError:
                heard.append("cancel")
                if len(heard) == 3:
                    raise

    async def body() -> None:
        task = asyncio.create_task(stubborn())
        await asyncio.sleep(0)
        await end_tasks([task])
        assert task.cancelled()

    asyncio.run(asyncio.wait_for(body(), 60))
    assert heard == ["cancel"] * 3


def test_cancelling_a_finished_or_failed_task_raises_nothing() -> None:
    async def fails() -> None:
        raise ValueError

    async def body() -> None:
        task = asyncio.create_task(fails())
        await asyncio.sleep(0)
        await end_tasks([task])
        await end_tasks([])

    asyncio.run(body())
