"""The formats of records: `nokchwirok`, `hanyaku` and `court`."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

from reelmill.export.docx_file import need_docx
from reelmill.export.transcript.case import Case
from reelmill.export.transcript.document import Document
from reelmill.export.transcript.provenance import Provenance
from reelmill.export.transcript.records import html, word
from reelmill.export.transcript.records.american import court_text
from reelmill.export.transcript.records.content import Record
from reelmill.export.transcript.records.japanese import hanyaku
from reelmill.export.transcript.records.korean import nokchwirok
from reelmill.export.transcript.writer import TranscriptWriter


class RecordWriter(TranscriptWriter):
    """A record of what was said: nothing is left out, and sounds and unintelligible speech are
    marked."""

    verbatim: ClassVar[bool] = True

    @abstractmethod
    def record(self, document: Document) -> Record:
        """What the record says."""

    def render(self, document: Document) -> str:
        return html.page(self.record(document))


class NokchwirokHtml(RecordWriter):
    suffix = "nokchwirok.html"

    def record(self, document: Document) -> Record:
        return nokchwirok(document, *facts(document))


class HanyakuHtml(RecordWriter):
    suffix = "hanyaku.html"

    def record(self, document: Document) -> Record:
        return hanyaku(document, *facts(document))


class _DocxRecord(RecordWriter):
    def check(self) -> None:
        need_docx(self.suffix)

    def content(self, document: Document) -> bytes:
        return word.document(self.record(document), document.source.modified)


class NokchwirokDocx(_DocxRecord, NokchwirokHtml):
    suffix = "nokchwirok.docx"


class HanyakuDocx(_DocxRecord, HanyakuHtml):
    suffix = "hanyaku.docx"


class CourtText(TranscriptWriter):
    """Numbered lines in ASCII."""

    suffix = "court.txt"
    verbatim = True

    def render(self, document: Document) -> str:
        return court_text(document, *facts(document))


def facts(document: Document) -> tuple[Case, Provenance]:
    """The facts about the case of this recording, and how its transcript was made."""
    case = (document.case or Case()).of(document.source.name)
    return case, document.provenance or Provenance()


#: In the order in which formats are listed and written.
RECORD_WRITERS: tuple[type[TranscriptWriter], ...] = (
    NokchwirokDocx,
    NokchwirokHtml,
    HanyakuDocx,
    HanyakuHtml,
    CourtText,
)
#: What users ask for by one name.
RECORDS = {
    "nokchwirok": ("nokchwirok.docx", "nokchwirok.html"),
    "hanyaku": ("hanyaku.docx", "hanyaku.html"),
    "court": ("court.txt",),
}
