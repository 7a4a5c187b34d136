"""Who says what when: speech, language, transcripts, words, speakers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import ClassVar, Literal

from reelmill.artifacts.base import Artifact
from reelmill.artifacts.summary import Finding, RecordingSummary

#: How a word's time was found.
WordTiming = Literal["aligned", "interpolated", "whisper"]


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
    """Where somebody speaks; spans in order, not overlapping. `duration` is the recording's.

    `padding`: seconds of sound that spans have before and after the speech itself, where there is
    so much before the next. `channels`: the same for each channel that is recognized on its own, by
    its name; `spans` are then those of all of them together.
    """

    schema: ClassVar[str] = "speech/2"
    spans: list[Span]
    duration: float
    padding: float = 0.0
    channels: dict[str, Speech] = field(default_factory=dict)

    def of(self, channel: str | None) -> Speech:
        """Where somebody speaks in a channel; in all of them for None."""
        return self if channel is None else self.channels[channel]

    @property
    def seconds(self) -> float:
        return sum(span.duration for span in self.spans)


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
    #: Where the recording has several; None: that of the transcript.
    language: str | None = None
    #: The channel in which it is said, where channels are recognized each on its own.
    channel: str | None = None


def in_time_order(segments: Iterable[Segment]) -> list[Segment]:
    """Segments of several channels as they are said, overlapping or not."""
    return sorted(segments, key=lambda segment: segment.start)


@dataclass
class RecognizedWindow:
    """A window of speech as it was first recognized, and what may make somebody listen again.

    Attributes:
        pieces: the stretches of the original it was put together from.
        language: the one its text is in.
        languages: probabilities of the likeliest languages, and of those that were allowed; none
            from a model that knows English only.
        segments: its text, in times of the original.
        channel: the one it is of, where channels are recognized each on its own.
    """

    pieces: list[Span]
    language: str
    languages: dict[str, float]
    segments: list[Segment]
    channel: str | None = None
    #: What was left out of its text.
    findings: list[Finding] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        return sum(piece.duration for piece in self.pieces)


@dataclass
class Recognition(Artifact):
    """The speech of a recording as it was first recognized, window by window."""

    schema: ClassVar[str] = "recognition/1"
    windows: list[RecognizedWindow]

    def of(self, channel: str | None) -> list[RecognizedWindow]:
        """The windows of a channel, or of the one sound for None."""
        return [window for window in self.windows if window.channel == channel]


@dataclass
class Transcript(Artifact):
    """`model` as the user knows it; `language`, the main one, as ISO 639-1; times of the original
    file.

    Segments are in order and do not overlap, but those of different channels may.
    """

    schema: ClassVar[str] = "transcript/3"
    language: str
    language_probability: float
    model: str
    duration: float
    speech_seconds: float
    segments: list[Segment]
    #: What is damaged, guessed or left out in the recording.
    findings: list[Finding] = field(default_factory=list)

    def language_of(self, segment: Segment) -> str:
        """The language of one of its segments."""
        return segment.language or self.language

    def summary(self) -> RecordingSummary:
        return RecordingSummary(
            media_seconds=self.duration, language=self.language, findings=self.findings
        )


@dataclass
class WhisperTimes(Artifact):
    """Whisper's own word times, for each segment of a transcript; none where an aligner will do
    better."""

    schema: ClassVar[str] = "whisper-times/1"
    words: list[list[Word]]


@dataclass
class AlignedTranscript(Transcript):
    """A transcript whose segments all have their words.

    `aligner`: the model that found their times, None where they are Whisper's own; `notes` say in
    plain words what could not be done and why.
    """

    schema: ClassVar[str] = "aligned/3"
    aligner: str | None = None
    notes: list[str] = field(default_factory=list)

    def summary(self) -> RecordingSummary:
        return replace(super().summary(), notes=self.notes)


@dataclass
class Turn:
    """One speaker's uninterrupted speech; turns of different speakers may overlap. `channel`: the
    one that only this speaker has, where there is a channel a person."""

    start: float
    end: float
    speaker: str
    channel: str | None = None

    @property
    def duration(self) -> float:
        return self.end - self.start


@dataclass
class Diarization(Artifact):
    """Who speaks when. Speakers are labelled A, B, C... in the order in which they first speak, or
    by their channels where each has one."""

    schema: ClassVar[str] = "diarization/2"
    turns: list[Turn]
    speakers: list[str]
    model: str
    duration: float
    notes: list[str] = field(default_factory=list)


@dataclass
class PersonTurns(Diarization):
    """Who speaks when, by the names of the persons that are seen in the video; voices that go with
    no face keep a label of their own."""

    schema: ClassVar[str] = "person_turns/1"


@dataclass
class SpeakerTotals:
    """Of one speaker: `share` of all speech, `overlap` seconds while somebody else speaks too."""

    speaker: str
    seconds: float
    turns: int
    share: float
    overlap: float


@dataclass
class SpokenTranscript(AlignedTranscript):
    """An aligned transcript in which every word and segment has its speaker."""

    schema: ClassVar[str] = "spoken/3"
    speakers: list[SpeakerTotals] = field(default_factory=list)
    diarizer: str | None = None
