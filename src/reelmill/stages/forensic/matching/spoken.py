"""A text as it is read aloud, with the places of its letters in what is written."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache


@dataclass(frozen=True)
class SpokenText:
    """`text` is written by sound; `places` has the first character and the end of what each of its
    letters stands for in the other text."""

    text: str
    places: tuple[tuple[int, int], ...]

    def written(self, start: int, end: int) -> tuple[int, int]:
        """What letters `start` to `end` stand for."""
        return self.places[start][0], self.places[end - 1][1]

    def with_rests(self, rests: Sequence[int]) -> tuple[str, list[int]]:
        """The text, and where in it places of the other text are."""
        starts = [start for start, _ in self.places]
        return self.text, [bisect_left(starts, rest) for rest in rests]


#: A text as it is read; None where nothing is gained by that.
Speak = Callable[[str], SpokenText | None]


def with_homophones(text: str, pairs: tuple[str, ...]) -> SpokenText | None:
    """A text with other words of the same sound; None where there are none.

    Args:
        text: as a recognizer wrote it.
        pairs: `heard = said`, each of one or more words.
    """
    said_by_heard, heard = _homophones(pairs)
    written: list[str] = []
    places: list[tuple[int, int]] = []
    at = 0
    for match in heard.finditer(text):
        said = said_by_heard[match[0].lower().replace("’", "'")]
        written += [text[at : match.start()], said]
        places += [(one, one + 1) for one in range(at, match.start())]
        places += [match.span()] * len(said)
        at = match.end()
    if not at:
        return None
    written.append(text[at:])
    places += [(one, one + 1) for one in range(at, len(text))]
    return SpokenText("".join(written), tuple(places))


@cache
def _homophones(pairs: tuple[str, ...]) -> tuple[dict[str, str], re.Pattern[str]]:
    """What was said by what was heard, and an expression for the latter, longest first."""
    said = {}
    for pair in pairs:
        heard, _, meant = pair.partition("=")
        said[heard.strip()] = meant.strip()
    longest_first = sorted(said, key=len, reverse=True)
    words = "|".join(re.escape(heard).replace("'", "['’]") for heard in longest_first)
    return said, re.compile(rf"\b(?:{words})\b", re.IGNORECASE)
