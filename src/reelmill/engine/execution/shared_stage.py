"""A model stage of a recording on which several engines work at the same time.

Each engine goes through the same portions in the same order. It takes those that nobody has, leaves
out those that another engine has, and fetches their outputs. So each has all outputs in the end,
the same ones as if it had been alone, and merges them as always.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
from abc import ABC, abstractmethod
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reelmill.core import gate
from reelmill.engine.aio import aside, end_tasks
from reelmill.engine.config import EngineConfig
from reelmill.engine.execution.exchange import Exchange
from reelmill.engine.execution.portions import (
    SIZE,
    PartOutputs,
    as_spill_file,
    packed,
    portion_name,
    portions_of,
    read_records,
    unpacked,
)
from reelmill.engine.inference.stage_run import StageRun, joined
from reelmill.engine.process import cpu_worker
from reelmill.engine.process.arena import Block
from reelmill.engine.stage import Stage
from reelmill.errors import NotOursError, TransientError

if TYPE_CHECKING:
    from reelmill.engine.execution.stage_executor import StageExecutor

#: How often it looks whether other engines are done, in seconds.
_LOOK_EVERY_S = 0.5
#: Portions of others that are looked at each time, the first ones: they are made in order.
_LOOKED_AT = 4
#: Portions in work at a time, at least: the next one is split while one is inferred.
_LEAST_AHEAD = 2


class MadeElsewhere(Exception):
    """Another engine was quicker: the stage's result was brought here."""


@dataclass(frozen=True)
class _Work:
    """What is to be made, and with what."""

    executor: StageExecutor
    exchange: Exchange
    config: EngineConfig
    task: cpu_worker.StageTask
    stage: Stage


@dataclass(frozen=True)
class Outputs:
    """All outputs of a stage, as `Merge` wants them."""

    spill_files: tuple[Path, ...]
    places: array[int]
    handed: tuple[Any, ...]


async def shared_outputs(
    executor: StageExecutor,
    exchange: Exchange,
    config: EngineConfig,
    task: cpu_worker.StageTask,
    stage: Stage,
    parts: Sequence[object],
    opened: list[StageRun],
) -> Outputs:
    """Make the outputs of a model stage together with other engines.

    Args:
        executor: of this engine.
        exchange: with the others.
        config: of this engine.
        task: what is to be made.
        stage: which is to make it.
        parts: of the recording.
        opened: takes up the stage runs, which the caller closes.

    Raises:
        MadeElsewhere: nothing is to be merged.
        StageFailed, RunStopping
    """
    work = _Work(executor, exchange, config, task, stage)
    if stage.parted:
        return await _OfParts(work, opened, parts).made()
    return await _OfItems(work, opened).made()


class _Portions(ABC):
    """Which portions are here, and which of them this engine makes."""

    def __init__(self, work: _Work, opened: list[StageRun], ahead: int) -> None:
        """`ahead`: portions in work at a time."""
        self._work, self._opened = work, opened
        self._ahead = max(_LEAST_AHEAD, ahead)
        #: Portions whose outputs are here, those that this engine has claimed, and those of them
        #: whose outputs are not here.
        self._here: set[int] = set()
        self._claimed: set[int] = set()
        self._in_work: set[int] = set()
        self._fewer = asyncio.Event()
        self._offers: list[asyncio.Task[None]] = []

    async def made(self) -> Outputs:
        """All outputs, once all are here."""
        try:
            handed = await self._made()
            await asyncio.gather(*self._offers)
        finally:
            await end_tasks(self._offers)
            for number in self._claimed:
                self._work.exchange.give_back(self._what(number))
        return Outputs(*joined(self._runs()), tuple(handed))

    @abstractmethod
    async def _made(self) -> Sequence[Any]:
        """Wait until all outputs are here. Returns what `split` returned, by part."""

    @abstractmethod
    def _runs(self) -> list[StageRun]:
        """The stage runs with all outputs, in the order of the parts."""

    @abstractmethod
    async def _receive(self, number: int, parts: Sequence[PartOutputs]) -> None:
        """Take up the outputs of a portion that another engine has made."""

    @abstractmethod
    def _check(self) -> None:
        """Raise the error that made it fail, if it has failed."""

    # -- whose is a portion?

    async def _is_ours(self, number: int) -> bool:
        """Whether this engine is to make a portion now. Waits while it has enough to do, so that
        other engines find something to take.
        """
        if number in self._here or await self._fetched(number):
            return False
        while len(self._in_work) >= self._ahead and self._is_wanted():
            self._fewer.clear()
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._fewer.wait(), _LOOK_EVERY_S)
        return self._is_wanted() and await self._taken(number)

    async def _taken(self, number: int) -> bool:
        if not await aside(self._work.exchange.take, self._what(number)):
            return False
        self._claimed.add(number)
        if await self._fetched(number):  # it was made just before it was free
            await self._give_back(number)
            return False
        self._in_work.add(number)
        return True

    def _is_wanted(self) -> bool:
        self._check()
        return all(stage_run.is_wanted for stage_run in self._opened)

    async def _taken_over(self, count: int) -> int | None:
        """Wait until all of `count` portions are here, or claimed by this engine. Returns None
        then, or before that a portion that this engine is to make, because whoever had it is gone.

        Raises:
            MadeElsewhere
        """
        while missing := [n for n in range(count) if n not in self._here | self._claimed]:
            self._check()
            waiting = 0
            for number in missing:
                if await self._fetched(number):
                    continue
                if self._is_wanted() and await self._taken(number):
                    return number
                if number not in self._here and (waiting := waiting + 1) == _LOOKED_AT:
                    break
            if waiting:
                if await aside(self._work.exchange.bring, self._work.task.target):
                    raise MadeElsewhere
                await asyncio.sleep(_LOOK_EVERY_S)
        return None

    # -- to and from other engines

    async def _fetched(self, number: int) -> bool:
        parts = await aside(self._read, self._name(number))
        if parts is None:
            return False
        await self._receive(number, parts)
        self._here.add(number)
        return True

    def _read(self, name: str) -> list[PartOutputs] | None:
        task, seal = self._work.task, self._work.config.seal
        data = self._work.exchange.fetch(task.recording.id, name)
        return None if data is None else unpacked(name, task.key, data, seal)

    def _completed(self, number: int) -> None:
        """All outputs of a portion that this engine makes are here. Offer them."""
        self._here.add(number)
        self._in_work.discard(number)
        self._fewer.set()
        self._offers.append(asyncio.create_task(self._offer(number, self._own(number))))

    @abstractmethod
    def _own(self, number: int) -> list[tuple[StageRun, range, Any]]:
        """The parts of a portion that this engine has made: the stage run, the items, and what
        `split` returned.
        """

    async def _offer(self, number: int, own: Sequence[tuple[StageRun, range, Any]]) -> None:
        """Offer a portion, and give it back. What cannot be offered, others make themselves."""
        with contextlib.suppress(OSError, NotOursError, TransientError, TypeError):
            found = [
                (list(run.spill_files), run.places_of(items), more) for run, items, more in own
            ]
            await aside(self._write, self._name(number), found)
        await self._give_back(number)

    def _write(
        self, name: str, own: Sequence[tuple[Sequence[Path], list[tuple[int, int, int]], Any]]
    ) -> None:
        task, config = self._work.task, self._work.config
        parts = [
            PartOutputs(read_records(files, places, config.spill_key), handed)
            for files, places, handed in own
        ]
        data = packed(name, task.key, parts, config.seal)
        self._work.exchange.offer(task.recording.id, name, data)

    async def _give_back(self, number: int) -> None:
        await aside(self._work.exchange.give_back, self._what(number))
        self._claimed.discard(number)

    async def _place(self, stage_run: StageRun, first: int, number: int, of: PartOutputs) -> None:
        """Put outputs of another engine where a model worker's would be."""
        path = stage_run.spill_file_for(f"shared-{number}")
        content, places = as_spill_file(path, of.records, self._work.config.spill_key)
        if of.records:
            await aside(_create, path, content)
        for at, place in enumerate(places):
            stage_run.add_output(first + at, path, place)

    def _name(self, number: int) -> str:
        return portion_name(self._work.stage.name, self._work.task.key, number)

    def _what(self, number: int) -> str:
        """What is claimed: the key has the recording's content in it."""
        return f"{self._work.task.key}\n{number}"


class _OfItems(_Portions):
    """Portions are items of a stage without parts. Each engine goes through all items with `split`,
    which is quick, and infers some.
    """

    def __init__(self, work: _Work, opened: list[StageRun]) -> None:
        super().__init__(work, opened, work.config.batch_size // SIZE)
        self._stage_run = work.executor.stage_run(work.task)
        self._stage_run.on_output = self._placed
        opened.append(self._stage_run)
        self._next = 0
        #: Portions whose items are to be inferred here when `split` comes to them.
        self._to_split: set[int] = set()
        self._counts: dict[int, int] = {}

    async def _made(self) -> Sequence[Any]:
        work, stage_run = self._work, self._stage_run
        split = cpu_worker.Split(**vars(work.task))
        while True:
            handed = await work.executor.split(split, work.stage, stage_run, self._room)
            self._to_split.clear()
            assert stage_run.total is not None
            count = math.ceil(stage_run.total / SIZE)
            self._complete_last(count - 1)
            if (lost := await self._taken_over(count)) is None:
                break
            self._to_split.add(lost)
            self._next = 0
            stage_run.queue.split_begins()
        await stage_run.finished
        return [handed]

    def _runs(self) -> list[StageRun]:
        return [self._stage_run]

    def _check(self) -> None:
        if self._stage_run.finished.done():
            self._stage_run.finished.result()

    def _room(self, size: int) -> asyncio.Future[Block | cpu_worker.Skip | None]:
        """Room for the next item, if it is to be inferred here."""
        number, at = divmod(self._next, SIZE)
        self._next += 1
        return asyncio.ensure_future(self._room_in(number, at == 0, size))

    async def _room_in(
        self, number: int, is_first: bool, size: int
    ) -> Block | cpu_worker.Skip | None:
        if is_first and number not in self._claimed and await self._is_ours(number):
            self._to_split.add(number)
        if number not in self._to_split and self._stage_run.is_wanted:
            return cpu_worker.Skip()
        return await self._work.executor.room(self._stage_run, size)

    def _placed(self, index: int, spill_file: Path, place: tuple[int, int]) -> None:
        """An output has come, from a model worker or from another engine."""
        number = index // SIZE
        self._counts[number] = self._counts.get(number, 0) + 1
        if number in self._in_work and self._counts[number] == len(self._items(number)):
            self._completed(number)

    def _complete_last(self, number: int) -> None:
        """The last portion may have fewer items, which is known only now."""
        if number in self._in_work and self._counts.get(number) == len(self._items(number)):
            self._completed(number)

    def _items(self, number: int) -> range:
        end = (number + 1) * SIZE
        total = self._stage_run.total
        return range(number * SIZE, end if total is None else min(end, total))

    def _own(self, number: int) -> list[tuple[StageRun, range, Any]]:
        return [(self._stage_run, self._items(number), None)]

    async def _receive(self, number: int, parts: Sequence[PartOutputs]) -> None:
        for part in parts:
            await self._place(self._stage_run, number * SIZE, number, part)


class _OfParts(_Portions):
    """Portions are parts of a stage that has parts. Each engine splits only those that it infers,
    because splitting is most of the work: decoding of pictures.
    """

    def __init__(self, work: _Work, opened: list[StageRun], parts: Sequence[object]) -> None:
        super().__init__(work, opened, math.ceil(work.config.workers / SIZE) + 1)
        self._parts = parts
        self._portions = portions_of(len(parts))
        self._by_part: dict[int, StageRun] = {}
        self._handed: dict[int, Any] = {}
        self._making: list[asyncio.Task[None]] = []

    async def _made(self) -> Sequence[Any]:
        try:
            for number in range(len(self._portions)):
                if await self._is_ours(number):
                    self._begin(number)
            while (lost := await self._taken_over(len(self._portions))) is not None:
                self._begin(lost)
            await asyncio.gather(*self._making)
        except Exception as error:
            for stage_run in self._opened:
                self._work.executor.abandon(stage_run, error)
            # Nothing may still work on files that are removed.
            await asyncio.gather(*self._making, return_exceptions=True)
            raise
        finally:
            await end_tasks(self._making)
        return [self._handed[part] for part in range(len(self._parts))]

    def _runs(self) -> list[StageRun]:
        return [self._by_part[part] for part in range(len(self._parts))]

    def _check(self) -> None:
        for task in self._making:
            if task.done() and not task.cancelled():
                task.result()

    def _begin(self, number: int) -> None:
        self._making.append(asyncio.create_task(self._make(number)))

    async def _make(self, number: int) -> None:
        work, portion = self._work, self._portions[number]
        runs = [self._open(part) for part in portion]
        splits = [
            cpu_worker.Split(**vars(replace(work.task, part=self._parts[part]))) for part in portion
        ]
        handed = await work.executor.run_parts(splits, work.stage, runs, self._opened)
        self._handed.update(zip(portion, handed, strict=True))
        self._completed(number)

    def _open(self, part: int) -> StageRun:
        stage_run = self._by_part[part] = self._work.executor.stage_run(self._work.task)
        self._opened.append(stage_run)
        return stage_run

    def _own(self, number: int) -> list[tuple[StageRun, range, Any]]:
        runs = [(part, self._by_part[part]) for part in self._portions[number]]
        return [(run, range(run.total or 0), self._handed[part]) for part, run in runs]

    async def _receive(self, number: int, parts: Sequence[PartOutputs]) -> None:
        for part, outputs in zip(self._portions[number], parts, strict=True):
            stage_run = self._open(part)
            await self._place(stage_run, 0, number, outputs)
            self._handed[part] = outputs.handed
            self._work.executor.split_ended(stage_run, len(outputs.records))


def _create(path: Path, content: bytes) -> None:
    with os.fdopen(gate.create(path), "wb") as file:
        file.write(content)
