"""Format times as files need them."""

from __future__ import annotations

import math


def milliseconds(seconds: float) -> int:
    """Whole milliseconds, never negative. A time that is not finite counts as 0."""
    exact = seconds * 1000
    return max(0, round(exact)) if math.isfinite(exact) else 0


def clock(time_ms: int, separator: str) -> str:
    """`hh:mm:ss` and milliseconds after `separator`; hours grow beyond two digits."""
    seconds, rest = divmod(time_ms, 1000)
    minutes, second = divmod(seconds, 60)
    hour, minute = divmod(minutes, 60)
    return f"{hour:02d}:{minute:02d}:{second:02d}{separator}{rest:03d}"
