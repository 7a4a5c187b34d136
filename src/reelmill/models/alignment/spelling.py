"""Spell words in the letters of an aligner."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from reelmill.core.json_text import parse_json
from reelmill.errors import ModelUnavailableError

#: A letter the model does not have. It matches any letter.
ANY = -1

_BLANKS = ("<pad>", "[PAD]", "<blank>", "<s>")
_CONTROLS = frozenset({"<pad>", "<s>", "</s>", "<unk>", "[PAD]", "[UNK]", "<blank>", "|", " "})
_DELIMITERS = ("|", " ")
_KANA_SHIFT = 0x60
_APOSTROPHES = {"’": "'", "‘": "'", "ʼ": "'"}


@dataclass(frozen=True)
class Alphabet:
    """The letters of a CTC model. `blank` stands for no letter, `delimiter` for the end of a
    word."""

    letters: dict[str, int]
    blank: int
    delimiter: int | None
    size: int

    def spell(self, word: str) -> list[int]:
        """The word's letters, with ANY for letters the model lacks and nothing for punctuation."""
        spelled: list[int] = []
        for character in word:
            spelled += self._character(_APOSTROPHES.get(character, character))
        return spelled

    def knows(self, word: str) -> bool:
        """Whether the model has all letters of the word."""
        return ANY not in self.spell(word)

    def _character(self, character: str) -> list[int]:
        for form in _forms(character):
            ids = [self.letters.get(one) for one in form]
            found = [one for one in ids if one is not None]
            if found and len(found) == len(ids):
                return found
        return [ANY] if unicodedata.category(character)[0] in "LN" else []


def _forms(character: str) -> Iterator[str]:
    """The ways to write a character: unchanged, in the other case, in its parts, in the other
    kana."""
    for one in (character, character.lower(), character.upper()):
        yield one
        yield unicodedata.normalize("NFKC", one)
        # Parts of a Hangul syllable; an accented letter as a letter and its accent.
        parts = unicodedata.normalize("NFD", one)
        yield parts
        if not "\uac00" <= one <= "\ud7a3":
            yield "".join(part for part in parts if not unicodedata.combining(part))
    if "ァ" <= character <= "ヶ":
        yield chr(ord(character) - _KANA_SHIFT)
    elif "ぁ" <= character <= "ゖ":
        yield chr(ord(character) + _KANA_SHIFT)


@lru_cache(maxsize=16)
def read_alphabet(path: Path) -> Alphabet:
    """The alphabet in a `vocab.json`.

    Raises:
        ModelUnavailableError: the file is missing or not such a vocabulary.
    """
    try:
        tokens: dict[str, int] = parse_json(path.read_text("utf-8"))
        blank = next(tokens[name] for name in _BLANKS if name in tokens)
    except (OSError, ValueError, TypeError, StopIteration) as error:
        raise ModelUnavailableError(
            f"{path} is not an aligner's vocabulary with a <pad> token ({error}); copy the "
            "model's vocab.json there"
        ) from error
    delimiter = next((tokens[name] for name in _DELIMITERS if name in tokens), None)
    letters = {
        unicodedata.normalize("NFC", token): number
        for token, number in tokens.items()
        if token not in _CONTROLS
    }
    letters |= {token: number for token, number in tokens.items() if token not in _CONTROLS}
    return Alphabet(letters, blank, delimiter, max(tokens.values()) + 1)
