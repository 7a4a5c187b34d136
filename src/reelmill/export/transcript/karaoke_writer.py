"""WebVTT whose words light up as they are said."""

from __future__ import annotations

from reelmill.artifacts import Segment
from reelmill.core.times import clock, milliseconds
from reelmill.export.transcript.cues import one_line, shown
from reelmill.export.transcript.document import Document
from reelmill.export.transcript.vtt_writer import escaped, voiced
from reelmill.export.transcript.writer import TranscriptWriter

#: What is yet to be said is dimmed; players without styles show the text as it is.
_STYLE = "STYLE\n::cue(:future) {\n  opacity: 0.45;\n}\n\n"


class KaraokeVttWriter(TranscriptWriter):
    """The VTT export with a time before every word (WebVTT timestamp tags, W3C 2019, 4.2.2)."""

    suffix = "vtt"

    def render(self, document: Document) -> str:
        lines = []
        said = sorted(
            document.shown, key=lambda one: (milliseconds(one.start), milliseconds(one.end))
        )
        for cue, segment in zip(shown(document.shown), said, strict=True):
            timed = _with_times(segment, cue.text, cue.start, cue.end)
            lines.append(
                f"{clock(cue.start, '.')} --> {clock(cue.end, '.')}\n{voiced(cue, timed)}\n\n"
            )
        return "WEBVTT\n\n" + _STYLE + "".join(lines)


def _with_times(segment: Segment, text: str, start: int, end: int) -> str:
    """`text` with a tag before each word that begins later than what is before it."""
    parts, at, reached = [], 0, start
    for word in segment.words:
        label = one_line(word.text)
        begin = text.find(label, at)
        if not label or begin < 0:
            continue
        parts.append(escaped(text[at:begin]))
        time = milliseconds(word.start)
        if reached < time < end:
            parts.append(f"<{clock(time, '.')}>")
            reached = time
        parts.append(escaped(label))
        at = begin + len(label)
    return "".join(parts) + escaped(text[at:])
