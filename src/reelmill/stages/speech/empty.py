"""The finding for a recording in which nothing was recognized."""

from __future__ import annotations

from collections.abc import Sequence

from reelmill.artifacts import Finding, Segment, Span


def empty_result(
    speech_seconds: float, segments: Sequence[Segment], spans: Sequence[Span] = ()
) -> list[Finding]:
    """A finding if there is no text, so that nobody takes an empty result for a complete one.

    Args:
        speech_seconds: how long somebody speaks, as the speech detector has it.
        segments: the text.
        spans: where somebody speaks, where that is known.
    """
    if any(segment.text.strip() for segment in segments):
        return []
    if speech_seconds > 0:
        # Less than a second is not rounded to zero.
        text = f"{speech_seconds:.0f} s of speech, no text"
        if speech_seconds < 1:
            text = f"{speech_seconds:.1f} s of speech, no text"
        start, end = (spans[0].start, spans[-1].end) if spans else (None, None)
        return [Finding("no text", start, end, text=text, severity="warning")]
    return [Finding("no speech", text="no speech found", severity="warning")]
