"""Replace words after recognition, by a table that the user gives."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import ClassVar

from reelmill.artifacts import AlignedTranscript, Artifact, Segment, SpokenTranscript, Transcript
from reelmill.artifacts.edited_words import EditedWord, places_of, replace_words
from reelmill.artifacts.replaced import (
    Replaced,
    ReplacedAligned,
    ReplacedSpoken,
    ReplacedTranscript,
    plain,
)
from reelmill.engine.stage import FileStage, Inputs, StageContext, exactly
from reelmill.stages.transcript.word_table import Pairs, find_matches


@dataclass(frozen=True)
class ReplaceWords(FileStage):
    """Applies a table to a transcript without word times."""

    name: ClassVar[str] = "replace-text"
    version: ClassVar[int] = 1
    display_name = "Replacing words"
    commands = ("voice", "subtitle", "faces")
    needs = (exactly(Transcript),)
    produces: ClassVar[type[Artifact]] = ReplacedTranscript

    table: Pairs = ()

    def run(self, context: StageContext, inputs: Inputs) -> Transcript:
        transcript = inputs[Transcript]
        segments, replaced = [], []
        for segment in transcript.segments:
            changed, found = apply_table(segment, self.table, transcript.language_of(segment))
            segments.append(changed)
            replaced += found
        kind = type(self).produces
        assert issubclass(kind, Transcript)
        values = {one.name: getattr(transcript, one.name) for one in fields(transcript)}
        return kind(**{**values, "segments": segments, "replaced": replaced})


@dataclass(frozen=True)
class ReplaceAlignedWords(ReplaceWords):
    """Applies a table to a transcript with word times."""

    name = "replace-aligned"
    needs = (exactly(AlignedTranscript),)
    produces = ReplacedAligned


@dataclass(frozen=True)
class ReplaceSpokenWords(ReplaceWords):
    """Applies a table to a transcript with speakers."""

    name = "replace-words"
    needs = (exactly(SpokenTranscript),)
    produces = ReplacedSpoken


def apply_table(segment: Segment, table: Pairs, language: str) -> tuple[Segment, list[Replaced]]:
    """Apply a table to a segment.

    Args:
        segment: with or without words.
        table: what is replaced by what.
        language: of the segment.

    Returns:
        A copy, in which words keep their times, and what was changed.
    """
    text = segment.text.strip()
    places = places_of(text, segment.words) if segment.words else None
    borders = [at for place in places or () for at in place]
    replaced: list[Replaced] = []
    for match in reversed(find_matches(text, table, borders)):
        was = text[match.start : match.end]
        if was == match.now:
            continue
        if places is None:
            text = text[: match.start] + match.now + text[match.end :]
            replaced.append(Replaced(segment.start, segment.end, was, match.now))
            continue
        touched = [n for n, (a, b) in enumerate(places) if a < match.end and b > match.start]
        first, stop = touched[0], touched[-1] + 1
        begin, end = places[first][0], max(places[stop - 1][1], match.end)
        now = text[begin : match.start] + match.now + text[match.end : end]
        segment = replace_words(segment, first, stop, text[begin:end], now, language, "table")
        new = segment.words[first : stop + len(segment.words) - len(places)]
        places = places_of(segment.text.strip(), segment.words) or []
        replaced += [_told(word) for word in new if isinstance(word, EditedWord)]
    if places is None and replaced:
        segment = Segment(**{**vars(segment), "text": text})
    replaced.sort(key=lambda one: one.start)
    return plain(segment), replaced


def _told(word: EditedWord) -> Replaced:
    return Replaced(word.start, word.end, word.machine, word.text)
