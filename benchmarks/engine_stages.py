"""Stages that do almost nothing, so that only the engine is measured.

A module of their own: the engine's processes import it by name.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from reelmill.artifacts import Artifact, RecordingSummary
from reelmill.core.atomic import write_text
from reelmill.core.recording import Recording
from reelmill.engine.pipeline import Pipeline
from reelmill.engine.stage import Device, FileStage, Inputs, ModelSpec, ModelStage, StageContext


@dataclass
class Numbers(Artifact):
    schema: ClassVar[str] = "numbers/1"
    count: int

    def summary(self) -> RecordingSummary:
        return RecordingSummary(media_seconds=float(self.count))


@dataclass
class Total(Artifact):
    schema: ClassVar[str] = "total/1"
    total: int


@dataclass
class Page(Artifact):
    schema: ClassVar[str] = "page/1"
    file: str

    def summary(self) -> RecordingSummary:
        return RecordingSummary(outputs=[self.file])


@dataclass(frozen=True)
class Count(FileStage):
    """How many items a recording has: the number its file begins with."""

    name: ClassVar[str] = "count"
    version: ClassVar[int] = 1
    produces: ClassVar[type[Artifact]] = Numbers

    def run(self, context: StageContext, inputs: Inputs) -> Numbers:
        return Numbers(int(context.recording.path.read_text().split()[0]))


@dataclass(frozen=True)
class AddingModel(ModelSpec):
    @property
    def name(self) -> str:
        return "adder"

    @property
    def identity(self) -> str:
        return "adder-1"

    def load(self, device: Device, threads: int) -> Any:
        return sum


@dataclass
class Number:
    samples: np.ndarray
    cost: float


@dataclass(frozen=True)
class Add(ModelStage[Number, int]):
    """Items of 64 bytes whose costs differ, so that batching has something to sort."""

    name: ClassVar[str] = "add"
    version: ClassVar[int] = 1
    needs: ClassVar[tuple[type[Artifact], ...]] = (Numbers,)
    produces: ClassVar[type[Artifact]] = Total

    def split(self, context: StageContext, inputs: Inputs) -> Iterator[Number]:
        for number in range(inputs[Numbers].count):
            yield Number(np.full(16, number, np.int32), 1.0 + number * 7 % 30)

    def infer(self, model: Any, batch: Sequence[Number]) -> list[int]:
        return [int(model(item.samples[:2])) for item in batch]

    def merge(self, context: StageContext, inputs: Inputs, outputs: Iterator[int]) -> Total:
        return Total(sum(outputs))


@dataclass(frozen=True)
class Write(FileStage):
    name: ClassVar[str] = "write"
    version: ClassVar[int] = 1
    needs: ClassVar[tuple[type[Artifact], ...]] = (Total,)
    produces: ClassVar[type[Artifact]] = Page
    named_outputs: ClassVar[bool] = True
    out: Path = field(default=Path(), metadata={"affects_result": False})

    def run(self, context: StageContext, inputs: Inputs) -> Page:
        file = f"{context.recording.name}.txt"
        write_text(self.out / file, f"{inputs[Total].total}\n", of=context.recording)
        return Page(file)

    def files(self, recording: Recording, artifact: Artifact) -> list[Path]:
        assert isinstance(artifact, Page)
        return [self.out / artifact.file]


def adding_pipeline(out: Path) -> Pipeline:
    """Four steps of work a recording: count, split, merge, write."""
    return Pipeline("adding", [Count(), Add(AddingModel()), Write(out)])
