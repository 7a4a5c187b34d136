"""SubRip subtitles."""

from __future__ import annotations

from reelmill.export.timed_text import TimedText, srt, srt_escaped
from reelmill.export.transcript.cues import shown
from reelmill.export.transcript.document import Document
from reelmill.export.transcript.writer import TranscriptWriter


class SrtWriter(TranscriptWriter):
    """The speaker's name precedes the text. The JSON export keeps the text unchanged."""

    suffix = "srt"

    def render(self, document: Document) -> str:
        return srt(
            TimedText(cue.start, cue.end, srt_escaped(cue.spoken_by + cue.text))
            for cue in shown(document.shown)
        )
