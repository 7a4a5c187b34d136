"""What a run measured of itself, second by second: read from its metrics file."""

from __future__ import annotations

import json
import math
import os
from array import array
from collections import defaultdict
from collections.abc import Iterator, Mapping, MutableSequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from reelmill.core.opening import open_unlinked

Floats = npt.NDArray[np.float64]

#: The most stretches of time that are distinguished.
_MOST_STEPS = 4000
_LEAST_STEP = 0.05
_CPU = "cpu"


@dataclass
class Lane:
    """A model worker, or the CPU pool (`name` empty): for each step the share of it that was busy,
    from 0 to 1, and which stage kept it busy most (an index in `Measurements.stages`, -1: none)."""

    name: str
    device: str
    busy: Floats
    stage: npt.NDArray[np.int64]


@dataclass(frozen=True)
class BatchFigures:
    """The batches of a stage on a kind of device.

    `allowed`: the mean of how many items a batch could have had; `padding`: the share of the work
    that was spent on making items equally long.
    """

    stage: str
    device: str
    count: int
    items: int
    most: int
    allowed: float
    padding: float
    seconds: float
    #: Items of other runs in the same batches, on an engine that runs share.
    others: int = 0

    @property
    def mean(self) -> float:
        """Items of a batch, those of other runs included."""
        return (self.items + self.others) / self.count


@dataclass
class Curve:
    """Values over time, s: a share from 0 to 1 unless its owner says otherwise."""

    times: MutableSequence[float] = field(default_factory=lambda: array("d"))
    values: MutableSequence[float] = field(default_factory=lambda: array("d"))

    def add(self, time: float, value: float) -> None:
        self.times.append(time)
        self.values.append(value)

    def seconds_above(self, limit: float) -> float:
        """For how long values were above a limit; a value counts until the next."""
        if len(self.times) < 2:
            return 0.0
        lengths = np.diff(self.times)
        return float(lengths[np.array(self.values[:-1]) > limit].sum())

    @property
    def mean(self) -> float:
        return float(np.mean(self.values)) if self.values else 0.0


@dataclass
class Measurements:
    """What was measured in a run.

    Attributes:
        seconds: how long it took, in steps of `step` s.
        stages: their names, as lanes count them.
        lanes: of model workers, in the order in which they began, and then of the CPU pool.
        workers, cores: processes of the CPU pool, cores of the machine.
        batches: by stage and kind of device.
        cpu: CPU use of the run as a share of all cores.
        memory, own_memory: of the machine in use, by everybody and by the run.
        devices: for each GPU the memory in use; `utilization` the share of time it computed.
        finished: seconds of sound that were finished, by when.
        last: the file name of the recording that was finished last, and for how long it was alone.
    """

    seconds: float
    step: float
    workers: int
    cores: int
    stages: list[str] = field(default_factory=list)
    lanes: list[Lane] = field(default_factory=list)
    batches: list[BatchFigures] = field(default_factory=list)
    cpu: Curve = field(default_factory=Curve)
    memory: Curve = field(default_factory=Curve)
    own_memory: Curve = field(default_factory=Curve)
    devices: dict[int, Curve] = field(default_factory=dict)
    utilization: dict[int, Curve] = field(default_factory=dict)
    finished: Curve = field(default_factory=Curve)
    last: str = ""
    alone: float = 0.0

    @property
    def model_lanes(self) -> list[Lane]:
        return [lane for lane in self.lanes if lane.name]

    @property
    def pool(self) -> Lane | None:
        """The lane of the CPU pool; None where it did nothing."""
        return next((lane for lane in self.lanes if not lane.name), None)


def measure(lines: Path, seconds: float, workers: int, cores: int) -> Measurements:
    """Read a metrics file.

    Args:
        lines: the file, JSON lines as the run wrote them.
        seconds: how long the run took.
        workers: processes of the CPU pool.
        cores: that the run could use.

    Raises:
        OSError: it cannot be read.
    """
    step = max(_LEAST_STEP, seconds / _MOST_STEPS)
    made = Measurements(seconds, step, workers, cores)
    reader = _Reader(made)
    for values in _parsed(lines):
        reader.take(values)
    reader.finish()
    return made


def _parsed(path: Path) -> Iterator[dict[str, Any]]:
    with os.fdopen(open_unlinked(path), encoding="utf-8", errors="surrogateescape") as file:
        for line in file:
            try:
                values = json.loads(line)
            except ValueError:  # the last line of a run that was killed
                continue
            if isinstance(values, dict):
                yield values


class _Reader:
    """Puts the lines of a metrics file together."""

    def __init__(self, made: Measurements) -> None:
        self._made = made
        self._steps = max(1, math.ceil(made.seconds / made.step))
        self._numbers: dict[str, int] = {}
        self._busy: dict[tuple[str, str], dict[int, Floats]] = {}
        self._batches: dict[tuple[str, str], _Batches] = defaultdict(_Batches)
        self._began: float | None = None
        #: The last two recordings that were finished, when and which.
        self._ends: list[tuple[float, str]] = []

    def take(self, values: dict[str, Any]) -> None:
        """Use a line; those that say nothing about performance are left."""
        kinds = {
            "batch": self._batch,
            "task": self._task,
            "sample": self._sample,
            "recording": self._recording,
        }
        take = kinds.get(str(values.get("event")))
        if take is not None:
            take(values)

    def finish(self) -> None:
        made = self._made
        made.stages = list(self._numbers)
        for (name, device), by_stage in self._busy.items():
            shares = np.stack([by_stage.get(n, self._none()) for n in range(len(made.stages))])
            busy = shares.sum(axis=0)
            if not name:
                busy /= max(1, made.workers)
            stage = np.where(busy > 0, shares.argmax(axis=0), -1)
            made.lanes.append(Lane(name, device, np.minimum(busy, 1.0), stage))
        made.lanes.sort(key=lambda lane: (not lane.name, int(np.argmax(lane.busy > 0))))
        made.batches = [batches.figures(*key) for key, batches in self._batches.items()]
        if len(self._ends) > 1:
            made.last = self._ends[-1][1]
            made.alone = self._ends[-1][0] - self._ends[-2][0]

    def _batch(self, values: dict[str, Any]) -> None:
        device, start = str(values["device"]), float(values["started"])
        self._add((values["worker"], device), values["stage"], start, float(values["seconds"]))
        kind = _CPU if device.startswith(_CPU) else "gpu"
        self._batches[values["stage"], kind].add(values)

    def _task(self, values: dict[str, Any]) -> None:
        seconds = float(values["seconds"])
        self._add(("", _CPU), values["stage"], float(values["at"]) - seconds, seconds)

    def _sample(self, values: dict[str, Any]) -> None:
        """Samples have the time of day; the first is taken as the run begins."""
        made = self._made
        moment = float(values["at"])
        self._began = moment if self._began is None else self._began
        at = moment - self._began
        made.cpu.add(at, values["cpu_percent"] / 100 / max(1, made.cores))
        total = values["machine_total_mb"] or 1.0
        made.memory.add(at, values["machine_used_mb"] / total)
        made.own_memory.add(at, values["run_memory_mb"] / total)
        for device in values["devices"]:
            index = int(device["index"])
            made.devices.setdefault(index, Curve()).add(
                at, device["used_mb"] / (device["total_mb"] or 1.0)
            )
            made.utilization.setdefault(index, Curve()).add(at, device["utilization"] / 100)

    def _recording(self, values: dict[str, Any]) -> None:
        at = float(values["at"])
        end = (at, os.path.basename(str(values["path"])))  # noqa: PTH119
        self._ends = sorted([*self._ends, end])[-2:]
        if values["status"] == "done":
            self._made.finished.add(at, float(values["media_seconds"] or 0.0))

    def _add(self, lane: tuple[str, str], stage: str, start: float, seconds: float) -> None:
        number = self._numbers.setdefault(stage, len(self._numbers))
        row = self._busy.setdefault(lane, {}).setdefault(number, self._none())
        first, last = max(0.0, start), min(start + seconds, self._made.seconds)
        step = self._made.step
        at, stop = int(first / step), min(self._steps - 1, int(last / step))
        if last <= first or at > stop:
            return
        if at == stop:
            row[at] += (last - first) / step
            return
        row[at] += (at + 1) - first / step
        row[stop] += last / step - stop
        row[at + 1 : stop] += 1.0

    def _none(self) -> Floats:
        return np.zeros(self._steps)


@dataclass
class _Batches:
    """Sums over the batches of a stage on a kind of device."""

    count: int = 0
    items: int = 0
    most: int = 0
    allowed: int = 0
    cost: float = 0.0
    padded: float = 0.0
    seconds: float = 0.0
    others: int = 0

    def add(self, batch: Mapping[str, Any]) -> None:
        items, others = int(batch["items"]), int(batch.get("other_items", 0))
        self.count += 1
        self.items += items
        self.others += others
        self.most = max(self.most, items + others)
        self.allowed += int(batch["batch_size"])
        self.cost += float(batch["cost"])
        self.padded += float(batch["padded_cost"])
        self.seconds += float(batch["seconds"])

    def figures(self, stage: str, device: str) -> BatchFigures:
        return BatchFigures(
            stage=stage,
            device=device,
            count=self.count,
            items=self.items,
            most=self.most,
            allowed=self.allowed / self.count,
            padding=1 - self.cost / self.padded if self.padded > 0 else 0.0,
            seconds=self.seconds,
            others=self.others,
        )
