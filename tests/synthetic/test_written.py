"""Sentences with numerals and foreign names."""

from itertools import pairwise
from random import Random

import pytest

from synthetic.sentences import sentence
from synthetic.synth import SpokenWord
from synthetic.written import written


def spoken(text: str) -> list[SpokenWord]:
    """A second a word."""
    return [SpokenWord(word, index, index + 1.0) for index, word in enumerate(text.split())]


@pytest.mark.parametrize(
    ("language", "said", "expected"),
    [
        ("en", "Bring two million five hundred thousand dollars.", "Bring $2,500,000."),
        ("en", "I paid eight hundred won on April twenty eighth.", "I paid 800 won on April 28th."),
        ("en", "at three oh five or at twelve twenty?", "at 3:05 or at 12:20?"),
        ("en", "The code is four six zero one, and he called four times.",
         "The code is 4601, and he called four times."),
        ("ko", "저는 유월 십일일에 만 이천 원을 냈어요.", "저는 6월 11일에 12000원을 냈어요."),
        ("ko", "피터가 오후 열두 시 이십 분에 뉴욕에 와요.",
         "Peter가 오후 12시 20분에 뉴욕에 와요."),
        ("ko", "번호는 이 공 오 칠입니다.", "번호는 2057입니다."),
        ("ko", "이 대리님은 이백오십만 달러가 필요해요.", "이 대리님은 250만달러가 필요해요."),
        ("ja", "ごまん ウォン", "ごまん ウォン"),
    ],
)  # fmt: skip
def test_numerals_are_written_as_by_a_recognizer(language: str, said: str, expected: str) -> None:
    found = written(spoken(said), language)
    assert " ".join(word.text for word in found) == expected


def test_a_written_numeral_has_the_time_of_all_its_spoken_words() -> None:
    found = written(spoken("Bring two million five hundred thousand dollars, please."), "en")
    assert [(word.text, word.start, word.end) for word in found] == [
        ("Bring", 0, 1),
        ("$2,500,000,", 1, 7),
        ("please.", 7, 8),
    ]


@pytest.mark.parametrize("language", ["en", "ko"])
def test_nothing_spoken_is_left_out_or_doubled(language: str) -> None:
    rng = Random(1)
    for _ in range(300):
        words = spoken(sentence(rng).text(language))
        found = written(words, language)
        assert (found[0].start, found[-1].end) == (0, len(words))
        assert all(before.end == after.start for before, after in pairwise(found))
