"""Splits text into tokens for search: words, or single characters in scripts that do not separate
words.

Korean, Japanese, Chinese and Thai are split into characters, and a word of the query is a sequence
of them. It is therefore found inside longer words, and with or without spaces.
"""

from __future__ import annotations

import re
import unicodedata

#: A character of a script that does not separate words, or that adds endings to them.
_SINGLE = (
    "\u0e00-\u0eff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u3130-\u318f"
    "\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff"
)
_TOKEN = re.compile(rf"[{_SINGLE}]|[^\W_{_SINGLE}]+")
_ONE = re.compile(f"[{_SINGLE}]")
_TERM = re.compile(r'"([^"]*)"?|(\S+)')


def tokens(text: str) -> list[str]:
    """The searchable tokens of a text in order. Case, width and accents make no difference."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    return [_without_accents(token) for token in _TOKEN.findall(plain)]


def line_text(text: str) -> str:
    """A line as the index page searches it: a word has a space in front, a single character has
    none. As `finder.line` in its script has it, to the letter."""
    plain = unicodedata.normalize("NFKC", text).lower()
    found = (_without_accents(token) for token in _TOKEN.findall(plain))
    return "".join(token if _ONE.match(token) else f" {token}" for token in found)


def _without_accents(token: str) -> str:
    if token.isascii() or _ONE.match(token):
        return token
    parts = unicodedata.normalize("NFD", token)
    bare = "".join(part for part in parts if unicodedata.category(part) != "Mn")
    return unicodedata.normalize("NFC", bare)


def terms(question: str) -> list[tuple[list[str], bool]]:
    """Parse a query: the tokens of each term, and whether it also matches words that begin with it.

    Args:
        question: words, all of which have to occur; `"some words"` for a phrase; `word*` for all
            words that begin so.
    """
    found = []
    for match in _TERM.finditer(question):
        text = match[1] if match[1] is not None else match[2]
        if wanted := tokens(text):
            found.append((wanted, match[1] is None and text.endswith("*")))
    return found


def expression(asked: list[tuple[list[str], bool]]) -> str:
    """Terms in the syntax of SQLite's FTS5. Tokens contain only letters and digits, so nothing in
    them is an operator."""
    return " AND ".join(f'"{" ".join(one)}"{" *" if prefix else ""}' for one, prefix in asked)


def position(words: list[str], term: tuple[list[str], bool]) -> int | None:
    """The index of the word in which a term begins.

    Args:
        words: the words of a line, in order.
    """
    wanted, prefix = term
    owners = [(token, at) for at, word in enumerate(words) for token in tokens(word)]
    for first in range(len(owners) - len(wanted) + 1):
        there = [token for token, _ in owners[first : first + len(wanted)]]
        if there == wanted or (
            prefix and there[:-1] == wanted[:-1] and there[-1].startswith(wanted[-1])
        ):
            return owners[first][1]
    return None
