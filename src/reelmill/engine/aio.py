"""Cancel asyncio tasks reliably."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

_AGAIN_AFTER_S = 0.2


async def end_tasks(tasks: Sequence[asyncio.Task[Any]]) -> None:
    """Cancel tasks repeatedly until they are done.

    Cancelling once is not enough. Before Python 3.12, `asyncio.wait_for` swallows a cancellation
    that arrives together with its result, and the task would continue.
    """
    while open_tasks := [task for task in tasks if not task.done()]:
        for task in open_tasks:
            task.cancel()
        await asyncio.wait(open_tasks, timeout=_AGAIN_AFTER_S)
    await asyncio.gather(*tasks, return_exceptions=True)
