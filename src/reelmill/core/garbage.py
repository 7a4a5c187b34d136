"""How often Python collects garbage cycles."""

from __future__ import annotations

import atexit
import contextlib
import gc
from collections.abc import Iterator

#: Python's default of 700 is reached quickly.
_NEW_OBJECTS = 20_000


def collect_seldom() -> None:
    """Collect garbage cycles less often, after many more new objects. Imports create a hundred
    thousand objects that are never freed. With Python's default, the collector would scan them
    again and again, which takes an eighth of the time."""
    gc.set_threshold(_NEW_OBJECTS)


def begin_without_collection() -> None:
    """As `collect_seldom`, and collect nothing until `collect_from_now_on` is called: for the start
    of a process, whose objects nearly all stay."""
    collect_seldom()
    gc.disable()


def collect_from_now_on() -> None:
    """Collect garbage cycles of objects that are created from now on. Those there are already are
    never scanned again."""
    if not gc.isenabled():
        gc.freeze()
        gc.enable()


def leave_garbage_at_exit() -> None:
    """Do not collect garbage when the interpreter exits. The system frees the memory; Python's last
    collections would scan all objects before, which takes a tenth of a second with our
    libraries."""
    atexit.register(gc.freeze)


@contextlib.contextmanager
def no_collection() -> Iterator[None]:
    """Pause the garbage collector during the block. Use it while creating very many objects that
    are all kept: scanning them again and again takes a quarter of the time of planning a large
    run."""
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
