"""Japanese: short units by SudachiPy, with dictionary forms, conjugations and readings.

A recognizer writes what it heard with the characters of another word of the same sound, or cuts it
elsewhere (`待った組みに覚え` for `全く身に覚え`), or in katakana. Words of three and more kana are
therefore also compared by their readings, and a sentence is searched a second time as it is read.
"""

from __future__ import annotations

from functools import cache, lru_cache
from typing import Any

from reelmill.stages.forensic.matching.spoken import SpokenText
from reelmill.stages.forensic.matching.tokens import NUMBER, Token, keys_of, punctuation

#: What a key by reading begins with, and the kana that it has at least: short words have too many
#: of the same sound.
_READ, _LEAST_KANA = "≈", 3
_KATAKANA = range(ord("ァ"), ord("ヶ") + 1)
_TO_HIRAGANA = {letter: letter - 0x60 for letter in _KATAKANA}
#: Words whose readings are remembered.
_KNOWN_READINGS = 1 << 14
#: Particles are written otherwise than they are read.
_PARTICLE = "助詞"


class JapaneseAnalyser:
    """Cuts Japanese into short units. Loads the dictionary, which is mapped, when it is made."""

    def __init__(self) -> None:
        self._tokenizer: Any = _tokenizer("A")

    def tokens(self, text: str) -> list[Token]:
        found = []
        for one in self._tokenizer.tokenize(text):
            surface = one.surface()
            if not surface.strip():
                continue
            mark = punctuation(surface, one.begin())
            found.append(mark or Token(surface, one.begin(), one.end(), _keys(one, surface)))
        return found


@cache
def _dictionary() -> Any:
    from sudachipy import Dictionary

    return Dictionary(dict="small")


@cache
def _tokenizer(mode: str) -> Any:
    from sudachipy import SplitMode

    return _dictionary().tokenizer(mode=getattr(SplitMode, mode))


def spoken(text: str) -> SpokenText | None:
    """A text in hiragana, as it is read; None where it is written so."""
    written: list[str] = []
    places: list[tuple[int, int]] = []
    for one in _tokenizer("C").tokenize(text):
        surface, part = one.surface(), one.part_of_speech()[0]
        is_read = part != _PARTICLE and punctuation(surface, 0) is None and surface.strip()
        read = one.reading_form() if is_read else ""
        letters = (read or surface).translate(_TO_HIRAGANA)
        written.append(letters)
        exact = len(letters) == one.end() - one.begin()
        places += [
            (one.begin() + at, one.begin() + at + 1) if exact else (one.begin(), one.end())
            for at in range(len(letters))
        ]
    read = "".join(written)
    return None if read == text else SpokenText(read, tuple(places))


def spellings(key: str) -> frozenset[str]:
    """The keys that a key of a form stands for: itself, and its reading if the word is long enough
    to be known by that."""
    word = key.removeprefix("~")
    read = _reading(word) if "/" not in word else ""
    return frozenset({key, f"{_READ}{read}"}) if len(read) >= _LEAST_KANA else frozenset({key})


@lru_cache(maxsize=_KNOWN_READINGS)
def _reading(word: str) -> str:
    """A word in katakana; empty without the analyser, or where it has other characters."""
    try:
        read = "".join(one.reading_form() for one in _tokenizer("C").tokenize(word))
    except ImportError:
        return ""
    return read if all(ord(letter) in _KATAKANA or letter == "ー" for letter in read) else ""


def _keys(one: Any, surface: str) -> frozenset[str]:
    part, kind, *_, conjugation = one.part_of_speech()
    tags = [part, kind, conjugation.partition("-")[0]]
    if kind == "数詞":
        tags.append(NUMBER)
    lemmas = {one.dictionary_form(), one.normalized_form()}
    keys = keys_of(surface, tuple(lemmas), tuple(tag for tag in tags if tag != "*"))
    reads = {one.reading_form(), _reading(one.dictionary_form())}
    # What is written in kana is also known by its usual characters: あし is 足.
    usual = {one.normalized_form()} if _is_kana(surface) else set()
    return keys | usual | {f"{_READ}{read}" for read in reads if len(read) >= _LEAST_KANA}


def _is_kana(text: str) -> bool:
    return all("ぁ" <= letter <= "ー" for letter in text)
