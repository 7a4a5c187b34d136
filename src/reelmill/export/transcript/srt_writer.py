"""SubRip subtitles."""

from __future__ import annotations

import re

from reelmill.core.times import clock
from reelmill.export.transcript.cues import shown
from reelmill.export.transcript.document import Document
from reelmill.export.transcript.writer import TranscriptWriter

#: SubRip has no escape for its own arrow; the JSON export keeps the text as it was.
_ARROW = re.compile(r"-{2,}>")


class SrtWriter(TranscriptWriter):
    suffix = "srt"

    def render(self, document: Document) -> str:
        return "".join(
            f"{number}\n{clock(cue.start, ',')} --> {clock(cue.end, ',')}\n"
            f"{_ARROW.sub('->', cue.spoken_by + cue.text)}\n\n"
            for number, cue in enumerate(shown(document.shown), 1)
        )
