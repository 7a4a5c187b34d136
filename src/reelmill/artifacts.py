"""The typed results of stages, and their JSON form."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

#: How a word's time was found.
WordTiming = Literal["aligned", "interpolated", "whisper"]


@dataclass
class Artifact:
    """Base of all stage results: plain dataclasses of JSON-able fields, times in seconds.

    `schema` names the JSON form (`name/version`). `sidecars` are files the artifact refers to,
    relative to the recording's folder: while one is missing the artifact is not whole.
    """

    schema: ClassVar[str] = ""

    def sidecars(self) -> list[str]:
        return []

    def facts(self) -> dict[str, Any]:
        """What a report says about the recording: `media_seconds`, `language`, `outputs`."""
        return {}


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
    index: int
    codec: str
    width: int
    height: int
    frame_rate: float | None
    duration: float | None
    rotation: int = 0


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
class Audio(Artifact):
    """Decoded sound: a sidecar file of mono little-endian int16 at `sample_rate` Hz.

    Sample 0 is time 0 of the original: gaps in the source are filled with silence.
    `problems` are decoding errors that cost a part of the sound but not the whole.
    """

    schema: ClassVar[str] = "audio/1"
    file: str
    sample_rate: int
    samples: int
    track: int
    problems: list[str] = field(default_factory=list)

    @property
    def duration(self) -> float:
        return self.samples / self.sample_rate

    def sidecars(self) -> list[str]:
        return [self.file]

    def facts(self) -> dict[str, Any]:
        return {"media_seconds": self.duration}


@dataclass
class Span:
    """A stretch of time, in seconds of the original."""

    start: float
    end: float

    @property
    def duration(self) -> float:
        return self.end - self.start


@dataclass
class Speech(Artifact):
    """Where somebody speaks; spans in order, not overlapping. `duration` is the recording's."""

    schema: ClassVar[str] = "speech/1"
    spans: list[Span]
    duration: float

    @property
    def seconds(self) -> float:
        return sum(span.duration for span in self.spans)


@dataclass
class Language(Artifact):
    """The language of a recording. `given`: the user said so and nothing was detected."""

    schema: ClassVar[str] = "language/1"
    code: str
    probability: float
    given: bool
    candidates: dict[str, float] = field(default_factory=dict)


@dataclass
class Word:
    start: float
    end: float
    text: str
    score: float
    timing: WordTiming
    speaker: str | None = None


@dataclass
class Segment:
    """A stretch of text as the recognizer gave it, with the recognizer's own doubts about it."""

    start: float
    end: float
    text: str
    avg_logprob: float
    no_speech_prob: float
    compression_ratio: float
    temperature: float
    words: list[Word] = field(default_factory=list)
    speaker: str | None = None


@dataclass
class Transcript(Artifact):
    """`model` as the user knows it; `language` as ISO 639-1; times of the original file."""

    schema: ClassVar[str] = "transcript/1"
    language: str
    language_probability: float
    model: str
    duration: float
    speech_seconds: float
    segments: list[Segment]

    def facts(self) -> dict[str, Any]:
        return {"media_seconds": self.duration, "language": self.language}


@dataclass
class ExportedFile:
    path: str
    sha256: str
    size: int


@dataclass
class Exports(Artifact):
    """The files written for people, paths relative to the output folder."""

    schema: ClassVar[str] = "exports/1"
    files: list[ExportedFile]

    def facts(self) -> dict[str, Any]:
        return {
            "outputs": [file.path for file in self.files],
            "exported": [[file.path, file.sha256, file.size] for file in self.files],
        }
