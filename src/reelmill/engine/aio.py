"""Ending asyncio tasks for certain."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

_AGAIN_AFTER_S = 0.2


async def end_tasks(tasks: Sequence[asyncio.Task[Any]]) -> None:
    """Cancel tasks until they are over.

    Once is not enough: before Python 3.12 `asyncio.wait_for` swallows a cancellation that comes at
    the moment its answer does, and the task would go on as if nothing had been said.
    """
    while open_tasks := [task for task in tasks if not task.done()]:
        for task in open_tasks:
            task.cancel()
        await asyncio.wait(open_tasks, timeout=_AGAIN_AFTER_S)
    await asyncio.gather(*tasks, return_exceptions=True)
