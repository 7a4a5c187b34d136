"""A submitter's side: how workers get its recordings, and how it gets what they make.

`SharedHandover` is a file system that all machines have. A store is `StoreHandover` in
`store_handover.py`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from reelmill.core import gate
from reelmill.core.keys import Seal
from reelmill.core.printable import printable
from reelmill.errors import NotOursError, UsageError
from reelmill.runs.gathered import gather_recording
from reelmill.runs.run import Run
from reelmill.scale.executor import RecordingEnded, RecordingMissed
from reelmill.scale.messages import Place, ShardRecording, ShardTask
from reelmill.scale.roots import Roots
from reelmill.scale.worker import folder_of


class Handover(Protocol):
    """What a submitter has to do with the world between it and the workers."""

    @property
    def identity(self) -> str:
        """Of the output folder: no other has it, and it stays the same."""

    def out(self) -> Place | None:
        """Where workers leave results; None for the store. Raises UsageError where they cannot."""

    def placed(self, paths: Sequence[str]) -> dict[str, ShardRecording]:
        """How workers call recordings, those that they can get, by path."""

    def there(self, place: Place) -> str:
        """How a recording is called in what workers say."""

    def publish(self, job: str, card: bytes) -> None:
        """Let workers read the card of a job. Raises StoreError."""

    def begin(self, tasks: Sequence[ShardTask]) -> None:
        """Begin to send recordings, in the order of the shards."""

    def missed(self, event: RecordingMissed, task: ShardTask) -> None:
        """A worker misses a recording."""

    def gather(self, event: RecordingEnded, task: ShardTask, path: str) -> None:
        """Bring what was made of a recording into the cache of the output folder. Whatever is
        missing is made here, or brought by the next run if this one has ended."""

    def close(self) -> None:
        """Send nothing further."""


class SharedHandover:
    """An output folder and recordings below roots, which all machines have."""

    def __init__(self, run: Run, roots: Roots, seal: Seal) -> None:
        """For a run that holds its recordings."""
        self._run, self._roots, self._seal = run, roots, seal

    @property
    def identity(self) -> str:
        """See `Handover`."""
        return str(self._run.out)

    def out(self) -> Place | None:
        """See `Handover`."""
        out = self._roots.place(self._run.out)
        if out is None:
            raise UsageError(
                f"{self._run.out}: workers cannot write there; choose an output folder below one "
                f"of the roots that all machines have ({self._roots}), or name another root: "
                "--roots; or let them use a store: --store"
            )
        return out

    def placed(self, paths: Sequence[str]) -> dict[str, ShardRecording]:
        """See `Handover`."""
        found: dict[str, ShardRecording] = {}
        for path in paths:
            place = self._roots.place(Path(path))
            if place is None:
                self._run.note(f"{printable(path)}: below no root, so it is done here")
            else:
                found[path] = ShardRecording(place, size_of(path))
        return found

    def there(self, place: Place) -> str:
        """See `Handover`."""
        return str(self._roots.path(place))

    def publish(self, job: str, card: bytes) -> None:
        """See `Handover`. Workers read the one in the output folder."""

    def begin(self, tasks: Sequence[ShardTask]) -> None:
        """See `Handover`. Everything is there."""

    def missed(self, event: RecordingMissed, task: ShardTask) -> None:
        """See `Handover`."""

    def gather(self, event: RecordingEnded, task: ShardTask, path: str) -> None:
        """See `Handover`."""
        if event.sha256 is None:
            return
        worker = folder_of(event.worker, task.job, event.run)
        with contextlib.suppress(OSError, NotOursError):
            gather_recording(self._run.out / gate.CACHE, worker, event.sha256, self._seal)

    def close(self) -> None:
        """See `Handover`."""


def size_of(path: str) -> int:
    """In bytes; 0 for what cannot be looked at, which will fail at once."""
    try:
        return Path(path).stat().st_size
    except OSError:
        return 0
