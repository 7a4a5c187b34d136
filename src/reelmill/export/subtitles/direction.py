"""Lines that are read from right to left, for players that take every line for one read from the
left and then set its marks at the wrong end."""

from __future__ import annotations

import unicodedata

#: Unicode's RIGHT-TO-LEFT EMBEDDING and POP DIRECTIONAL FORMATTING: between them a line has its own
#: direction, wherever it is shown (UAX #9). Players that know isolates are fewer.
_RIGHT_TO_LEFT, _END = "\u202b", "\u202c"


def directed(line: str) -> str:
    """The line, marked where it is read from right to left."""
    return f"{_RIGHT_TO_LEFT}{line}{_END}" if is_right_to_left(line) else line


def is_right_to_left(line: str) -> bool:
    """Whether most of its letters, or the first, are of a script that is."""
    kinds = [unicodedata.bidirectional(character) for character in line]
    letters = [kind for kind in kinds if kind in ("L", "R", "AL")]
    if not letters:
        return False
    right = sum(kind != "L" for kind in letters)
    return letters[0] != "L" or 2 * right > len(letters)
