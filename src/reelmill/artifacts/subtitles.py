"""Sentences, their translations, and the subtitles made from them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Literal

from reelmill.artifacts.base import Artifact
from reelmill.artifacts.names import PlainName
from reelmill.artifacts.speech import Word
from reelmill.artifacts.summary import Finding, RecordingSummary

_MOST_NOTES = 5

#: Rules that subtitles should keep and whose violation a reader notices.
Rule = Literal[
    "characters per line",
    "lines",
    "reading speed",
    "shortest",
    "longest",
    "gap",
    "late",
    "past the end",
    "inside a word",
]

#: `translated` at the first try, `retried` on its own, `kept` in the original language, or
#: `corrected` by a person.
TranslationStatus = Literal["translated", "retried", "kept", "corrected"]


@dataclass
class Sentence:
    """A whole sentence, even if the recognizer split it, with its words."""

    start: float
    end: float
    text: str
    words: list[Word]
    speaker: str | None = None
    #: Where the recording has several; None: that of the sentences.
    language: str | None = None


@dataclass
class Sentences(Artifact):
    """The sentences of a recording in order. `language` is ISO 639-1; `model` recognized them."""

    schema: ClassVar[str] = "sentences/1"
    language: str
    duration: float
    sentences: list[Sentence]
    model: str = ""
    #: Findings of the transcript.
    findings: list[Finding] = field(default_factory=list)

    def language_of(self, sentence: Sentence) -> str:
        """The language of one of them."""
        return sentence.language or self.language

    def summary(self) -> RecordingSummary:
        return RecordingSummary(media_seconds=self.duration, language=self.language)


@dataclass
class TranslatedSentence:
    """The translation of the sentence with the same index. `reason` says why it was not simply
    translated, `machine` is the translator's text where a person corrected it."""

    text: str
    status: TranslationStatus
    score: float | None = None
    reason: str | None = None
    machine: str | None = None


@dataclass
class Translations(Artifact):
    """Every sentence in every target language. Each list is as long as the list of sentences."""

    schema: ClassVar[str] = "translations/1"
    source: str
    model: str
    targets: dict[PlainName, list[TranslatedSentence]]
    notes: list[str] = field(default_factory=list)

    def summary(self) -> RecordingSummary:
        """There may be a note for every sentence, so reports only include some of them."""
        more = len(self.notes) - _MOST_NOTES
        rest = [f"and {more:,} more notes, all in its subtitles.json"] if more > 1 else []
        return RecordingSummary(notes=[*self.notes[:_MOST_NOTES], *rest] if rest else self.notes)


@dataclass
class CorrectedTranslations(Translations):
    """Translations with the corrections of people."""

    schema: ClassVar[str] = "corrected-translations/1"
    findings: list[Finding] = field(default_factory=list)

    def summary(self) -> RecordingSummary:
        """The translator's notes are told by its own artifact."""
        return RecordingSummary(findings=self.findings)


@dataclass
class CueSource:
    """The words of a sentence that a subtitle shows: from `first` up to, but not including,
    `stop`."""

    sentence: int
    first: int
    stop: int


@dataclass
class SubtitleCue:
    """A subtitle shown from `start` to `end`. `original` are its lines in the spoken language, when
    both are shown."""

    start: float
    end: float
    lines: list[str]
    sources: list[CueSource]
    original: list[str] = field(default_factory=list)


@dataclass
class BrokenRule:
    """A rule that a cue could not keep: the value it has, and the value allowed."""

    cue: int
    rule: Rule
    value: float
    limit: float


@dataclass
class SubtitleTrack:
    """The subtitles in one language, in order and without overlap."""

    language: PlainName
    cues: list[SubtitleCue]
    broken: list[BrokenRule]


@dataclass
class Subtitles(Artifact):
    """Subtitles in every target language; `source` is the language spoken."""

    schema: ClassVar[str] = "subtitles/1"
    source: str
    translator: str
    duration: float
    tracks: list[SubtitleTrack]
