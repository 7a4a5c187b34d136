"""The task of a section of `benchmarks.gpu`: how much, where, and until when."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.gpu_models import LARGE_V3, TINY, TINY_TURBO, TURBO, Architecture, build
from reelmill.engine.stage import Device
from reelmill.models.runtimes import cublas
from reelmill.models.whisper.spec import WhisperSpec

#: Adds results of a section, which are kept whatever happens later.
Tell = Callable[[dict[str, Any]], None]


class Missing(Exception):
    """A section cannot be measured here; the message says what is missing."""


@dataclass(frozen=True)
class Scale:
    """How much is measured: `tokens` written a window; sizes of batches; windows through the
    engine."""

    device: Device
    large: Architecture
    turbo: Architecture
    tokens: int
    batches: tuple[int, ...]
    engine_batch: int
    recordings: int
    windows: int
    pieces: tuple[int, ...]
    frame: tuple[int, int]
    frames: tuple[int, ...]


FULL = Scale(
    Device("cuda"),
    LARGE_V3,
    TURBO,
    tokens=128,
    batches=(1, 8, 32, 64, 128, 256, 512, 1024, 2048),
    engine_batch=64,
    recordings=8,
    windows=48,
    pieces=(1, 8, 32, 128, 512),
    frame=(720, 1280),
    frames=(1, 8, 64),
)
#: The same on a CPU, as small as possible.
DRY = Scale(
    Device("cpu"),
    TINY,
    TINY_TURBO,
    tokens=8,
    batches=(1, 2),
    engine_batch=8,
    recordings=2,
    windows=6,
    pieces=(1, 2),
    frame=(60, 80),
    frames=(1, 2),
)


@dataclass
class Ask:
    """What a section gets: its scale, a folder that all of them share, and until when it has."""

    scale: Scale
    work: Path
    ends: float

    @property
    def is_dry(self) -> bool:
        return self.scale.device.kind == "cpu"

    @property
    def left(self) -> float:
        return self.ends - time.monotonic()

    @property
    def threads(self) -> int:
        return 1 if self.is_dry else min(4, os.cpu_count() or 1)

    def model(self, architecture: Architecture) -> WhisperSpec:
        """The architecture as `build_models` left it, or made now."""
        return build(architecture, self.work / architecture.name.replace(" ", "-"))

    def earlier(self, section: str) -> dict[str, Any]:
        """The results of another section; empty if it was left out."""
        file = self.work / f"{section}.json"
        return json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}

    def need_cuda(self) -> None:
        """Raises Missing where CTranslate2 cannot compute on the device."""
        if self.is_dry:
            return
        import ctranslate2

        if not ctranslate2.get_cuda_device_count():
            raise Missing("CTranslate2 sees no CUDA device here")
        found = cublas.find_cublas()
        if not found.found:
            raise Missing(f"{cublas.LIBRARY} is missing ({found.detail}); {cublas.REMEDY}")
