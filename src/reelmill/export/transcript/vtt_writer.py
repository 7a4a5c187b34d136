"""WebVTT captions for browsers."""

from __future__ import annotations

from reelmill.export.timed_text import TimedText, vtt, vtt_escaped
from reelmill.export.transcript.cues import Cue, one_line, shown
from reelmill.export.transcript.document import Document
from reelmill.export.transcript.writer import TranscriptWriter


class VttWriter(TranscriptWriter):
    """Speakers are voices (`<v name>`), which players can style."""

    suffix = "vtt"

    def render(self, document: Document) -> str:
        return vtt(
            TimedText(cue.start, cue.end, voiced(cue, vtt_escaped(cue.text)))
            for cue in shown(document.shown)
        )


def voiced(cue: Cue, text: str) -> str:
    """Mark a cue's escaped text as that of its speaker."""
    voice = vtt_escaped(one_line(cue.speaker)) if cue.speaker else ""
    return f"<v {voice}>{text}</v>" if voice else text
