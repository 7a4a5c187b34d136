"""WebVTT in which each word is highlighted as it is spoken."""

from __future__ import annotations

from reelmill.artifacts import Segment
from reelmill.core.times import clock, milliseconds
from reelmill.export.timed_text import TimedText, vtt, vtt_escaped
from reelmill.export.transcript.cues import one_line, shown
from reelmill.export.transcript.document import Document
from reelmill.export.transcript.vtt_writer import voiced
from reelmill.export.transcript.writer import TranscriptWriter

#: Words not yet spoken are dimmed. Players without styles show the plain text.
_STYLE = "::cue(:future) {\n  opacity: 0.45;\n}"


class KaraokeVttWriter(TranscriptWriter):
    """The VTT export with a time before every word (WebVTT timestamp tags, W3C 2019, 4.2.2)."""

    suffix = "vtt"

    def render(self, document: Document) -> str:
        texts = []
        said = sorted(
            document.shown, key=lambda one: (milliseconds(one.start), milliseconds(one.end))
        )
        for cue, segment in zip(shown(document.shown), said, strict=True):
            timed = _with_times(segment, cue.text, cue.start, cue.end)
            texts.append(TimedText(cue.start, cue.end, voiced(cue, timed)))
        return vtt(texts, _STYLE)


def _with_times(segment: Segment, text: str, start: int, end: int) -> str:
    """`text` with a tag before each word that begins later than the text before it."""
    parts, at, reached = [], 0, start
    for word in segment.words:
        label = one_line(word.text)
        begin = text.find(label, at)
        if not label or begin < 0:
            continue
        parts.append(vtt_escaped(text[at:begin]))
        time = milliseconds(word.start)
        if reached < time < end:
            parts.append(f"<{clock(time, '.')}>")
            reached = time
        parts.append(vtt_escaped(label))
        at = begin + len(label)
    return "".join(parts) + vtt_escaped(text[at:])
