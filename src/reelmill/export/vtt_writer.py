"""WebVTT captions, as browsers play them."""

from __future__ import annotations

from reelmill.export.cues import Cue, clock, cues, one_line
from reelmill.export.document import Document
from reelmill.export.writer import TranscriptWriter

_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


class VttWriter(TranscriptWriter):
    """Hours are always written; speakers are voices (`<v name>`), which players can style."""

    suffix = "vtt"

    def render(self, document: Document) -> str:
        return "WEBVTT\n\n" + "".join(
            f"{clock(cue.start, '.')} --> {clock(cue.end, '.')}\n{_payload(cue)}\n\n"
            for cue in cues(document.transcript)
        )


def _payload(cue: Cue) -> str:
    text = cue.text.translate(_ESCAPES)
    voice = one_line(cue.speaker).translate(_ESCAPES) if cue.speaker else ""
    return f"<v {voice}>{text}</v>" if voice else text
