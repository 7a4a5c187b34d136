"""Flights: one recording's passage through one model stage, between its split and its merge."""

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


class Flight:
    """One recording's passage through one model stage."""

    def __init__(self, stage: int, label: str, spool_base: Path) -> None:
        self.stage = stage
        self.label = label
        self.closed = False
        self.total: int | None = None
        #: Spool, offset and size of each output: compact, a long recording has a million.
        self.places = array("q")
        self._placed = 0
        #: Those with outputs in them, and all that hosts were told to write to: a host that died
        #: before its first output has written none.
        self.spools: list[Path] = []
        self.told: set[Path] = set()
        self.granted: set[Block] = set()
        self.finished: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._spool_base = spool_base

    def spool_for(self, host: str) -> Path:
        """Each host appends to a file of its own."""
        path = self._spool_base.with_name(f"{self._spool_base.name}.{host}")
        self.told.add(path)
        return path

    def add_output(self, index: int, spool: Path, place: tuple[int, int]) -> None:
        at, missing = 3 * index, 3 * (index + 1) - len(self.places)
        if missing > 0:
            self.places.extend(itertools.repeat(-1, missing))
        if spool not in self.spools:
            self.spools.append(spool)
        self.places[at : at + 3] = array("q", (self.spools.index(spool), *place))
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

    def fail(self, error: BaseException) -> None:
        self.closed = True
        if not self.finished.done():
            self.finished.set_exception(error)
            self.finished.exception()  # nobody may be waiting yet: not an unretrieved error


def joined(flights: Sequence[Flight]) -> tuple[tuple[Path, ...], array[int]]:
    """The spools of several flights, and the places of all their outputs, one after the other."""
    spools: list[Path] = []
    places: array[int] = array("q")
    for flight in flights:
        begin = len(places)
        places.extend(flight.places)
        if spools:
            for at in range(begin, len(places), 3):
                places[at] += len(spools)
        spools += flight.spools
    return tuple(spools), places
