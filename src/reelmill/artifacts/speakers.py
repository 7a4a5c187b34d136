"""Intermediate results of diarization: where somebody speaks, and with which voice."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from reelmill.artifacts.base import Artifact
from reelmill.artifacts.speech import Span
from reelmill.artifacts.summary import Finding, RecordingSummary

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Float32 = npt.NDArray[np.float32]


@dataclass
class LocalTurn:
    """What the segmentation network hears in a window: from `start` to `end`, in seconds of the
    recording, local `speaker` is the loudest. Local speakers of different windows have nothing to
    do with each other."""

    window: int
    start: float
    end: float
    speaker: int


@dataclass
class SpeakerActivity(Artifact):
    """When and how many people speak, without saying who.

    `speech` is where somebody speaks. `overlaps` are stretches of speech by two people at once.
    `changes` are times at which another speaker seems to take over without a pause. All in seconds,
    in order. `channels` has the same for each channel that has one person, by name; the fields for
    all channels together are then empty. `local` holds the turns of each window, in order.
    """

    schema: ClassVar[str] = "activity/3"
    model: str
    duration: float
    speech: list[Span]
    overlaps: list[Span]
    changes: list[float]
    channels: dict[str, SpeakerActivity] = field(default_factory=dict)
    local: list[LocalTurn] = field(default_factory=list)

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
        return unpacked(self.vectors, len(self.stretches), self.dimensions)


@dataclass
class SpeakerProfile:
    """The voice of a speaker of a recording, from `seconds` of speech. `name`: whose it is of the
    people known from samples, with its score; None where nobody's."""

    speaker: str
    seconds: float
    name: str | None = None
    score: float | None = None

    @property
    def sounds_like(self) -> str:
        """The finding about whose voice it is, in plain words."""
        return f"{self.speaker} sounds like {self.name} in the samples (score {self.score:.2f})"


@dataclass
class SpeakerProfiles(Artifact):
    """The voices of the speakers of a recording, to be compared with those of others.

    `encoder` and its `digest`: what vectors can be compared. `vectors` as in `Voices`, a row of
    unit length for each of `speakers`, or of zeros for who is never heard alone.
    """

    schema: ClassVar[str] = "speaker-profiles/1"
    encoder: str
    digest: str
    dimensions: int
    speakers: list[SpeakerProfile]
    vectors: str

    def embeddings(self) -> Float32:
        """Shape (len(speakers), dimensions), float32."""
        return unpacked(self.vectors, len(self.speakers), self.dimensions)

    def summary(self) -> RecordingSummary:
        return RecordingSummary(
            findings=[
                Finding("speaker", score=one.score, speaker=one.speaker, text=one.sounds_like)
                for one in self.speakers
                if one.name is not None
            ]
        )


def packed(embeddings: Float32) -> str:
    """Encode embeddings as `Voices.vectors` holds them."""
    return base64.b64encode(embeddings.astype("<f2").tobytes()).decode("ascii")


def unpacked(vectors: str, rows: int, dimensions: int) -> Float32:
    """The counterpart of `packed`, shape (rows, dimensions)."""
    import numpy as np

    if not rows:
        return np.zeros((0, dimensions), np.float32)
    flat = np.frombuffer(base64.b64decode(vectors), "<f2").astype(np.float32)
    return flat.reshape(rows, dimensions)
