"""Whole recordings as items, for libraries that cannot take smaller ones."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from reelmill.artifacts import Audio
from reelmill.core.recording import Recording
from reelmill.media.audio.samples import open_samples, window

RATE = 16_000
#: Seconds a library may take for one second of sound before its model worker counts as hung.
TIMEOUT_PER_COST = 20.0


@dataclass(frozen=True)
class WholeSound:
    """The decoded sound of a recording, by its path: the file is mapped, not sent.

    `folder` is a str, because another version of Python may have to read this. The cost is in
    seconds.
    """

    folder: str
    audio: Audio

    @property
    def cost(self) -> float:
        return self.audio.samples / RATE

    def read(self) -> npt.NDArray[np.float32]:
        """All samples, mono at 16 kHz, in [-1, 1]."""
        return window(open_samples(Path(self.folder), self.audio), 0.0, self.cost)


def whole_sound(recording: Recording, audio: Audio) -> WholeSound:
    return WholeSound(str(recording.folder), audio)
