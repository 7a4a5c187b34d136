"""Find the positions of words in a text."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise


def word_places(text: str, words: Sequence[str]) -> list[int]:
    """The position of each word in `text`; `words` in order, as from `split_words`."""
    places, at = [], 0
    for word in words:
        places.append(max(text.find(word, at), at))
        at = places[-1] + len(word)
    return places


def cut_text(text: str, parts: Sequence[Sequence[str]]) -> list[str]:
    """`text` cut before the first word of each part except the first."""
    if len(parts) == 1:
        return [text]
    places = word_places(text, [word for part in parts for word in part])
    begins = [places[count] for count in accumulate(len(part) for part in parts[:-1])]
    return [text[a:b].rstrip() for a, b in pairwise([0, *begins, len(text)])]
