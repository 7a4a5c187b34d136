"""Toy stages: text files are recordings, words are items, a "model" that shouts.

With them the engine is tested without media or models; files can contain commands to misbehave.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from reelmill.artifacts import Artifact, RecordingSummary
from reelmill.core.atomic import write_text
from reelmill.core.progress import tick
from reelmill.core.recording import Recording
from reelmill.engine.config import EngineConfig
from reelmill.engine.execution.planning import Source
from reelmill.engine.pipeline import Pipeline
from reelmill.engine.resources.monitor import DeviceSample
from reelmill.engine.stage import (
    Device,
    FileStage,
    Inputs,
    ModelSpec,
    ModelStage,
    StageContext,
    setting,
)
from reelmill.errors import InputError, TransientError


@dataclass
class Words(Artifact):
    schema: ClassVar[str] = "words/1"
    words: list[str]

    def summary(self) -> RecordingSummary:
        return RecordingSummary(media_seconds=float(len(self.words)))


@dataclass
class Shout(Artifact):
    schema: ClassVar[str] = "shout/1"
    text: str


@dataclass
class Written(Artifact):
    schema: ClassVar[str] = "written/1"
    file: str

    def summary(self) -> RecordingSummary:
        return RecordingSummary(outputs=[self.file])


@dataclass(frozen=True)
class Read(FileStage):
    """Reads the words of a text file. The word `unreadable` makes it an input error, as does
    `limited`, which tells the limit; at `edited` the file changes while it is read."""

    name: ClassVar[str] = "read"
    version: ClassVar[int] = 1
    produces: ClassVar[type[Artifact]] = Words
    log: Path | None = setting(None, affects_result=False)

    def run(self, context: StageContext, inputs: Inputs) -> Words:
        note(self.log, "read", context.recording)
        words = context.recording.path.read_text().split()
        if "unreadable" in words:
            raise InputError(f"{context.recording.path}: unreadable on purpose; take it out")
        if "limited" in words:
            raise InputError(f"the limit is {os.environ.get('TOY_LIMIT')}")
        if "flaky" in words and self.log and count(self.log, "read", context.recording) < 3:
            raise TransientError(f"{context.recording.path}: busy")
        if "edited" in words:
            context.recording.path.write_text("somebody else's words")
        if "killworker" in words:
            os.kill(os.getpid(), signal.SIGKILL)
        if "hungry" in words:
            bytearray(1 << 30)
        if "silent" in words:
            time.sleep(60)
        for _ in range(words.count("step")):  # of long work that shows its progress
            time.sleep(0.2)
            tick()
        until = time.process_time() + 0.25 * words.count("crunch")  # work for a core
        while time.process_time() < until:
            tick()
        if "diskfull" in words:
            raise OSError(28, "No space left on device")
        return Words(words)


@dataclass
class Shouter:
    """The loaded model, and the folder with files that tell it how to behave (if any).

    It notes the device of each batch, and its process, in `devices` there. While there is a file
    `slow`, or one with its device's name, each batch takes its time; a number in the latter says
    how many batches of other devices it lasts. While there is `full` memory runs out on a GPU.
    """

    device: Device
    scene: Path | None

    def begin(self) -> None:
        if self.scene is None:
            return
        own = self.scene / str(self.device)
        if (self.scene / "slow").exists() or own.exists():
            time.sleep(0.15)
        with contextlib.suppress(FileNotFoundError):
            self._let_pass(int(own.read_text() or 0))
        if self.device.kind == "cuda" and (self.scene / "full").exists():
            raise RuntimeError("CUDA failed with error out of memory")
        with (self.scene / "devices").open("a") as file:
            file.write(f"{self.device} {os.getpid()}\n")

    def _let_pass(self, batches: int) -> None:
        """Wait for batches of other devices, as long as there are any."""
        assert self.scene is not None
        done = self.scene / "devices"

        def others() -> int:
            lines = done.read_text().splitlines() if done.exists() else []
            return sum(not line.startswith(f"{self.device} ") for line in lines)

        latest = first = others()
        until = time.monotonic() + 0.5
        while latest < first + batches and time.monotonic() < until:
            time.sleep(0.01)
            if (now := others()) != latest:
                latest, until = now, time.monotonic() + 0.5

    def __call__(self, text: str) -> str:
        return text.upper()


@dataclass(frozen=True)
class ShoutModel(ModelSpec):
    delay: float = 0.0
    broken: str = ""
    scene: Path | None = None
    empty: bool = False

    @property
    def name(self) -> str:
        return "shouter"

    @property
    def is_empty(self) -> bool:
        return self.empty

    @property
    def identity(self) -> str:
        return "shouter-1"

    def load(self, device: Device, threads: int) -> Any:
        if self.broken:
            raise TransientError(self.broken)
        return Shouter(device, self.scene)


@dataclass
class WordItem:
    text: str
    samples: np.ndarray

    @property
    def cost(self) -> float:
        return float(len(self.text))


@dataclass(frozen=True)
class ShoutStage(ModelStage[WordItem, str]):
    """Upper-cases words; `boom` kills the model worker, `hang` hangs it, `oom` needs a small
    batch."""

    name: ClassVar[str] = "shout"
    version: ClassVar[int] = 1
    needs: ClassVar[tuple[type[Artifact], ...]] = (Words,)
    produces: ClassVar[type[Artifact]] = Shout
    log: Path | None = setting(None, affects_result=False)
    item_bytes: int = 1000

    def split(self, context: StageContext, inputs: Inputs) -> Iterator[WordItem]:
        for number, word in enumerate(inputs[Words].words):
            yield WordItem(word, np.full(self.item_bytes // 4, number, np.float32))

    def infer(self, model: Any, batch: Sequence[WordItem]) -> list[str]:
        if self.log is not None:
            self.log.with_name(f"{self.log.name}.inferring").touch()
        time.sleep(self.model.delay)  # type: ignore[attr-defined]
        model.begin()
        words = [item.text for item in batch]
        if "boom" in words:
            os.kill(os.getpid(), signal.SIGKILL)
        if "hang" in words:
            time.sleep(1000)
        if "wrong" in words:
            raise ValueError("wrong word")
        if "oom" in words and len(words) > 2:
            raise RuntimeError("CUDA failed with error out of memory")
        if "oomalways" in words:
            raise MemoryError
        return [f"{model(item.text)}{int(item.samples[-1])}" for item in batch]

    def merge(self, context: StageContext, inputs: Inputs, outputs: Iterator[str]) -> Shout:
        note(self.log, "merge", context.recording)
        return Shout(" ".join(outputs))


@dataclass(frozen=True)
class Write(FileStage):
    name: ClassVar[str] = "write"
    version: ClassVar[int] = 1
    needs: ClassVar[tuple[type[Artifact], ...]] = (Shout,)
    produces: ClassVar[type[Artifact]] = Written
    named_outputs: ClassVar[bool] = True
    out: Path = setting(Path(), affects_result=False)

    def run(self, context: StageContext, inputs: Inputs) -> Written:
        path = self.out / f"{context.recording.name}.up"
        write_text(path, inputs[Shout].text, of=context.recording)
        return Written(f"{context.recording.name}.up")

    def claims(self, name: str) -> list[str]:
        return [f"{name}.up"]

    def files(self, recording: Recording, artifact: Artifact) -> list[Path]:
        assert isinstance(artifact, Written)
        return [self.out / artifact.file]


def note(log: Path | None, what: str, recording: Recording) -> None:
    if log is not None:
        with log.open("a") as file:
            file.write(f"{what} {recording.path.name}\n")


def count(log: Path, what: str, recording: Recording) -> int:
    return log.read_text().split("\n").count(f"{what} {recording.path.name}")


def toy_pipeline(out: Path, log: Path | None = None, **model: Any) -> Pipeline:
    item_bytes = model.pop("item_bytes", 1000)
    shout = ShoutStage(ShoutModel(**model), log, item_bytes)
    return Pipeline("toy", [Write(out), shout, Read(log)])


class NoDevices:
    """A machine without GPUs."""

    def sample(self, own_pids: Sequence[int]) -> tuple[DeviceSample, ...]:
        return ()


def toy_config(out: Path, **changes: Any) -> EngineConfig:
    settings: dict[str, Any] = {
        "workers": 1,
        "batch_size": 4,
        "max_batch": 8,
        "arena_bytes": 1 << 20,
        "retry_waits": (0.01, 0.02, 0.03),
        "drain_seconds": 5.0,
        "memory_limit": 1.0,
    }
    return EngineConfig(out, **{**settings, **changes})


def toy_sources(folder: Path, texts: dict[str, str]) -> list[Source]:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        path = folder / name
        if not path.exists() or path.read_text() != text:
            path.write_text(text)
    return [Source(folder / name, Path(name).stem) for name in texts]
