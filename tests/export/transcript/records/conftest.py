"""A call of two, as records need it."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest

from reelmill.artifacts import Span, SpeakerTotals, SpokenTranscript, Transcript, Word
from reelmill.export.transcript import Document
from reelmill.export.transcript.case import Case, Party
from reelmill.export.transcript.provenance import ModelFacts, Provenance

CASE = Case(
    number="2026가단12345",
    client="홍길동",
    place="전화 통화",
    speakers=(Party("A", "김철수", "회사 대표"), Party("B", None, "고객")),
)
PROVENANCE = Provenance(
    "0.2.0",
    "reelmill voice 통화 --formats nokchwirok",
    (ModelFacts("recognizer", "base", "local:0123", (("model.bin", "ef" * 32),)),),
)


@pytest.fixture
def record_of(make_document: Any) -> Any:
    """A document of segments by two speakers, with what records say beside the text."""

    def made(segments: Any, language: str = "ko", excerpts: tuple[Span, ...] = ()) -> Document:
        plain = make_document(segments)
        kept = {one.name: getattr(plain.transcript, one.name) for one in fields(Transcript)}
        totals = [SpeakerTotals("A", 62.0, 3, 0.6, 0.0), SpeakerTotals("B", 41.0, 2, 0.4, 0.0)]
        spoken = SpokenTranscript(**{**kept, "language": language}, speakers=totals)
        case = replace(CASE, excerpts=excerpts)
        return replace(plain, transcript=spoken, case=case, provenance=PROVENANCE)

    return made


@pytest.fixture
def timed_segment(make_segment: Any) -> Any:
    """A segment whose words follow each other evenly."""

    def made(start: float, end: float, text: str, speaker: str | None = None) -> Any:
        segment = make_segment(start, end, text, speaker)
        words = text.split()
        step = (end - start) / len(words)
        segment.words = [
            Word(start + n * step, start + (n + 1) * step, word, 0.9, "aligned", speaker)
            for n, word in enumerate(words)
        ]
        return segment

    return made
