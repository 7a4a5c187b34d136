"""Languages without an analyser of their own: words as they are written."""

from __future__ import annotations

import re

from reelmill.stages.forensic.matching.tokens import NUMBER, Token, folded, keys_of, punctuation

_WORD = re.compile(r"\d[\d.,]*\d|[^\W_]+(?:['’-][^\W_]+)*|\S")


class PlainAnalyser:
    """Cuts a text at spaces and punctuation."""

    def tokens(self, text: str) -> list[Token]:
        found = []
        for match in _WORD.finditer(text):
            mark = punctuation(match[0], match.start())
            word = folded(match[0])
            tags = (NUMBER,) if word[0].isdigit() else ()
            found.append(mark or Token(word, match.start(), match.end(), keys_of(word, tags=tags)))
        return found


def spellings(key: str) -> frozenset[str]:
    """The key that a key of a form stands for: there are no dictionary forms."""
    return frozenset({key.lstrip("~")})
