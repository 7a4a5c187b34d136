"""DOCX: a document for people that says who said what, in order."""

from __future__ import annotations

from itertools import groupby
from typing import Any

from reelmill.artifacts import SpokenTranscript
from reelmill.core.times import clock
from reelmill.export.docx_file import need_docx, saved
from reelmill.export.transcript.cues import Cue, cues, one_line
from reelmill.export.transcript.document import Document
from reelmill.export.transcript.writer import TranscriptWriter

_NOTICE = "Machine output. Check it against the recording before relying on it."


class DocxWriter(TranscriptWriter):
    """A heading, the recording's data, a table of the speakers, then the text."""

    suffix = "docx"

    def check(self) -> None:
        need_docx(self.suffix)

    def render(self, document: Document) -> str:
        """The conversation as plain text. `content` makes the file itself."""
        return "\n".join(
            f"{_when(row[0])}  {row[0].spoken_by}{_text(row)}" for row in _paragraphs(document)
        )

    def content(self, document: Document) -> bytes:
        import docx

        made = docx.Document()
        source = document.source
        made.add_heading(one_line(source.name), level=1)
        made.add_paragraph(_NOTICE)
        made.add_paragraph(_about(document))
        _add_speakers(made, document)
        for row in _paragraphs(document):
            paragraph = made.add_paragraph()
            paragraph.add_run(f"{_when(row[0])}  ").italic = True
            paragraph.add_run(row[0].spoken_by).bold = True
            paragraph.add_run(_text(row))
        return saved(made, one_line(source.name), source.modified)


def _paragraphs(document: Document) -> list[list[Cue]]:
    """Consecutive segments of one speaker; without speakers, each segment."""
    rows = cues(document.transcript)
    if not any(cue.speaker for cue in rows):
        return [[cue] for cue in rows]
    return [list(run) for _, run in groupby(rows, key=lambda cue: cue.speaker)]


def _text(row: list[Cue]) -> str:
    return " ".join(cue.text for cue in row)


def _when(cue: Cue) -> str:
    return clock(cue.start, ".")[:-4]


def _about(document: Document) -> str:
    transcript, source = document.transcript, document.source
    length = clock(round(transcript.duration * 1000), ".")[:-4]
    return (
        f"Length {length}, language {transcript.language}, model {one_line(transcript.model)}. "
        f"SHA-256 of the recording: {source.sha256}"
    )


def _add_speakers(made: Any, document: Document) -> None:
    transcript = document.transcript
    if not isinstance(transcript, SpokenTranscript) or not transcript.speakers:
        return
    table = made.add_table(rows=1, cols=4)
    for cell, text in zip(table.rows[0].cells, ("Speaker", "Time", "Turns", "Share"), strict=True):
        cell.text = text
    for one in transcript.speakers:
        time = clock(round(one.seconds * 1000), ".")[:-4]
        values = (one_line(one.speaker), time, str(one.turns), f"{one.share:.0%}")
        for cell, text in zip(table.add_row().cells, values, strict=True):
            cell.text = text
