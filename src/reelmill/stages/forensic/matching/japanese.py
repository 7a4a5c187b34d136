"""Japanese: short units by SudachiPy, with dictionary forms and conjugations."""

from __future__ import annotations

from typing import Any

from reelmill.stages.forensic.matching.tokens import NUMBER, Token, keys_of, punctuation


class JapaneseAnalyser:
    """Cuts Japanese into short units. Loads the dictionary, which is mapped, when it is made."""

    def __init__(self) -> None:
        from sudachipy import Dictionary, SplitMode

        self._tokenizer: Any = Dictionary(dict="small").tokenizer(mode=SplitMode.A)

    def tokens(self, text: str) -> list[Token]:
        found = []
        for one in self._tokenizer.tokenize(text):
            surface = one.surface()
            if not surface.strip():
                continue
            mark = punctuation(surface, one.begin())
            found.append(mark or Token(surface, one.begin(), one.end(), _keys(one, surface)))
        return found


def spellings(key: str) -> frozenset[str]:
    """The key that a key of a form stands for."""
    return frozenset({key})


def _keys(one: Any, surface: str) -> frozenset[str]:
    part, kind, *_, conjugation = one.part_of_speech()
    tags = [part, kind, conjugation.partition("-")[0]]
    if kind == "数詞":
        tags.append(NUMBER)
    lemmas = {one.dictionary_form(), one.normalized_form()}
    return keys_of(surface, tuple(lemmas), tuple(tag for tag in tags if tag != "*"))
