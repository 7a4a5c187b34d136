"""What a record is made of, whatever file it is written to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

Align = Literal["left", "center", "right"]


@dataclass(frozen=True)
class Heading:
    """A heading; level 0 is the title of the record."""

    text: str
    level: int = 1


@dataclass(frozen=True)
class Paragraph:
    text: str
    align: Align = "left"
    small: bool = False


@dataclass(frozen=True)
class Table:
    """Rows of cells. `head` are the names of the columns, none for pairs of name and value."""

    rows: Sequence[Sequence[str]]
    head: Sequence[str] = ()


@dataclass(frozen=True)
class Statement:
    """What somebody says: who, from when, and the words."""

    speaker: str
    time: str
    text: str


@dataclass(frozen=True)
class NumberedPage:
    """A page whose lines were broken beforehand, so that page and line are the same in every
    file. `per_page` is the number of lines that have numbers, also where they are empty."""

    lines: Sequence[str]
    per_page: int


@dataclass(frozen=True)
class Space:
    """Empty lines, to write in."""

    lines: int


@dataclass(frozen=True)
class PageBreak:
    """What follows begins on a new page."""


Block = Heading | Paragraph | Table | Statement | NumberedPage | Space | PageBreak


@dataclass(frozen=True)
class Record:
    """A record.

    Attributes:
        title: of the file.
        language: of its wording, as ISO 639-1.
        mark: what stands at the head of every page: that it is a draft.
        font: for programs that let a document choose.
        blocks: what it says, in order.
    """

    title: str
    language: str
    mark: str
    font: str
    blocks: Sequence[Block]

    def grouped(self) -> Iterator[Block | list[Statement]]:
        """The blocks, statements that follow each other in one list."""
        together: list[Statement] = []
        for block in self.blocks:
            if isinstance(block, Statement):
                together.append(block)
                continue
            if together:
                yield together
                together = []
            yield block
        if together:
            yield together
