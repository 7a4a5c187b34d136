"""What is known on the way to who speaks when: speakers window by window, and their voices."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from reelmill.artifacts.base import Artifact

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Float32 = npt.NDArray[np.float32]


@dataclass
class LocalSpeaker:
    """Somebody heard in a window; `runs` are pairs of frames, first and one past the last."""

    runs: list[tuple[int, int]]

    @property
    def frames(self) -> int:
        return sum(end - start for start, end in self.runs)


@dataclass
class ActivityWindow:
    """Who is heard in a window that begins at frame `first` of the recording.

    Runs count from the window's first frame. Speakers of different windows are not yet compared.
    """

    first: int
    speakers: list[LocalSpeaker]


@dataclass
class SpeakerActivity(Artifact):
    """Speakers in windows of the recording; windows without speech are left out.

    `frame_seconds` is the length of a frame, `offset` the time of frame 0, `window_frames` the
    length of a window; windows overlap.
    """

    schema: ClassVar[str] = "activity/1"
    model: str
    duration: float
    frame_seconds: float
    offset: float
    window_frames: int
    windows: list[ActivityWindow]


@dataclass
class Voice:
    """A local speaker whose voice was looked at: its window, its place in it, and how many
    seconds of speech of this speaker alone were heard."""

    window: int
    speaker: int
    seconds: float


@dataclass
class Voices(Artifact):
    """The voice of each local speaker that is heard long enough.

    `vectors`: base64 of little-endian float16, shape (len(voices), `dimensions`), unit length.
    """

    schema: ClassVar[str] = "voices/1"
    model: str
    dimensions: int
    voices: list[Voice]
    vectors: str

    def embeddings(self) -> Float32:
        """Shape (len(voices), dimensions), float32."""
        import numpy as np

        if not self.voices:
            return np.zeros((0, self.dimensions), np.float32)
        flat = np.frombuffer(base64.b64decode(self.vectors), "<f2").astype(np.float32)
        return flat.reshape(len(self.voices), self.dimensions)


def packed(embeddings: Float32) -> str:
    """Embeddings as `Voices.vectors` holds them."""
    return base64.b64encode(embeddings.astype("<f2").tobytes()).decode("ascii")
