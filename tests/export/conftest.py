"""Documents to write: made by hand, and made at random."""

from __future__ import annotations

import pytest

from reelmill.artifacts import Segment, Transcript, Word
from reelmill.export.transcript import Document, Source


def segment(start: float, end: float, text: str, speaker: str | None = None) -> Segment:
    return Segment(start, end, text, -0.25, 0.01, 1.2, 0.0, speaker=speaker)


def document(segments: list[Segment], model: str = "large-v3") -> Document:
    source = Source("통화 녹음_250603.m4a", "ab" * 32, "cd" * 16, 1234, 1_750_000_000_123_456_789)
    transcript = Transcript("ko", 0.98765, model, 61.0005, 42.5, segments)
    return Document(transcript, source, {"language": "ko", "temperature": [0.0, 0.2]})


@pytest.fixture
def make_document():
    return document


@pytest.fixture
def make_segment():
    return segment


@pytest.fixture
def call() -> Document:
    first = segment(0.0, 2.5, " 여보세요, 김민수입니다.", "A")
    first.words = [
        Word(0.0, 1.0, "여보세요,", 0.9, "whisper", "A"),
        Word(1.0, 2.5004, "김민수입니다.", float("nan"), "whisper"),
    ]
    return document([first, segment(2.5, 61.0, "We meet at <5 & 6>.", "B")])
