"""Cut long texts where a reader would pause, and join them again."""

from __future__ import annotations

import re
from collections.abc import Callable

#: A certain end of a sentence, including closing quotes and brackets. A full stop is not certain:
#: "Mr. Kim".
_SENTENCE = re.compile(r"(?<=[。！？!?])(?![。！？!?」』”’\"')）])\s*(?=\S)")
#: Where to cut a text that is too long, best first: ends of sentences, of clauses, of words.
_BORDERS = (
    re.compile(r"(?<=[.…])\s+(?=\S)"),
    re.compile(r"(?<=[、，；：;:―—])\s*(?=\S)|(?<=,)\s+(?=\S)"),
    re.compile(r"\s+(?=\S)"),
)
#: Scripts that are written without spaces between sentences or words.
_UNSPACED = frozenset({"Jpan", "Hans", "Hant", "Thai", "Laoo", "Khmr", "Mymr", "Tibt"})


def cut_clauses(text: str, count: Callable[[str], int], limit: int) -> list[str]:
    """The sentences of a text; those of more than `limit` tokens are divided into parts as long as
    possible. Joined, they are the text.

    Translators are trained on single sentences, and may skip some if given several at once.

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
    """Join neighbours while they fit, and cut further what is too long alone."""
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
    """Join translated clauses into one text, with the spacing of `language` (FLORES-200)."""
    between = "" if language.rsplit("_", maxsplit=1)[-1] in _UNSPACED else " "
    return between.join(clause for clause in map(str.strip, clauses) if clause)
