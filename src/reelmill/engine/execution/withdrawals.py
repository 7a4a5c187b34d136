"""Recordings that nobody needs any more: no further work is done on them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

from reelmill.engine.inference.stage_run import StageFailed
from reelmill.errors import Failure


class Withdrawn(StageFailed):
    """The recording was withdrawn."""

    def __init__(self, path: Path) -> None:
        failure = Failure("withdrawn", "input", f"{path}: withdrawn before it was done")
        super().__init__(failure, final=True)


class Withdrawals:
    """Which recordings were withdrawn, and what is to be ended for those at work."""

    def __init__(self) -> None:
        self._paths: set[Path] = set()
        self._ends: dict[Path, list[Callable[[Withdrawn], None]]] = {}

    def __contains__(self, path: Path) -> bool:
        return path in self._paths

    def withdraw(self, path: Path) -> None:
        """Withdraw a recording, by its absolute path."""
        self._paths.add(path)
        for end in self._ends.get(path, ()):
            end(Withdrawn(path))

    def check(self, path: Path) -> None:
        """Raise Withdrawn if the recording was withdrawn."""
        if path in self._paths:
            raise Withdrawn(path)

    @contextlib.contextmanager
    def ending(self, path: Path, end: Callable[[Withdrawn], None]) -> Iterator[None]:
        """During the block, `end` is called if the recording is withdrawn."""
        self._ends.setdefault(path, []).append(end)
        try:
            yield
        finally:
            self._ends[path].remove(end)
            if not self._ends[path]:
                del self._ends[path]
