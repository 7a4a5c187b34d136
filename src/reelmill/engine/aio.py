"""Cancel asyncio tasks reliably, and call what takes long beside the loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar

_T = TypeVar("_T")

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


async def aside(function: Callable[..., _T], *arguments: Any) -> _T:
    """Call a function that may take long in a thread, so that the loop goes on."""
    loop = asyncio.get_running_loop()
    try:
        called = loop.run_in_executor(None, partial(function, *arguments))
    except RuntimeError:  # the interpreter exits, and starts no more threads
        return function(*arguments)
    return await called
