"""Functions shared by timed formats: segments as cues in whole milliseconds, and their plain
text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from reelmill.artifacts import Segment, Transcript
from reelmill.core.times import milliseconds

#: C0 and C1 control characters. Subtitle formats cannot represent them, and a NUL ends files early.
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


@dataclass(frozen=True)
class Cue:
    """A text on screen. `start <= end`, in milliseconds of the original."""

    start: int
    end: int
    text: str
    speaker: str | None = None

    @property
    def spoken_by(self) -> str:
        """`[speaker]: ` or nothing, the form that users of WhisperX know."""
        return speaker_prefix(self.speaker)


def speaker_prefix(speaker: str | None) -> str:
    """`[speaker]: ` or nothing, the form that users of WhisperX know."""
    return f"[{one_line(speaker)}]: " if speaker else ""


def cues(transcript: Transcript) -> list[Cue]:
    """Segments with text, ordered by start.

    Rounding keeps the order, so cues that did not overlap in seconds do not overlap in
    milliseconds.
    """
    made = [_cue(segment, text) for segment, text in spoken(transcript)]
    return sorted(made, key=lambda cue: (cue.start, cue.end))


def shown(segments: Iterable[Segment]) -> list[Cue]:
    """Captions ordered by start. Their text keeps its line breaks."""
    made = [_cue(one, "\n".join(map(one_line, one.text.split("\n")))) for one in segments]
    return sorted(made, key=lambda cue: (cue.start, cue.end))


def spoken(transcript: Transcript) -> Iterator[tuple[Segment, str]]:
    """Segments with text, each on one line."""
    for segment in transcript.segments:
        if text := one_line(segment.text):
            yield segment, text


def one_line(text: str) -> str:
    """`text` on one line, without control characters and without space at either end.

    Line breaks belong to the subtitle layout, not to a transcript.
    """
    parts = (_CONTROLS.sub("", line).strip() for line in text.splitlines())
    return " ".join(part for part in parts if part)


def _cue(segment: Segment, text: str) -> Cue:
    start = milliseconds(segment.start)
    return Cue(start, max(start, milliseconds(segment.end)), text, segment.speaker)
