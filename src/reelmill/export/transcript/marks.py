"""Marks in a transcript for sound that is not text: unintelligible speech, laughter, music."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from reelmill.artifacts import Finding, Segment, Transcript, Word

#: Below this mean log probability of its tokens a text is not to be relied on.
UNINTELLIGIBLE = -1.0
NO_TEXT = "no text"
#: Sounds that are not words, by their names in findings.
EVENTS = frozenset(
    {"music", "laughter", "applause", "cough", "crying", "breath", "noise", "silence"}
)
_INAUDIBLE = {
    "ko": "불명",
    "ja": "聴取不能",
    "zh": "听不清",
    "yue": "聽不清",
    "de": "unverständlich",
    "es": "inaudible",
    "fr": "inaudible",
    "it": "incomprensibile",
    "nl": "onverstaanbaar",
    "pl": "niezrozumiałe",
    "pt": "inaudível",
    "ru": "неразборчиво",
    "sv": "ohörbart",
    "tr": "anlaşılmıyor",
    "uk": "нерозбірливо",
}


def with_marks(transcript: Transcript, *, inaudible: bool, events: bool) -> Transcript:
    """A transcript as it is to be written.

    Args:
        transcript: with its findings.
        inaudible: put `[inaudible]`, in the transcript's language, in place of text that is not to
            be relied on, and where somebody speaks and no text was found.
        events: put `[laughter]`, `[music]` and the like where they were heard.
    """
    segments = [
        _marked(one, inaudible_mark(transcript.language_of(one)))
        if inaudible and one.avg_logprob < UNINTELLIGIBLE
        else one
        for one in transcript.segments
    ]
    if inaudible:
        mark = inaudible_mark(transcript.language)
        segments += _at(transcript, lambda label: mark if label == NO_TEXT else None)
    if events:
        segments += _at(transcript, lambda label: f"[{label}]" if label in EVENTS else None)
    return replace(transcript, segments=sorted(segments, key=lambda one: (one.start, one.end)))


def inaudible_mark(language: str) -> str:
    """The usual mark for unintelligible speech in a language."""
    return f"[{_INAUDIBLE.get(language, 'inaudible')}]"


def _marked(segment: Segment, mark: str) -> Segment:
    """A segment that is a mark instead of its text, in its time and of its speaker."""
    word = Word(segment.start, segment.end, mark, 0.0, "interpolated", segment.speaker)
    return replace(segment, text=mark, words=[word] if segment.words else [])


def _at(transcript: Transcript, mark_of: Callable[[str], str | None]) -> Iterator[Segment]:
    """Marks at the times of findings."""
    timed = any(segment.words for segment in transcript.segments)
    for finding in transcript.findings:
        mark = mark_of(finding.label)
        if mark is not None and finding.start is not None and finding.end is not None:
            yield _mark_at(finding, finding.start, finding.end, mark, timed=timed)


def _mark_at(finding: Finding, start: float, end: float, mark: str, *, timed: bool) -> Segment:
    words = [Word(start, end, mark, 0.0, "interpolated", finding.speaker)] if timed else []
    return Segment(start, end, mark, 0.0, 0.0, 1.0, 0.0, words, finding.speaker)
