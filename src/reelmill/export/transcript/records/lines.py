"""Text broken into lines of a fixed width and pages of a fixed number of lines, so that a page and
a line can be cited."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reelmill.core.text import columns, phrases


def wrapped(text: str, width: int, first: str = "", rest: str = "") -> list[str]:
    """Break text into lines.

    Args:
        text: on one line.
        width: columns in a line; a full-width character takes two.
        first: what the first line begins with.
        rest: what the others begin with.
    """
    lines, line = [], first
    for piece in _pieces(text, width - max(columns(first), columns(rest))):
        if columns(line + piece.rstrip()) > width and line.strip() not in ("", first.strip()):
            lines.append(line.rstrip())
            line = rest
        line += piece
    return [*lines, line.rstrip()]


def pages(lines: Sequence[str], per_page: int) -> list[list[str]]:
    """Pages of `per_page` lines, of which the last may have fewer; one empty page if there are no
    lines."""
    return [list(lines[at : at + per_page]) for at in range(0, len(lines), per_page)] or [[]]


def _pieces(text: str, longest: int) -> Iterator[str]:
    """Parts between which a line may be broken, those too long for a line cut."""
    for phrase in phrases(text):
        rest = phrase
        while columns(rest.rstrip()) > longest:
            head = _head(rest, longest)
            yield head
            rest = rest[len(head) :]
        yield rest


def _head(text: str, width: int) -> str:
    end = 1
    while columns(text[: end + 1]) <= width:
        end += 1
    return text[:end]
