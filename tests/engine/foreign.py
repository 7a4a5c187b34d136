"""A toy model that runs in another environment. This file imports only the standard library,
because such an interpreter needs nothing else."""

from __future__ import annotations

import importlib.util
import os
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from reelmill.artifacts import Artifact
from reelmill.engine.stage import Device, FileStage, Inputs, ModelSpec, ModelStage, StageContext
from reelmill.errors import ModelUnavailableError


@dataclass
class Names(Artifact):
    schema: ClassVar[str] = "names/1"
    names: list[str]


@dataclass
class Echoes(Artifact):
    schema: ClassVar[str] = "echoes/1"
    said: list[str]


@dataclass(frozen=True)
class ReadNames(FileStage):
    name: ClassVar[str] = "names"
    version: ClassVar[int] = 1
    produces: ClassVar[type[Artifact]] = Names

    def run(self, context: StageContext, inputs: Inputs) -> Names:
        return Names(context.recording.path.read_text().split())


@dataclass(frozen=True)
class NameItem:
    name: str
    cost: float = 1.0


@dataclass(frozen=True)
class EchoModel(ModelSpec):
    python: str | None = None
    lacking: bool = False

    @property
    def name(self) -> str:
        return "echo"

    @property
    def identity(self) -> str:
        return "echo-1"

    @property
    def environment(self) -> Mapping[str, str]:
        return {"ECHO_GREETING": "hello"}

    def load(self, device: Device, threads: int) -> str:
        if self.lacking:
            raise ModelUnavailableError("the library echo is not there; install it")
        return os.environ["ECHO_GREETING"]


@dataclass(frozen=True)
class Echo(ModelStage[NameItem, str]):
    """Reports its interpreter; the name `boom` kills its model worker."""

    name: ClassVar[str] = "echo"
    version: ClassVar[int] = 1
    needs: ClassVar[tuple[type[Artifact], ...]] = (Names,)
    produces: ClassVar[type[Artifact]] = Echoes
    max_batch_size: ClassVar[int | None] = 2

    def split(self, context: StageContext, inputs: Inputs) -> Iterator[NameItem]:
        yield from map(NameItem, inputs[Names].names)

    def infer(self, model: Any, batch: Sequence[NameItem]) -> list[str]:
        if any(item.name == "boom" for item in batch):
            os.kill(os.getpid(), signal.SIGKILL)
        ours = importlib.util.find_spec("pydantic") is not None
        return [f"{model} {item.name} {sys.executable} {ours}" for item in batch]

    def merge(self, context: StageContext, inputs: Inputs, outputs: Iterator[str]) -> Echoes:
        return Echoes(list(outputs))
