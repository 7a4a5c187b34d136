"""What a model has found so far in a recording that is not done yet."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

from reelmill.engine.process import spill
from reelmill.engine.telemetry.events import Previewed
from reelmill.errors import TransientError


class Previews:
    """Reads the outputs of one stage run as they come, and tells of them in the order of their
    items. An output that cannot be read ends the previews; whoever merges them says why."""

    def __init__(
        self, path: Path, stage: str, spill_key: bytes, emit: Callable[[Previewed], None]
    ) -> None:
        self._path = path
        self._stage = stage
        self._key = spill_key
        self._emit = emit
        self._waiting: dict[int, tuple[Path, int, int]] = {}
        self._next = 0

    def __call__(self, index: int, spill_file: Path, place: tuple[int, int]) -> None:
        """An output is in a spill file, at an offset and of a size."""
        self._waiting[index] = (spill_file, *place)
        while self._next in self._waiting:
            file, offset, size = self._waiting.pop(self._next)
            with contextlib.suppress(OSError, TransientError, ValueError, TypeError, KeyError):
                output = spill.read(self._key, file, offset, size)
                self._emit(Previewed(self._path, self._stage, self._next, output))
                self._next += 1
