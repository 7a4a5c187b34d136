"""A transcript as a record has it: turn by turn, whole or in excerpts, marks in its language."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from itertools import groupby

from reelmill.artifacts import Segment, Span, SpokenTranscript
from reelmill.core.printable import printable
from reelmill.core.text import joined
from reelmill.core.word_places import cut_text
from reelmill.export.transcript.case import Case
from reelmill.export.transcript.cues import one_line
from reelmill.export.transcript.document import Document

#: Text of a segment that a span cuts in two without word times belongs where its middle is.
_HALF = 0.5


@dataclass(frozen=True)
class Turn:
    """What one speaker says without another in between; times in seconds."""

    start: float
    end: float
    speaker: str | None
    text: str


def turns(document: Document, case: Case, events: Mapping[str, str]) -> Iterator[list[Turn]]:
    """The turns of each excerpt; of the whole recording if the case asks for no excerpts.

    Args:
        document: with marks for what is no text.
        case: what is known of this recording.
        events: sounds that are no words, by their English names, in the record's language.
    """
    segments = [
        replace(one, text=_localized(one_line(one.text), events))
        for one in document.transcript.segments
    ]
    for span in case.excerpts or (Span(0.0, float("inf")),):
        inside = [cut for one in segments if (cut := _within(one, span)) and cut.text]
        yield list(_joined(inside, document.transcript.language))


def shown_name(document: Document) -> str:
    """The recording's file name, without characters that no page can show."""
    return printable(one_line(document.source.name))


def seconds_by_speaker(document: Document) -> list[tuple[str | None, float]]:
    """Who speaks for how long, in seconds; one without a label where speakers are not known."""
    transcript = document.transcript
    if isinstance(transcript, SpokenTranscript) and transcript.speakers:
        return [(one.speaker, one.seconds) for one in transcript.speakers]
    return [(None, transcript.speech_seconds)]


def _localized(text: str, events: Mapping[str, str]) -> str:
    is_mark = text.startswith("[") and text.endswith("]")
    return f"[{events[text[1:-1]]}]" if is_mark and text[1:-1] in events else text


def _within(segment: Segment, span: Span) -> Segment | None:
    if span.start <= segment.start and segment.end <= span.end:
        return segment
    if segment.end <= span.start or segment.start >= span.end:
        return None
    if not segment.words:
        middle = segment.start + _HALF * (segment.end - segment.start)
        return segment if span.start <= middle < span.end else None
    inside = [span.start <= (word.start + word.end) / 2 < span.end for word in segment.words]
    if not any(inside):
        return None
    first = inside.index(True)
    last = first + sum(inside)
    parts = [segment.words[:first], segment.words[first:last], segment.words[last:]]
    texts = cut_text(segment.text, [[word.text.strip() for word in part] for part in parts])
    kept = parts[1]
    return replace(segment, start=kept[0].start, end=kept[-1].end, text=texts[1], words=kept)


def _joined(segments: Sequence[Segment], language: str) -> Iterator[Turn]:
    for _, run in groupby(
        segments, key=lambda one: (one.speaker, one.speaker is None and one.start)
    ):
        said = list(run)
        text = reduce(lambda left, right: joined(left, right, language), (one.text for one in said))
        yield Turn(said[0].start, max(one.end for one in said), said[0].speaker, text)
