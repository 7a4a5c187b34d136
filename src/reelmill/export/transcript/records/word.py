"""Records as DOCX: A4, "n / N" below every page, the draft mark above it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from reelmill.export.docx_file import saved
from reelmill.export.transcript.records.content import (
    Block,
    Heading,
    NumberedPage,
    PageBreak,
    Paragraph,
    Record,
    Space,
    Statement,
    Table,
)

_A4_MM = (210, 297)
_MARGINS_MM = {"top_margin": 25, "bottom_margin": 22, "left_margin": 22, "right_margin": 22}
_LINE_POINTS = 24
_GAP_POINTS = 3
_NOT_IN_XML = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_TITLE_POINTS, _HEADING_POINTS, _TEXT_POINTS, _SMALL_POINTS = 24, 14, 11.5, 9.5


def document(record: Record, changed: datetime | None) -> bytes:
    """The file of a record; `changed` is the time in its properties."""
    import docx

    made = docx.Document()
    _set_up(made, record)
    _add_blocks(made, list(record.grouped()))
    return saved(made, _storable(record.title), changed)


def _set_up(made: Any, record: Record) -> None:
    from docx.enum.text import WD_ALIGN_PARAGRAPH
    from docx.oxml.ns import qn
    from docx.shared import Mm, Pt

    section = made.sections[0]
    section.page_width, section.page_height = (Mm(size) for size in _A4_MM)
    for name, size in _MARGINS_MM.items():
        setattr(section, name, Mm(size))
    style = made.styles["Normal"]
    style.font.name, style.font.size = record.font, Pt(_TEXT_POINTS)
    style.element.rPr.rFonts.set(qn("w:eastAsia"), record.font)
    style.paragraph_format.space_after = Pt(_GAP_POINTS)
    style.paragraph_format.line_spacing = 1.25
    head, foot = section.header.paragraphs[0], section.footer.paragraphs[0]
    head.text, head.alignment = record.mark, WD_ALIGN_PARAGRAPH.RIGHT
    foot.alignment = WD_ALIGN_PARAGRAPH.CENTER
    _add_field(foot, "PAGE")
    foot.add_run(" / ")
    _add_field(foot, "NUMPAGES")


def _add_field(paragraph: Any, code: str) -> None:
    """Add a value that the word processor works out, such as the number of the page."""
    from docx.oxml import OxmlElement
    from docx.oxml.ns import qn

    field = OxmlElement("w:fldSimple")
    field.set(qn("w:instr"), code)
    paragraph._p.append(field)


def _add_blocks(made: Any, blocks: Sequence[Block | list[Statement]]) -> None:
    new_page = False
    for block in blocks:
        if isinstance(block, PageBreak):
            new_page = True
            continue
        if new_page and not isinstance(block, Heading | Paragraph):
            _begin_page(made)
            new_page = False
        added = _add(made, block)
        if new_page:
            added.paragraph_format.page_break_before = True
            new_page = False


def _begin_page(made: Any) -> None:
    """A paragraph of no height that begins a page: a table cannot."""
    from docx.shared import Pt

    paragraph = made.add_paragraph()
    paragraph.paragraph_format.page_break_before = True
    paragraph.paragraph_format.space_after = Pt(0)
    paragraph.paragraph_format.line_spacing = Pt(1)


def _add(made: Any, block: Block | list[Statement]) -> Any:
    if isinstance(block, Heading):
        is_title = block.level == 0
        align, points = ("center", _TITLE_POINTS) if is_title else ("left", _HEADING_POINTS)
        return _add_text(made, block.text, align, points, bold=True)
    if isinstance(block, Paragraph):
        return _add_text(
            made, block.text, block.align, _SMALL_POINTS if block.small else _TEXT_POINTS
        )
    if isinstance(block, Space):
        for _ in range(block.lines):
            made.add_paragraph()
    elif isinstance(block, Table):
        _add_table(made, block)
    elif isinstance(block, NumberedPage):
        _add_lines(made, block)
    elif isinstance(block, list):
        _add_statements(made, block)
    return None


def _add_text(made: Any, text: str, align: str, points: float, *, bold: bool = False) -> Any:
    from docx.enum.text import WD_ALIGN_PARAGRAPH
    from docx.shared import Pt

    paragraph = made.add_paragraph()
    paragraph.alignment = getattr(WD_ALIGN_PARAGRAPH, align.upper())
    run = paragraph.add_run(_storable(text))
    run.bold, run.font.size = bold, Pt(points)
    paragraph.paragraph_format.keep_with_next = bold
    return paragraph


def _add_table(made: Any, block: Table) -> None:
    rows = [block.head, *block.rows] if block.head else block.rows
    if not rows:
        return
    table = made.add_table(rows=0, cols=len(rows[0]), style="Table Grid")
    for number, row in enumerate(rows):
        cells = table.add_row().cells
        for place, (cell, text) in enumerate(zip(cells, row, strict=True)):
            run = cell.paragraphs[0].add_run(_storable(text))
            run.bold = number == 0 if block.head else place == 0
    if not block.head:
        _set_widths(table, (50, 116))
    made.add_paragraph()


def _add_statements(made: Any, said: Sequence[Statement]) -> None:
    from docx.enum.text import WD_ALIGN_PARAGRAPH
    from docx.shared import Pt

    table = made.add_table(rows=0, cols=3)
    for one in said:
        who, what, when = table.add_row().cells
        who.paragraphs[0].add_run(_storable(one.speaker)).bold = True
        what.paragraphs[0].add_run(_storable(one.text))
        when.paragraphs[0].alignment = WD_ALIGN_PARAGRAPH.RIGHT
        when.paragraphs[0].add_run(one.time).font.size = Pt(9)
    _set_widths(table, (32, 112, 22))


def _add_lines(made: Any, block: NumberedPage) -> None:
    from docx.enum.table import WD_ROW_HEIGHT_RULE
    from docx.enum.text import WD_ALIGN_PARAGRAPH
    from docx.shared import Pt

    table = made.add_table(rows=0, cols=2)
    for number in range(block.per_page):
        row = table.add_row()
        row.height, row.height_rule = Pt(_LINE_POINTS), WD_ROW_HEIGHT_RULE.EXACTLY
        for cell in row.cells:
            cell.paragraphs[0].paragraph_format.line_spacing = 1.0
        line = block.lines[number] if number < len(block.lines) else ""
        label, text = row.cells
        label.paragraphs[0].alignment = WD_ALIGN_PARAGRAPH.RIGHT
        label.paragraphs[0].add_run(str(number + 1)).font.size = Pt(8)
        text.paragraphs[0].add_run(_storable(line))
    _set_widths(table, (12, 154))


def _set_widths(table: Any, widths_mm: Sequence[float]) -> None:
    from docx.shared import Mm

    table.autofit = False
    for column, width in zip(table.columns, widths_mm, strict=True):
        column.width = Mm(width)
        for cell in column.cells:
            cell.width = Mm(width)


def _storable(text: str) -> str:
    """`text` without characters that XML cannot hold: they would make the file unreadable."""
    return _NOT_IN_XML.sub("\N{REPLACEMENT CHARACTER}", text)
