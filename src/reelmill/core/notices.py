"""What people should know of what is going on, from wherever it is known.

A model that is fetched, a part that is not there: the code that finds out announces it, and whoever
set things going in this thread hears it (a run makes an event of it, a command prints it). The
listener belongs to the context (`contextvars`), so that runs in several threads keep apart.
Engineers find the same lines in the log, below the name of the module that announced them.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_listener: ContextVar[Callable[[str], None] | None] = ContextVar("listener", default=None)


def announce(text: str) -> None:
    """Tell people something, in one line."""
    module = sys._getframe(1).f_globals.get("__name__", __name__)
    logging.getLogger(module).info("%s", text)
    listener = _listener.get()
    if listener is not None:
        listener(text)


@contextmanager
def heard_by(listener: Callable[[str], None]) -> Iterator[None]:
    """For the block, `listener` is told what is announced in this context."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)
