"""Plain text: one line for each segment."""

from __future__ import annotations

from reelmill.export.transcript.cues import cues
from reelmill.export.transcript.document import Document
from reelmill.export.transcript.writer import TranscriptWriter


class TxtWriter(TranscriptWriter):
    suffix = "txt"

    def render(self, document: Document) -> str:
        return "".join(f"{cue.spoken_by}{cue.text}\n" for cue in cues(document.transcript))
