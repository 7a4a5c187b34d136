"""Stage runs: one recording in one model stage, between its split and its merge."""

from __future__ import annotations

import asyncio
import itertools
from array import array
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from reelmill.engine.inference.told import Owner
from reelmill.engine.process.arena import Block
from reelmill.errors import Failure

if TYPE_CHECKING:
    from reelmill.engine.inference.replica_set import ReplicaSet
    from reelmill.engine.inference.stage_queue import StageQueue


class StageFailed(Exception):
    """A stage of one recording failed. `final`: it is not to be retried."""

    def __init__(self, failure: Failure, *, final: bool = False) -> None:
        super().__init__(failure.message)
        self.failure = failure
        self.final = final


class StageRun:
    """One recording's run through one model stage."""

    def __init__(
        self,
        queue: StageQueue,
        replica_set: ReplicaSet,
        owner: Owner,
        label: str,
        spill_base: Path,
    ) -> None:
        self.queue = queue
        self.replica_set = replica_set
        self.owner = owner
        self.label = label
        self.closed = False
        self.total: int | None = None
        #: Spill file, offset and size of each output, stored compactly because a long recording has
        #: a million.
        self.places = array("q")
        self._placed = 0
        #: The spill files with outputs, and all files that model workers were told to write. A
        #: model worker that died before its first output has written none.
        self.spill_files: list[Path] = []
        self.told: set[Path] = set()
        self._granted: set[Block] = set()
        self.finished: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._spill_base = spill_base
        #: Told of each output: the item's number, the spill file, offset and size.
        self.on_output: Callable[[int, Path, tuple[int, int]], None] | None = None

    def spill_file_for(self, worker: str) -> Path:
        """The spill file for a model worker; each appends to its own."""
        path = self._spill_base.with_name(f"{self._spill_base.name}.{worker}")
        self.told.add(path)
        return path

    def add_output(self, index: int, spill_file: Path, place: tuple[int, int]) -> None:
        at, missing = 3 * index, 3 * (index + 1) - len(self.places)
        if missing > 0:
            self.places.extend(itertools.repeat(-1, missing))
        if spill_file not in self.spill_files:
            self.spill_files.append(spill_file)
        self.places[at : at + 3] = array("q", (self.spill_files.index(spill_file), *place))
        self._placed += 1
        if self.on_output is not None:
            self.on_output(index, spill_file, place)
        self._settle()

    def places_of(self, items: range) -> list[tuple[int, int, int]]:
        """The number of the spill file, the offset and the size of outputs that are there."""
        found = [self.places[3 * at : 3 * at + 3] for at in items]
        return [(file, offset, size) for file, offset, size in found]

    def split_done(self, total: int) -> None:
        self.total = total
        self._settle()

    @property
    def is_wanted(self) -> bool:
        """Whether somebody waits for its outputs."""
        return not self.closed and not self.owner.client.is_draining

    @property
    def settled(self) -> bool:
        """Whether all outputs are there, so that none of its items waits."""
        return self.total == self._placed

    def _settle(self) -> None:
        if self.settled and not self.finished.done():
            self.finished.set_result(None)

    def grant(self, block: Block) -> None:
        """Record a block given to its worker for an item."""
        self._granted.add(block)

    def filled(self, block: Block) -> None:
        """Record that a granted block holds an item; it belongs to the item now."""
        self._granted.discard(block)

    def take_back_grants(self) -> list[Block]:
        """Return the blocks that no item used."""
        blocks, self._granted = list(self._granted), set()
        return blocks

    def close(self) -> None:
        """Close the run, because nobody waits for it."""
        self.closed = True

    def fail(self, error: BaseException) -> None:
        self.closed = True
        if not self.finished.done():
            self.finished.set_exception(error)
            self.finished.exception()  # nobody may be waiting yet, so mark the error as retrieved


def joined(stage_runs: Sequence[StageRun]) -> tuple[tuple[Path, ...], array[int]]:
    """The spill files of several stage runs, and the places of all their outputs in order."""
    spill_files: list[Path] = []
    places: array[int] = array("q")
    for stage_run in stage_runs:
        begin = len(places)
        places.extend(stage_run.places)
        if spill_files:
            for at in range(begin, len(places), 3):
                places[at] += len(spill_files)
        spill_files += stage_run.spill_files
    return tuple(spill_files), places
