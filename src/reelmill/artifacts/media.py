"""The contents of a container, and its decoded audio."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import ClassVar

from reelmill.artifacts.base import Artifact
from reelmill.artifacts.names import PlainName
from reelmill.artifacts.summary import Finding, RecordingSummary


@dataclass
class AudioTrack:
    index: int
    codec: str
    sample_rate: int
    channels: int
    duration: float | None
    language: str | None = None
    title: str | None = None


@dataclass
class VideoTrack:
    """`rotation` in degrees; `pixel_aspect`: width to height of a coded pixel."""

    index: int
    codec: str
    width: int
    height: int
    frame_rate: float | None
    duration: float | None
    rotation: int = 0
    pixel_aspect: float = 1.0


@dataclass
class Media(Artifact):
    """The contents of a container. `duration` is in seconds, and 0 when the container does not
    state it."""

    schema: ClassVar[str] = "media/1"
    container: str
    duration: float
    audio: list[AudioTrack]
    video: list[VideoTrack]
    tags: dict[str, str] = field(default_factory=dict)


@dataclass
class Joint:
    """Where a recording starts within a file of joined recordings: the moment `stamp` (s) of its
    own clock is at `time` (s) of the whole."""

    stamp: float
    time: float


@dataclass
class VideoIndex(Artifact):
    """The index of the pictures of a video track.

    With `seekable`, reading can start at any of `key_times` (s, ascending; of those closer together
    than a quarter of a second not all are listed). Otherwise it can start only at the beginning,
    because time stamps are missing, restart (at each of `joints`) or are out of order. `pictures`
    counts packets. `end` (s) is the end of the last picture, None where only decoding can tell.
    """

    schema: ClassVar[str] = "video_index/1"
    track: int
    pictures: int
    seekable: bool
    key_times: list[float]
    end: float | None = None
    joints: list[Joint] = field(default_factory=list)
    problems: list[Finding] = field(default_factory=list)

    def summary(self) -> RecordingSummary:
        return RecordingSummary(findings=self.problems)


@dataclass
class Channel:
    """The audio of one channel. `name` is one of `channel_names`; `file` has the format of
    `Audio`."""

    name: str
    file: PlainName


def channel_names(count: int) -> list[str]:
    """The names of channels: `left` and `right`, or `channel1` and so on."""
    if count == 2:
        return ["left", "right"]
    return [f"channel{number}" for number in range(1, count + 1)]


def channel_number(name: str) -> int:
    """The number of a channel, counted from 1, from its name in `channel_names`."""
    return {"left": 1, "right": 2}.get(name) or int(name.removeprefix("channel"))


@dataclass
class Audio(Artifact):
    """Decoded audio: a sidecar file of mono little-endian int16 at `sample_rate` Hz.

    Sample 0 is time 0 of the original. Gaps in the source are filled with silence. `problems` are
    damage that affected part of the audio, and uncertain times. `channels` have one person each and
    are recognized separately; `file` is then the mix of all. Without `channels`, `file` is
    recognized.
    """

    schema: ClassVar[str] = "audio/3"
    file: PlainName
    sample_rate: int
    samples: int
    track: int
    problems: list[Finding] = field(default_factory=list)
    channels: list[Channel] = field(default_factory=list)

    @property
    def duration(self) -> float:
        return self.samples / self.sample_rate

    def sidecars(self) -> list[str]:
        return [self.file, *(channel.file for channel in self.channels)]

    def sounds(self) -> list[tuple[str | None, Audio]]:
        """What is recognized separately: each channel with its name, or this audio without a
        name."""
        if not self.channels:
            return [(None, self)]
        return [
            (channel.name, replace(self, file=channel.file, channels=[]))
            for channel in self.channels
        ]

    def summary(self) -> RecordingSummary:
        return RecordingSummary(media_seconds=self.duration, findings=self.problems)
