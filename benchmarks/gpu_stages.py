"""Stages that put Whisper itself through the engine, on windows of noise.

A module of their own: the engine's processes import it by name.
"""

from __future__ import annotations

import resource
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import numpy as np

from reelmill.artifacts import Artifact, RecordingSummary
from reelmill.engine.stage import Inputs, ModelStage, StageContext
from reelmill.errors import describe, is_out_of_memory
from reelmill.models.whisper.decoding import DecodingOptions
from reelmill.models.whisper.features import WINDOW_FRAMES, WINDOW_SECONDS, Float32
from reelmill.models.whisper.spec import WhisperSpec
from reelmill.models.whisper.whisper import Whisper

#: The text in a model worker's log for refused memory, before the number of windows in the batch.
REFUSED = "memory refused to a batch of"
_PAGE = resource.getpagesize()


@dataclass
class Heard(Artifact):
    schema: ClassVar[str] = "gpu_heard/1"
    windows: int

    def summary(self) -> RecordingSummary:
        return RecordingSummary(media_seconds=float(self.windows * WINDOW_SECONDS))


@dataclass
class HeardAgain(Artifact):
    schema: ClassVar[str] = "gpu_heard_again/1"
    windows: int


@dataclass(frozen=True)
class Window:
    features: Float32
    cost: float = float(WINDOW_SECONDS)


@dataclass(frozen=True)
class Room:
    """Simulates the end of a GPU's memory on a CPU, MB: batches of more than `mb` are refused if
    each window takes `window_mb`. 0: only the device refuses memory.
    """

    mb: int = 0
    window_mb: int = 0


@dataclass(frozen=True)
class Decode(ModelStage[Window, int]):
    """Whisper over as many windows as the recording's file says."""

    name: ClassVar[str] = "decode"
    version: ClassVar[int] = 1
    produces: ClassVar[type[Artifact]] = Heard

    model: WhisperSpec
    options: DecodingOptions = field(default_factory=DecodingOptions)
    room: Room = field(default_factory=Room)

    def split(self, context: StageContext, inputs: Inputs) -> Iterator[Window]:
        noise = np.random.default_rng(0).standard_normal((self.model.n_mels, WINDOW_FRAMES))
        features = noise.astype(np.float32)
        for _ in range(windows_in(context.recording.path)):
            yield Window(features)

    def infer(self, model: Whisper, batch: Sequence[Window]) -> list[int]:
        try:
            if self.room.mb:
                _allocate(len(batch) * self.room.window_mb, self.room.mb)
            found = model.decode(
                [item.features for item in batch], [("en",)] * len(batch), self.options
            )
        except Exception as error:
            if is_out_of_memory(error):
                told = f"{REFUSED} {len(batch)} ({describe(error)})"
                print(told, file=sys.stderr, flush=True)
            raise
        return [len(window.segments) for window in found]

    def merge(self, context: StageContext, inputs: Inputs, outputs: Iterator[int]) -> Artifact:
        return Heard(sum(1 for _ in outputs))


@dataclass(frozen=True)
class DecodeAgain(Decode):
    """The same with another model, after the first."""

    name: ClassVar[str] = "decode_again"
    needs = (Heard,)
    produces: ClassVar[type[Artifact]] = HeardAgain

    def merge(self, context: StageContext, inputs: Inputs, outputs: Iterator[int]) -> Artifact:
        return HeardAgain(sum(1 for _ in outputs))


def write_recordings(folder: Path, recordings: int, windows: int) -> None:
    """Files that say how many windows they have; each content is different."""
    folder.mkdir(parents=True)
    for number in range(recordings):
        (folder / f"{number:04d}.wav").write_text(f"{windows} windows, recording {number}\n")


def windows_in(path: Path) -> int:
    return int(path.read_text(encoding="utf-8").split()[0])


def _allocate(mb: int, room_mb: int) -> None:
    """Take memory and give it back; the kernel refuses what does not fit into `room_mb`."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (pages * _PAGE + (room_mb << 20), hard))
    try:
        np.empty(mb << 20, np.uint8)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
