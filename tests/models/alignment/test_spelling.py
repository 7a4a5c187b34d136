"""Words in the letters of an aligner."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from reelmill.errors import ModelUnavailableError
from reelmill.models.alignment.spelling import ANY, read_alphabet


def alphabet(folder: Path, *letters: str):
    path = folder / "vocab.json"
    names = ["<pad>", "<s>", "</s>", "<unk>", "|", *letters]
    path.write_text(json.dumps({name: i for i, name in enumerate(names)}), encoding="utf-8")
    return read_alphabet(path)


def test_case_and_punctuation_are_normalized(tmp_path: Path) -> None:
    # proves: V4
    small = alphabet(tmp_path, "a", "b", "'")
    assert small.spell("Ab!") == [5, 6]
    assert small.spell("b’a") == [6, 7, 5]
    assert small.spell("...") == []
    assert (small.blank, small.delimiter, small.size) == (0, 4, 8)


def test_alphabets_of_capital_letters_are_supported(tmp_path: Path) -> None:
    assert alphabet(tmp_path, "A", "B").spell("ab") == [5, 6]


def test_hangul_is_spelled_as_syllables_or_letters(tmp_path: Path) -> None:
    # proves: V4
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    assert alphabet(tmp_path / "a", "가", "각").spell("각가") == [6, 5]
    parts = alphabet(tmp_path / "b", "\u1100", "\u1161", "\u11a8")
    assert parts.spell("각") == [5, 6, 7]
    assert parts.spell("난") == [ANY]


def test_kana_and_accents_are_spelled(tmp_path: Path) -> None:
    some = alphabet(tmp_path, "か", "e")
    assert some.spell("カé") == [5, 6]


def test_unknown_letters_match_any_sound(tmp_path: Path) -> None:
    # proves: V4
    some = alphabet(tmp_path, "a")
    assert some.spell("aДa7") == [5, ANY, 5, ANY]
    assert some.knows("aa") and not some.knows("aД")


@pytest.mark.parametrize("content", ["{", '{"a": 1}', "[]"])
def test_an_invalid_vocabulary_is_refused(content: str, tmp_path: Path) -> None:
    path = tmp_path / "vocab.json"
    path.write_text(content)
    with pytest.raises(ModelUnavailableError, match=r"vocab\.json is not an aligner's"):
        read_alphabet(path)
