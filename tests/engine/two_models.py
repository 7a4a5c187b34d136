"""A toy pipeline with two models that note when they load and infer, and who is alive then."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from reelmill.artifacts import Artifact
from reelmill.engine.pipeline import Pipeline
from reelmill.engine.stage import Device, Inputs, ModelSpec, ModelStage, StageContext, setting
from tests.engine.toys import Read, Shout, ShoutStage, WordItem, Words, Write, note


@dataclass
class Length(Artifact):
    schema: ClassVar[str] = "length/1"
    letters: int


@dataclass
class Echo(Artifact):
    schema: ClassVar[str] = "echo/1"
    text: str


@dataclass(frozen=True)
class NotedModel(ModelSpec):
    """Notes `load NAME PID` and `infer NAME PID`; `ballast_mb` is memory it really takes."""

    label: str
    log: Path
    need_mb: float = 0.0
    ballast_mb: int = 0
    delay: float = 0.0
    fails: str = ""

    @property
    def name(self) -> str:
        return self.label

    @property
    def identity(self) -> str:
        return self.label

    def memory_mb(self, device_kind: str) -> float:
        return self.need_mb

    def load(self, device: Device, threads: int) -> Any:
        self.write("load")
        if self.fails:
            raise RuntimeError(self.fails)
        return np.ones(self.ballast_mb << 17)  # 8 bytes each

    def write(self, what: str) -> None:
        with self.log.open("a") as file:
            file.write(f"{what} {self.label} {os.getpid()}\n")


@dataclass(frozen=True)
class First(ShoutStage):
    """Upper case, by the first model."""

    def infer(self, model: Any, batch: Sequence[WordItem]) -> list[str]:
        self.model.write("infer")  # type: ignore[attr-defined]
        time.sleep(self.model.delay)  # type: ignore[attr-defined]
        return [item.text.upper() for item in batch]


@dataclass(frozen=True)
class Second(ModelStage[WordItem, str]):
    """Each word twice, by the second model, from what the first made."""

    name: ClassVar[str] = "second"
    version: ClassVar[int] = 1
    needs: ClassVar[tuple[type[Artifact], ...]] = (Shout,)
    produces: ClassVar[type[Artifact]] = Echo
    item_bytes: int = 1000
    log: Path | None = setting(None, affects_result=False)

    def split(self, context: StageContext, inputs: Inputs) -> Iterator[WordItem]:
        for word in inputs[Shout].text.split():
            yield WordItem(word, np.zeros(self.item_bytes // 4, np.float32))

    def infer(self, model: Any, batch: Sequence[WordItem]) -> list[str]:
        self.model.write("infer")  # type: ignore[attr-defined]
        if any(item.text == "KILL2" for item in batch):
            os.kill(os.getpid(), 9)
        return [2 * item.text for item in batch]

    def merge(self, context: StageContext, inputs: Inputs, outputs: Iterator[str]) -> Echo:
        note(self.log, "merge2", context.recording)
        return Echo(" ".join(outputs))


@dataclass(frozen=True)
class Third(ModelStage[WordItem, int]):
    """Counts letters of the echo, with the first model once more."""

    name: ClassVar[str] = "third"
    version: ClassVar[int] = 1
    needs: ClassVar[tuple[type[Artifact], ...]] = (Echo, Words)
    produces: ClassVar[type[Artifact]] = Length

    def split(self, context: StageContext, inputs: Inputs) -> Iterator[WordItem]:
        for word in inputs[Echo].text.split():
            yield WordItem(word, np.zeros(10, np.float32))

    def infer(self, model: Any, batch: Sequence[WordItem]) -> list[int]:
        self.model.write("infer")  # type: ignore[attr-defined]
        return [len(item.text) for item in batch]

    def merge(self, context: StageContext, inputs: Inputs, outputs: Iterator[int]) -> Length:
        return Length(sum(outputs))


@dataclass(frozen=True)
class WriteEcho(Write):
    needs: ClassVar[tuple[type[Artifact], ...]] = (Shout, Echo)

    def run(self, context: StageContext, inputs: Inputs) -> Any:
        written = super().run(context, inputs)
        (self.out / written.file).write_text(inputs[Echo].text)
        return written


@dataclass(frozen=True)
class WriteAll(WriteEcho):
    """Needs the third stage too, so that this is not the end of another branch."""

    needs: ClassVar[tuple[type[Artifact], ...]] = (Shout, Echo, Length)


def two_models(
    out: Path,
    log: Path,
    first: dict[str, Any] | None = None,
    second: dict[str, Any] | None = None,
    again: bool = False,
    item_bytes: int = 1000,
) -> Pipeline:
    """Read, first model, second model, write; `again`: the first model a second time, after it."""
    one = NotedModel("one", log, **(first or {}))
    two = NotedModel("two", log, **(second or {}))
    stages: list[Any] = [Read(log), First(one, log, item_bytes), Second(two, item_bytes, log)]
    if again:
        return Pipeline("three", [*stages, Third(one), WriteAll(out)])
    return Pipeline("two", [*stages, WriteEcho(out)])
