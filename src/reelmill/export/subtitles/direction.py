"""Marks lines that are read from right to left, for players that assume left to right and would put
punctuation at the wrong end."""

from __future__ import annotations

import unicodedata

#: Unicode's RIGHT-TO-LEFT EMBEDDING and POP DIRECTIONAL FORMATTING. Between them a line has its own
#: direction wherever it is shown (UAX #9). Fewer players know the newer isolates.
_RIGHT_TO_LEFT, _END = "\u202b", "\u202c"


def directed(line: str) -> str:
    """The line, with direction marks if it is read from right to left."""
    return f"{_RIGHT_TO_LEFT}{line}{_END}" if is_right_to_left(line) else line


def is_right_to_left(line: str) -> bool:
    """Whether most of its letters, or the first one, belong to a right-to-left script."""
    kinds = [unicodedata.bidirectional(character) for character in line]
    letters = [kind for kind in kinds if kind in ("L", "R", "AL")]
    if not letters:
        return False
    right = sum(kind != "L" for kind in letters)
    return letters[0] != "L" or 2 * right > len(letters)
