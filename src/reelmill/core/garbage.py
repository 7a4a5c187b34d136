"""How often Python looks for garbage cycles."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator

#: Python's own 700 are soon reached.
_NEW_OBJECTS = 20_000


def collect_seldom() -> None:
    """Look for garbage cycles only after so many new objects. For processes of ours: importing
    makes a hundred thousand objects that stay, and as Python has it, it looks through them again
    and again, an eighth of the time."""
    gc.set_threshold(_NEW_OBJECTS)


@contextlib.contextmanager
def no_collection() -> Iterator[None]:
    """Do not look for garbage cycles meanwhile. For making very many objects that all stay, which
    would be looked through again and again: a quarter of the time of planning a large run."""
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
