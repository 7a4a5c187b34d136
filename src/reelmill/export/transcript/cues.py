"""What timed formats share: segments as cues in whole milliseconds, and their plain text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from reelmill.artifacts import Segment, Transcript
from reelmill.core.times import milliseconds

#: C0 and C1 controls, of which no subtitle format knows what to do; a NUL ends files early.
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


@dataclass(frozen=True)
class Cue:
    """A text on screen; `start <= end`, in milliseconds of the original."""

    start: int
    end: int
    text: str
    speaker: str | None = None

    @property
    def spoken_by(self) -> str:
        """`[speaker]: ` or nothing, as WhisperX's users know it."""
        return speaker_prefix(self.speaker)


def speaker_prefix(speaker: str | None) -> str:
    """`[speaker]: ` or nothing, as WhisperX's users know it."""
    return f"[{one_line(speaker)}]: " if speaker else ""


def cues(transcript: Transcript) -> list[Cue]:
    """The segments that say something, by start.

    Rounding keeps order, so cues that did not overlap in seconds don't in milliseconds.
    """
    made = [_cue(segment, text) for segment, text in spoken(transcript)]
    return sorted(made, key=lambda cue: (cue.start, cue.end))


def shown(segments: Iterable[Segment]) -> list[Cue]:
    """Captions by start, whose text keeps its line breaks."""
    made = [_cue(one, "\n".join(map(one_line, one.text.split("\n")))) for one in segments]
    return sorted(made, key=lambda cue: (cue.start, cue.end))


def spoken(transcript: Transcript) -> Iterator[tuple[Segment, str]]:
    """Segments with a text, which comes on one line."""
    for segment in transcript.segments:
        if text := one_line(segment.text):
            yield segment, text


def one_line(text: str) -> str:
    """`text` on one line, without control characters and without space at its ends.

    Where lines are to be broken is a matter of the subtitle layout, not of a transcript.
    """
    parts = (_CONTROLS.sub("", line).strip() for line in text.splitlines())
    return " ".join(part for part in parts if part)


def _cue(segment: Segment, text: str) -> Cue:
    start = milliseconds(segment.start)
    return Cue(start, max(start, milliseconds(segment.end)), text, segment.speaker)
