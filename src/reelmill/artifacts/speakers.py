"""Intermediate results of diarization: where somebody speaks, and with which voice."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from reelmill.artifacts.base import Artifact
from reelmill.artifacts.speech import Span

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Float32 = npt.NDArray[np.float32]


@dataclass
class SpeakerActivity(Artifact):
    """When and how many people speak, without saying who.

    `speech` is where somebody speaks. `overlaps` are stretches of speech by two people at once.
    `changes` are times at which another speaker seems to take over without a pause. All in seconds,
    in order. `channels` has the same for each channel that has one person, by name; the fields for
    all channels together are then empty.
    """

    schema: ClassVar[str] = "activity/3"
    model: str
    duration: float
    speech: list[Span]
    overlaps: list[Span]
    changes: list[float]
    channels: dict[str, SpeakerActivity] = field(default_factory=dict)

    def of(self, channel: str | None) -> SpeakerActivity:
        """The result for a channel, or for the only audio if None."""
        return self if channel is None else self.channels[channel]


@dataclass
class Voices(Artifact):
    """The voice in each short stretch of speech by a single person.

    `vectors` is base64 of little-endian float16, shape (len(stretches), `dimensions`), unit length.
    `channels` has the same for each channel that has one person; there are no other vectors then.
    """

    schema: ClassVar[str] = "voices/3"
    model: str
    dimensions: int
    stretches: list[Span]
    vectors: str
    channels: dict[str, Voices] = field(default_factory=dict)

    def embeddings(self) -> Float32:
        """Shape (len(stretches), dimensions), float32."""
        import numpy as np

        if not self.stretches:
            return np.zeros((0, self.dimensions), np.float32)
        flat = np.frombuffer(base64.b64decode(self.vectors), "<f2").astype(np.float32)
        return flat.reshape(len(self.stretches), self.dimensions)


def packed(embeddings: Float32) -> str:
    """Encode embeddings as `Voices.vectors` holds them."""
    return base64.b64encode(embeddings.astype("<f2").tobytes()).decode("ascii")
