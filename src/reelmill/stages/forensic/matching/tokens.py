"""The tokens that patterns are matched against: words or morphemes, each with the names that a form
may use."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Literal, Protocol

#: `word`; `pause` for a comma; `end` and `question` for what ends a sentence; `mark` for quotation
#: marks; `rest` where the speaker paused, which may be the end of a sentence.
Kind = Literal["word", "pause", "end", "question", "mark", "rest"]

#: The tag of numbers, in figures or in words, in every language.
NUMBER = "NUM"
_PAUSES = frozenset(",;:、，；：·–—…‥-()[]{}（）【】/")
_ENDS = frozenset(".!。！．")
_QUESTIONS = frozenset("?？")
_MARKS = frozenset('"“”„‟«»「」『』《》〈〉')


@dataclass(frozen=True)
class Token:
    """A word or morpheme at `start` to `end` of the text, in characters.

    `keys` are the names that a form may call it by: as written (`kill`), by its dictionary form
    (`~kill`), by its tag (`/VV`), and by both.
    """

    text: str
    start: int
    end: int
    keys: frozenset[str] = frozenset()
    kind: Kind = "word"


@dataclass(frozen=True)
class Sentence:
    """The tokens of a sentence, without the mark that ends it."""

    tokens: tuple[Token, ...]
    question: bool = False

    @property
    def start(self) -> int:
        return self.tokens[0].start

    @property
    def end(self) -> int:
        return self.tokens[-1].end


class Analyser(Protocol):
    """Cuts a text of one language into tokens."""

    def tokens(self, text: str) -> list[Token]:
        """The tokens of a text, in order."""


def keys_of(text: str, lemmas: tuple[str, ...] = (), tags: tuple[str, ...] = ()) -> frozenset[str]:
    """All names of a token: its text, `~` with each dictionary form, each with each tag."""
    names = [text, *(f"~{lemma}" for lemma in lemmas)]
    return frozenset([*names, *(f"{name}/{tag}" for name in ("", *names) for tag in tags)])


def punctuation(text: str, start: int) -> Token | None:
    """A token for a punctuation mark; None where `text` is none."""
    for kind, marks in (
        ("pause", _PAUSES),
        ("end", _ENDS),
        ("question", _QUESTIONS),
        ("mark", _MARKS),
    ):
        if text and all(one in marks for one in text):
            return Token(text, start, start + len(text), kind=kind)  # type: ignore[arg-type]
    return None


def folded(text: str) -> str:
    """Text for comparison: without case, full-width forms and typographic apostrophes."""
    return unicodedata.normalize("NFKC", text).casefold().replace("’", "'")


def sentences(tokens: list[Token]) -> list[Sentence]:
    """Tokens cut at the marks that end a sentence. A sentence has a word at least."""
    found: list[Sentence] = []
    now: list[Token] = []
    for token in tokens:
        if token.kind in ("end", "question"):
            _close(found, now, token.kind == "question")
            now = []
        else:
            now.append(token)
    _close(found, now, False)
    return found


def _close(found: list[Sentence], tokens: list[Token], is_question: bool) -> None:
    if any(token.kind == "word" for token in tokens):
        found.append(Sentence(tuple(tokens), is_question))
