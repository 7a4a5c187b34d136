"""Stage runs: one recording's passage through one model stage, between its split and its merge."""

from __future__ import annotations

import asyncio
import itertools
from array import array
from collections.abc import Sequence
from pathlib import Path

from reelmill.engine.process.arena import Block
from reelmill.errors import Failure


class StageFailed(Exception):
    """A stage of one recording failed; `final` when trying again has been decided against."""

    def __init__(self, failure: Failure, *, final: bool = False) -> None:
        super().__init__(failure.message)
        self.failure = failure
        self.final = final


class StageRun:
    """One recording's passage through one model stage."""

    def __init__(self, stage: int, label: str, spill_base: Path) -> None:
        self.stage = stage
        self.label = label
        self.closed = False
        self.total: int | None = None
        #: Spool, offset and size of each output: compact, a long recording has a million.
        self.places = array("q")
        self._placed = 0
        #: Those with outputs in them, and all that model workers were told to write to: a model
        #: worker that died before its first output has written none.
        self.spill_files: list[Path] = []
        self.told: set[Path] = set()
        self._granted: set[Block] = set()
        self.finished: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._spill_base = spill_base

    def spill_file_for(self, worker: str) -> Path:
        """Each model worker appends to a file of its own."""
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
        self._settle()

    def split_done(self, total: int) -> None:
        self.total = total
        self._settle()

    @property
    def settled(self) -> bool:
        """Whether all outputs are there, so that none of its items waits anywhere."""
        return self.total == self._placed

    def _settle(self) -> None:
        if self.settled and not self.finished.done():
            self.finished.set_result(None)

    def grant(self, block: Block) -> None:
        """A block is its worker's, to put an item into."""
        self._granted.add(block)

    def filled(self, block: Block) -> None:
        """There is an item in a block that was granted: it is the item's now."""
        self._granted.discard(block)

    def take_back_grants(self) -> list[Block]:
        """The blocks that no item came for."""
        blocks, self._granted = list(self._granted), set()
        return blocks

    def close(self) -> None:
        """Nobody waits for it any more."""
        self.closed = True

    def fail(self, error: BaseException) -> None:
        self.closed = True
        if not self.finished.done():
            self.finished.set_exception(error)
            self.finished.exception()  # nobody may be waiting yet: not an unretrieved error


def joined(stage_runs: Sequence[StageRun]) -> tuple[tuple[Path, ...], array[int]]:
    """The spill files of several stage runs, and the places of all their outputs, one after the
    other."""
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
