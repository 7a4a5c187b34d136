"""Who says what when: speech, language, transcripts, words, speakers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import ClassVar, Literal

from reelmill.artifacts.base import Artifact
from reelmill.artifacts.summary import Finding, RecordingSummary

#: How the time of a word was found.
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
    """Where somebody speaks: spans in order, without overlap. `duration` is that of the recording.

    `padding` is the audio added before and after the speech in each span, in seconds, where the
    next span leaves room. `channels` has the same for each channel that is recognized separately,
    by name; `spans` is then the union of all.
    """

    schema: ClassVar[str] = "speech/2"
    spans: list[Span]
    duration: float
    padding: float = 0.0
    channels: dict[str, Speech] = field(default_factory=dict)

    def of(self, channel: str | None) -> Speech:
        """Where somebody speaks in a channel; in all channels if None."""
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
    """A stretch of text from the recognizer, with the recognizer's confidence."""

    start: float
    end: float
    text: str
    avg_logprob: float
    no_speech_prob: float
    compression_ratio: float
    temperature: float
    words: list[Word] = field(default_factory=list)
    speaker: str | None = None
    #: The language, if the recording has several; None means that of the transcript.
    language: str | None = None
    #: The channel in which it is said, if channels are recognized separately.
    channel: str | None = None


def in_time_order(segments: Iterable[Segment]) -> list[Segment]:
    """Segments of several channels in order of time. They may overlap."""
    return sorted(segments, key=lambda segment: segment.start)


@dataclass
class RecognizedWindow:
    """A window of speech as first recognized, with what may call for recognizing it again.

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
    #: What was removed from its text.
    findings: list[Finding] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        return sum(piece.duration for piece in self.pieces)


@dataclass
class Recognition(Artifact):
    """The speech of a recording as first recognized, window by window."""

    schema: ClassVar[str] = "recognition/1"
    windows: list[RecognizedWindow]

    def of(self, channel: str | None) -> list[RecognizedWindow]:
        """The windows of a channel, or of the only audio if None."""
        return [window for window in self.windows if window.channel == channel]


@dataclass
class Transcript(Artifact):
    """A transcript. `model` is the name the user knows, `language` the main one as ISO 639-1. Times
    refer to the original file.

    Segments are in order. Segments of one channel do not overlap; those of different channels may.
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
        """The language of a segment."""
        return segment.language or self.language

    def summary(self) -> RecordingSummary:
        return RecordingSummary(
            media_seconds=self.duration, language=self.language, findings=self.findings
        )


@dataclass
class WhisperTimes(Artifact):
    """Whisper's own word times for each segment of a transcript, or none where an aligner will do
    better."""

    schema: ClassVar[str] = "whisper-times/1"
    words: list[list[Word]]


@dataclass
class AlignedTranscript(Transcript):
    """A transcript in which every segment has its words.

    `aligner` is the model that found their times, None for Whisper's own. `notes` says in plain
    words what could not be done and why.
    """

    schema: ClassVar[str] = "aligned/3"
    aligner: str | None = None
    notes: list[str] = field(default_factory=list)

    def summary(self) -> RecordingSummary:
        return replace(super().summary(), notes=self.notes)


@dataclass
class Turn:
    """A stretch of speech by one speaker without interruption. Turns of different speakers may
    overlap. `channel` is set if each person has their own channel."""

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
    by their channels if each has one."""

    schema: ClassVar[str] = "diarization/2"
    turns: list[Turn]
    speakers: list[str]
    model: str
    duration: float
    notes: list[str] = field(default_factory=list)


@dataclass
class PersonTurns(Diarization):
    """Who speaks when, by the names of the persons seen in the video. Voices that belong to no face
    keep their own labels."""

    schema: ClassVar[str] = "person_turns/1"


@dataclass
class SpeakerTotals:
    """Statistics of one speaker: `share` of all speech, and `overlap`, the seconds in which
    somebody else speaks too."""

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
