"""Names from anywhere on a terminal and in a table."""

from __future__ import annotations

import pytest

from reelmill.core.printable import plain_cell, printable


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("통화 😀 ä\u3000\u202f.wav", "통화 😀 ä\u3000\u202f.wav"),
        ("a\x1b[2J\nb\x07\x9b", r"a\x1b[2J\nb\x07\x9b"),
        ("txt.\u202efdp", r"txt.\u202efdp"),
        ("\udcff\u2028", r"\udcff\u2028"),
    ],
)
def test_terminal_control_characters_are_escaped(name: str, shown: str) -> None:
    assert printable(name) == shown
    printable(name).encode()


@pytest.mark.parametrize(
    "text", ["=cmd|' /C calc'!A0", "+1", "-1", "@SUM(A1)", "\t=1", " =1", "＝1"]
)
def test_spreadsheet_formulas_are_marked_as_text(text: str) -> None:
    assert plain_cell(text) == f"'{text}"


@pytest.mark.parametrize("text", ["", "Kim", "a = b", "1-1", "'quoted'"])
def test_other_cells_are_left_alone(text: str) -> None:
    assert plain_cell(text) == text
