"""How much work each recording is: its length times what the stages cost, as earlier runs measured.

Lengths are read from the files' headers by another process, because FFmpeg may crash on a file.
"""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from reelmill.core.recording import Original
from reelmill.engine.process.call import call_alone
from reelmill.engine.resources.stage_costs import StageCosts
from reelmill.errors import CrashError, ReelmillError
from reelmill.report.wording import count

#: Seconds that opening and closing a recording takes, however short it is.
_EACH_S = 0.05
#: Bytes of a second of recording where nothing better is known: speech at 128 kbit/s.
_BYTES_PER_S = 16_000
#: The most recordings whose headers are read, the largest; the others are judged by size.
_MOST_PROBED = 20_000
#: Recordings that one process looks at.
_AT_ONCE = 5000


@dataclass(frozen=True)
class Estimate:
    """The expected seconds of work of each recording, how they were found, for people, and whether
    the stages were measured."""

    seconds: list[float]
    notes: list[str]
    is_measured: bool = True


def estimate(paths: Sequence[Path], digests: Iterable[str], costs: StageCosts) -> Estimate:
    """Estimate the work in recordings.

    Args:
        paths: of the recordings.
        digests: of the stages that work on them.
        costs: what stages were measured to cost.
    """
    sizes = [_size(path) for path in paths]
    lengths = durations(_largest(paths, sizes))
    rate, notes = costs.rate(digests), []
    if rate is None:
        notes.append("no run has measured these stages yet: work is estimated by length alone")
    per_second = _bytes_per_second(zip(paths, sizes, strict=True), lengths)
    seconds = []
    for path, size in zip(paths, sizes, strict=True):
        length = lengths.get(path)
        if length is None:
            length = size / per_second[path.suffix.lower()]
        seconds.append(_EACH_S + length * (1.0 if rate is None else rate))
    if unknown := sum(lengths.get(path) is None for path in paths):
        notes.append(f"the length of {count(unknown, 'recording')} is estimated by size")
    return Estimate(seconds, notes, rate is not None)


def durations(paths: Sequence[Path]) -> dict[Path, float]:
    """The lengths that the headers of recordings state, in seconds. Recordings without one, and
    those that cannot be read, are missing."""
    found: dict[Path, float] = {}
    for start in range(0, len(paths), _AT_ONCE):
        some = paths[start : start + _AT_ONCE]
        lengths = zip(some, _lengths_alone(some), strict=True)
        found |= {path: length for path, length in lengths if length}
    return found


def _lengths_alone(paths: Sequence[Path]) -> list[float | None]:
    """Of all files, read by another process; those on which it crashes have none."""
    try:
        return call_alone(_lengths, [str(path) for path in paths])
    except CrashError:
        if len(paths) == 1:
            return [None]
        half = len(paths) // 2
        return _lengths_alone(paths[:half]) + _lengths_alone(paths[half:])


def _lengths(paths: Sequence[str]) -> list[float | None]:
    from reelmill.media.container import open_container  # FFmpeg is loaded there alone

    found: list[float | None] = []
    for path in paths:
        length = None
        with (
            contextlib.suppress(ReelmillError, OSError, ValueError),
            Original(Path(path)) as original,
            open_container(original) as container,
        ):
            # FFmpeg counts in microseconds, and has nothing where the header says nothing.
            length = container.duration / 1e6 if container.duration else None
        found.append(length)
    return found


def _largest(paths: Sequence[Path], sizes: Sequence[int]) -> list[Path]:
    if len(paths) <= _MOST_PROBED:
        return list(paths)
    order = sorted(range(len(paths)), key=lambda at: -sizes[at])
    return [paths[at] for at in order[:_MOST_PROBED]]


def _bytes_per_second(
    sized: Iterable[tuple[Path, int]], lengths: dict[Path, float]
) -> defaultdict[str, float]:
    """Bytes per second of recording by suffix, from those whose length is known."""
    totals: defaultdict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
    for path, size in sized:
        if path in lengths:
            total = totals[path.suffix.lower()]
            total[0] += size
            total[1] += lengths[path]
    known = {suffix: size / length for suffix, (size, length) in totals.items() if size}
    return defaultdict(lambda: float(_BYTES_PER_S), known)


def _size(path: Path) -> int:
    """In bytes; 0 for what cannot be read, which will fail at once."""
    try:
        return path.stat().st_size
    except OSError:
        return 0
