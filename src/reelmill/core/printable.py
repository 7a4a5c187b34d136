"""Make text from files and file names safe to show on a terminal, in a log or in a table."""

from __future__ import annotations

import unicodedata

#: Characters that make a spreadsheet read a cell as a formula, including full-width forms (OWASP,
#: CSV Injection).
_FORMULA = tuple("=+-@\t\r\n＝＋－＠")


def printable(text: str) -> str:
    """`text` on one line, safe for any terminal. Control characters, direction marks and bytes that
    are not UTF-8 are shown as escapes."""
    if text.isprintable():
        return text
    return "".join(c if _shows(c) else c.encode("unicode_escape").decode("ascii") for c in text)


def plain_cell(text: str) -> str:
    """`text` for a cell of CSV or TSV. If a spreadsheet would read it as a formula, it gets a
    leading apostrophe, which spreadsheets read as the mark of plain text."""
    starts = text.lstrip(" \u00a0\u3000").startswith(_FORMULA)
    return f"'{text}" if starts else text


def _shows(character: str) -> bool:
    return character.isprintable() or unicodedata.category(character) == "Zs"
