"""A counter that shows that work is progressing. It is increased where bytes, packets, frames or
outputs pass, and tells a long task from a stuck one."""

from __future__ import annotations

_count = 0


def tick() -> None:
    """Count one step: a chunk read or written, a frame decoded, an output merged."""
    global _count  # noqa: PLW0603 (one process does one task; a lock would cost more than the work)
    _count += 1


def ticks() -> int:
    """The current count. Only whether it has changed is meaningful."""
    return _count
