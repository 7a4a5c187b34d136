"""What a container holds, and its sound decoded."""

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
    """What a container holds. `duration` in seconds, 0 when the container does not say."""

    schema: ClassVar[str] = "media/1"
    container: str
    duration: float
    audio: list[AudioTrack]
    video: list[VideoTrack]
    tags: dict[str, str] = field(default_factory=dict)


@dataclass
class Joint:
    """Where a recording begins within a file that others were joined in: what its own clock says
    `stamp` (s) of is shown at `time` (s)."""

    stamp: float
    time: float


@dataclass
class VideoIndex(Artifact):
    """Where the pictures of a video track lie.

    `seekable`: reading may begin at any of `key_times` (s, ascending, not all of those closer than
    a quarter of a second); otherwise at the beginning alone, for time stamps are missing, begin
    anew (at each of `joints`) or are not in order. `pictures` counts its packets, `end` (s) is when
    the last picture ends, None where only decoding tells.
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
    """One channel's sound: `name` as in `channel_names`, `file` like the one of its `Audio`."""

    name: str
    file: PlainName


def channel_names(count: int) -> list[str]:
    """What the channels of a sound are called: `left` and `right`, else `channel1` and so on."""
    if count == 2:
        return ["left", "right"]
    return [f"channel{number}" for number in range(1, count + 1)]


def channel_number(name: str) -> int:
    """A channel's number, counted from 1, by its name in `channel_names`."""
    return {"left": 1, "right": 2}.get(name) or int(name.removeprefix("channel"))


@dataclass
class Audio(Artifact):
    """Decoded sound: a sidecar file of mono little-endian int16 at `sample_rate` Hz.

    Sample 0 is time 0 of the original: gaps in the source are filled with silence.
    `problems` are what cost a part of the sound but not the whole, and doubtful times.
    `channels` have a person each and are recognized each on its own; `file` is then all of them
    together. There are none where it is `file` that is recognized.
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
        """What is recognized on its own: each channel with its name, or this sound without one."""
        if not self.channels:
            return [(None, self)]
        return [
            (channel.name, replace(self, file=channel.file, channels=[]))
            for channel in self.channels
        ]

    def summary(self) -> RecordingSummary:
        return RecordingSummary(media_seconds=self.duration, findings=self.problems)
