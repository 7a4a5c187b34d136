"""The cores of the processor."""

from __future__ import annotations

import os


def usable_cores() -> int:
    """The cores this process may use: those of the container, not of the machine."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
