"""Decides when a file has arrived: when it has stopped growing and nobody writes it any more.

A pure state machine: it is told what lies in the folder and what time it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

#: Why a file is not taken yet.
Waiting = Literal["growing", "empty", "open"]

#: An empty file is usually the place of a download that has not begun; after this time, and at
#: least ten times the settling time, it is taken and reported as broken.
EMPTY_S = 60.0


@dataclass(frozen=True)
class Stamp:
    """What changes when a file is written."""

    size: int
    mtime_ns: int


@dataclass
class _Seen:
    stamp: Stamp
    since: float
    waiting: Waiting = "growing"


class Arrivals:
    """The files of a folder: which are still arriving, and which were taken."""

    def __init__(self, settle_s: float, is_written: Callable[[str], bool]) -> None:
        """Begin with an empty folder.

        Args:
            settle_s: how long size and time of a file have to stay as they are, in seconds.
            is_written: whether a program has a file open for writing, as far as that can be known.
        """
        self._settle_s = settle_s
        self._is_written = is_written
        self._seen: dict[str, _Seen] = {}
        self._taken: dict[str, Stamp] = {}

    @property
    def taken(self) -> Mapping[str, Stamp]:
        """The files that were taken and are still there, each as it was then."""
        return self._taken

    @property
    def waiting(self) -> Mapping[str, Waiting]:
        """The files that are not taken yet, and why."""
        return {path: seen.waiting for path, seen in self._seen.items()}

    def look(self, files: Mapping[str, Stamp], now: float) -> list[str]:
        """Compare with what lies in the folder now.

        Args:
            files: all files in the folder that could be recordings.
            now: seconds, on any clock that only goes forward.

        Returns:
            The files that have arrived, in order of their names, also if they were returned
            before: each until it is taken, and again when it has changed since.
        """
        for path in self._seen.keys() - files.keys():
            del self._seen[path]
        for path in self._taken.keys() - files.keys():
            del self._taken[path]
        return sorted(path for path, stamp in files.items() if self._has_arrived(path, stamp, now))

    def take(self, path: str) -> None:
        """Take a file that has arrived. It is not returned again until it changes."""
        self._taken[path] = self._seen.pop(path).stamp

    def _has_arrived(self, path: str, stamp: Stamp, now: float) -> bool:
        if self._taken.get(path) == stamp:
            self._seen.pop(path, None)
            return False
        seen = self._seen.get(path)
        if seen is None or seen.stamp != stamp:
            self._seen[path] = _Seen(stamp, now)
            return False
        if stamp.size == 0 and now - seen.since < max(EMPTY_S, 10 * self._settle_s):
            seen.waiting = "empty"
            return False
        if now - seen.since < self._settle_s:
            return False
        seen.waiting = "open" if self._is_written(path) else "growing"
        return seen.waiting != "open"
