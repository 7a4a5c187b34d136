"""Removes text from a window: events, and phantoms that the audio does not confirm. Each removal is
a finding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from reelmill.artifacts import Finding, RecognizedWindow, Segment
from reelmill.stages.speech.events import event_in
from reelmill.stages.speech.phantoms import is_borne_out, phantoms_in
from reelmill.stages.speech.windows import Pieces, seconds_of

#: Audio around a segment with which it is recognized alone.
_AROUND = 0.2
_SHORTEST = 0.1


def stretch_of(segment: Segment, window: RecognizedWindow) -> Pieces:
    """The audio of a segment: the pieces of its window within its times, and a little around
    them."""
    start, end = segment.start - _AROUND, segment.end + _AROUND
    cut = ((max(start, one.start), min(end, one.end)) for one in window.pieces)
    found = tuple((first, last) for first, last in cut if last - first >= _SHORTEST)
    return found or tuple((one.start, one.end) for one in window.pieces)


def without_unspoken(
    window: RecognizedWindow, heard_alone: Sequence[RecognizedWindow] | None = None
) -> RecognizedWindow:
    """A window without events and phantoms that are not borne out, which are its findings instead.

    Args:
        window: as it was recognized.
        heard_alone: what was recognized in the stretches of its phantoms, in order; None where
            nobody listened.
    """
    alone = iter(heard_alone or ())
    unsaid = []
    for phantom in phantoms_in(window):
        again = next(alone).segments if heard_alone is not None else None
        if not is_borne_out(phantom, again, seconds_of(stretch_of(phantom, window))):
            unsaid.append(phantom)
    kept, findings = [], list(window.findings)
    for segment in window.segments:
        event = event_in(segment.text)
        if event is not None:
            findings.append(_finding(event, segment))
        elif any(segment is one for one in unsaid):
            findings.append(_finding("phantom", segment))
        else:
            kept.append(segment)
    return replace(window, segments=kept, findings=findings)


def _finding(label: str, segment: Segment) -> Finding:
    return Finding(
        label,
        segment.start,
        segment.end,
        text=f"left out: {segment.text.strip()}",
        severity="warning" if label == "phantom" else "info",
    )
