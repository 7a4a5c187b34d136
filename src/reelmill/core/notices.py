"""Notices for people, announced from anywhere in the code.

Code announces what people should know, for example that a model is being downloaded or a package is
missing. Whoever started the work in this context hears it: a run makes an event of it, a command
prints it. The listener belongs to the context (`contextvars`), so runs in several threads do not
mix. The same lines go to the log of the announcing module.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_listener: ContextVar[Callable[[str], None] | None] = ContextVar("listener", default=None)


def announce(text: str) -> None:
    """Announce one line to people."""
    module = sys._getframe(1).f_globals.get("__name__", __name__)
    logging.getLogger(module).info("%s", text)
    listener = _listener.get()
    if listener is not None:
        listener(text)


@contextmanager
def heard_by(listener: Callable[[str], None]) -> Iterator[None]:
    """During the block, call `listener` with every notice announced in this context."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)
