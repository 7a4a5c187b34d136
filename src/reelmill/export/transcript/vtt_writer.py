"""WebVTT captions, as browsers play them."""

from __future__ import annotations

from reelmill.core.times import clock
from reelmill.export.transcript.cues import Cue, one_line, shown
from reelmill.export.transcript.document import Document
from reelmill.export.transcript.writer import TranscriptWriter

_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


class VttWriter(TranscriptWriter):
    """Hours are always written; speakers are voices (`<v name>`), which players can style."""

    suffix = "vtt"

    def render(self, document: Document) -> str:
        return "WEBVTT\n\n" + "".join(
            f"{clock(cue.start, '.')} --> {clock(cue.end, '.')}\n"
            f"{voiced(cue, escaped(cue.text))}\n\n"
            for cue in shown(document.shown)
        )


def escaped(text: str) -> str:
    """`text` with the characters that WebVTT would read as markup written out."""
    return text.translate(_ESCAPES)


def voiced(cue: Cue, text: str) -> str:
    """A cue's text, already escaped, as its speaker's."""
    voice = escaped(one_line(cue.speaker)) if cue.speaker else ""
    return f"<v {voice}>{text}</v>" if voice else text
