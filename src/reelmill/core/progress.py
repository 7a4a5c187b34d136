"""That work goes on: counted where bytes, packets, frames or outputs pass, watched by whoever must
tell a long task from a stuck one."""

from __future__ import annotations

_count = 0


def tick() -> None:
    """Something was done: a chunk read or written, a frame decoded, an output merged."""
    global _count  # noqa: PLW0603 (one process does one task; a lock would cost more than the work)
    _count += 1


def ticks() -> int:
    """How much was done so far; only whether it differs from before has a meaning."""
    return _count
