"""Long texts cut where a reader would pause, and put together again."""

from __future__ import annotations

import re
from collections.abc import Callable

#: Where a sentence certainly ends, closing quotes and brackets included. A full stop is not
#: certain: "Mr. Kim".
_SENTENCE = re.compile(r"(?<=[。！？!?])(?![。！？!?」』”’\"')）])\s*(?=\S)")
#: Where to cut what is too long, best first: ends of sentences, of clauses, of words.
_BORDERS = (
    re.compile(r"(?<=[.…])\s+(?=\S)"),
    re.compile(r"(?<=[、，；：;:―—])\s*(?=\S)|(?<=,)\s+(?=\S)"),
    re.compile(r"\s+(?=\S)"),
)
#: Scripts that are written without spaces between sentences or words.
_UNSPACED = frozenset({"Jpan", "Hans", "Hant", "Thai", "Laoo", "Khmr", "Mymr", "Tibt"})


def cut_clauses(text: str, count: Callable[[str], int], limit: int) -> list[str]:
    """The sentences of a text, and those of more than `limit` tokens in parts, each as long as
    can be; together they are the text.

    Translators are trained on single sentences: of several given at once they may skip some.

    Args:
        text: of any length.
        count: the tokens of a text.
        limit: at least 1; a single letter may have more.
    """
    return [
        part for sentence in _cut_at(_SENTENCE, text) for part in _within(sentence, count, limit)
    ]


def _within(text: str, count: Callable[[str], int], limit: int) -> list[str]:
    if count(text) <= limit or len(text) < 2:
        return [text]
    for border in _BORDERS:
        parts = _cut_at(border, text)
        if len(parts) > 1:
            return _packed(parts, count, limit)
    middle = len(text) // 2
    return _packed([text[:middle], text[middle:]], count, limit)


def _cut_at(border: re.Pattern[str], text: str) -> list[str]:
    places = [found.start() for found in border.finditer(text) if found.start() > 0]
    return [text[a:b] for a, b in zip([0, *places], [*places, len(text)], strict=True)]


def _packed(parts: list[str], count: Callable[[str], int], limit: int) -> list[str]:
    """Neighbours together while they fit; what is too long alone is cut further."""
    packed: list[str] = []
    room = 0
    for part in parts:
        tokens = count(part)
        if packed and tokens <= room:
            packed[-1] += part
            room -= tokens
        elif tokens <= limit:
            packed.append(part)
            room = limit - tokens
        else:
            packed += _within(part, count, limit)
            room = 0
    return packed


def join_clauses(clauses: list[str], language: str) -> str:
    """Translated clauses as one text in `language` (FLORES-200), spaced as it is written."""
    between = "" if language.rsplit("_", maxsplit=1)[-1] in _UNSPACED else " "
    return between.join(clause for clause in map(str.strip, clauses) if clause)
