"""Tab-separated values with Whisper's columns: start and end in milliseconds, text."""

from __future__ import annotations

from reelmill.core.printable import plain_cell
from reelmill.export.transcript.cues import Cue, cues, one_line
from reelmill.export.transcript.document import Document
from reelmill.export.transcript.writer import TranscriptWriter


class TsvWriter(TranscriptWriter):
    """A fourth column, `speaker`, follows if speakers are known. A text that a spreadsheet would
    take for a formula is preceded by an apostrophe."""

    suffix = "tsv"

    def render(self, document: Document) -> str:
        rows = cues(document.transcript)
        speakers = any(cue.speaker for cue in rows)
        header = "start\tend\ttext" + ("\tspeaker" if speakers else "")
        return "\n".join([header, *(_row(cue, speakers) for cue in rows)]) + "\n"


def _row(cue: Cue, speakers: bool) -> str:
    columns = [str(cue.start), str(cue.end), _cell(cue.text)]
    if speakers:
        columns.append(_cell(one_line(cue.speaker or "")))
    return "\t".join(columns)


def _cell(text: str) -> str:
    return plain_cell(text.replace("\t", " "))
