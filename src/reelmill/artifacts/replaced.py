"""Transcripts in which a table of words was applied."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, fields, replace
from typing import ClassVar, TypeVar

from reelmill.artifacts.edited_words import EditedWord
from reelmill.artifacts.speech import (
    AlignedTranscript,
    Segment,
    SpokenTranscript,
    Transcript,
    Word,
)

TranscriptT = TypeVar("TranscriptT", bound=Transcript)


@dataclass
class Replaced:
    """A word changed by the table: the machine's word, and the new one."""

    start: float
    end: float
    was: str
    now: str


@dataclass
class ReplacedTranscript(Transcript):
    """A transcript without word times, with the table applied."""

    schema: ClassVar[str] = "replaced/1"
    replaced: list[Replaced] = field(default_factory=list)


@dataclass
class ReplacedAligned(AlignedTranscript):
    """An aligned transcript with the table applied."""

    schema: ClassVar[str] = "replaced-aligned/1"
    replaced: list[Replaced] = field(default_factory=list)


@dataclass
class ReplacedSpoken(SpokenTranscript):
    """A transcript with speakers and the table applied."""

    schema: ClassVar[str] = "replaced-spoken/1"
    replaced: list[Replaced] = field(default_factory=list)


def replaced_in(transcript: Transcript) -> list[Replaced]:
    """What the table changed; nothing in a transcript without one."""
    found: list[Replaced] = getattr(transcript, "replaced", [])
    return found


def marked(transcript: TranscriptT) -> TranscriptT:
    """The transcript with the words that the table changed as `EditedWord`."""
    known = {(one.start, one.end, one.now): one for one in replaced_in(transcript)}
    if not known:
        return transcript
    segments = [replace(one, words=list(_marked(one.words, known))) for one in transcript.segments]
    return replace(transcript, segments=segments)


def _marked(
    words: Iterable[Word], known: dict[tuple[float, float, str], Replaced]
) -> Iterable[Word]:
    for word in words:
        found = known.get((word.start, word.end, word.text))
        yield word if found is None else EditedWord(**vars(word), machine=found.was, editor="table")


def plain(segment: Segment) -> Segment:
    """The segment as artifacts keep it: what was changed is known from the list."""
    values = {one.name: getattr(segment, one.name) for one in fields(Segment)}
    names = [one.name for one in fields(Word)]
    words = [Word(**{name: getattr(word, name) for name in names}) for word in segment.words]
    return Segment(**{**values, "words": words})
