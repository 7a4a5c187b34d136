"""Text from files and their names, made safe to show on a terminal, in a log or in a table."""

from __future__ import annotations

import unicodedata

#: What spreadsheets take for the beginning of a formula, full-width forms included (OWASP, CSV
#: Injection).
_FORMULA = tuple("=+-@\t\r\n＝＋－＠")


def printable(text: str) -> str:
    """`text` on one line of any terminal: control characters, marks that turn the direction of
    writing, and bytes that are no UTF-8 are shown as escapes."""
    if text.isprintable():
        return text
    return "".join(c if _shows(c) else c.encode("unicode_escape").decode("ascii") for c in text)


def plain_cell(text: str) -> str:
    """`text` for a cell of CSV or TSV. One that a spreadsheet would compute gets a leading
    apostrophe, which spreadsheets take for the mark of plain text."""
    starts = text.lstrip(" \u00a0\u3000").startswith(_FORMULA)
    return f"'{text}" if starts else text


def _shows(character: str) -> bool:
    return character.isprintable() or unicodedata.category(character) == "Zs"
