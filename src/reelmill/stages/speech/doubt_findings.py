"""Findings about uncertain text in a transcript, for its reader."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from reelmill.artifacts import Finding, RecognizedWindow
from reelmill.stages.speech.doubts import (
    covers_little,
    is_sparse,
    is_unlikely,
    without_text,
)

#: Speech of at least this length should have text; shorter speech may be a cough.
_NO_TEXT_SECONDS = 2.0


def doubt_findings(windows: Sequence[RecognizedWindow]) -> list[Finding]:
    """Findings for speech without text or with far too little, and for unlikely text, with times.

    A recording without any text is handled by `empty_result`.
    """
    if not any(window.segments for window in windows):
        return []
    return [found for window in windows for found in (*_little_text(window), *_unlikely(window))]


def _little_text(window: RecognizedWindow) -> Iterator[Finding]:
    if not window.segments:
        if window.seconds >= _NO_TEXT_SECONDS:
            yield _nothing(window.pieces[0].start, window.pieces[-1].end, window.seconds)
        return
    bare = without_text(window)
    yield from (_nothing(*one) for one in bare)
    if bare or not covers_little(window):
        return
    sparse = [segment for segment in window.segments if is_sparse(segment, window)]
    for segment in sparse:
        yield _finding(segment.start, segment.end, segment.end - segment.start, segment.text)
    if not sparse:
        text = " ".join(segment.text.strip() for segment in window.segments)
        yield _finding(window.pieces[0].start, window.pieces[-1].end, window.seconds, text)


def _nothing(start: float, end: float, seconds: float) -> Finding:
    text = f"{seconds:.0f} s of speech, no text"
    return Finding("no text", start, end, text=text, severity="warning")


def _finding(start: float, end: float, seconds: float, text: str) -> Finding:
    said = f"{seconds:.0f} s of speech, only: {text.strip()}"
    return Finding("little text", start, end, text=said, severity="warning")


def _unlikely(window: RecognizedWindow) -> Iterator[Finding]:
    for segment in window.segments:
        if is_unlikely(segment):
            yield Finding(
                "doubtful text",
                segment.start,
                segment.end,
                score=math.exp(segment.avg_logprob),
                text=segment.text.strip(),
                severity="warning",
            )
