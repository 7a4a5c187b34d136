"""How often Python looks for garbage cycles."""

from __future__ import annotations

import gc

#: Python's own 700 are soon reached.
_NEW_OBJECTS = 20_000


def collect_seldom() -> None:
    """Look for garbage cycles only after so many new objects. For processes of ours: importing
    makes a hundred thousand objects that stay, and as Python has it, it looks through them again
    and again, an eighth of the time."""
    gc.set_threshold(_NEW_OBJECTS)
