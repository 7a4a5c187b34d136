"""The demo domain for a translator: the same written sentence in all languages.

`sentences` makes what the demo's speakers say. The text that a translator should write differs in
Korean in two ways: the particle after a minute (삼십 분으로), and people and times are counted with
native numerals (세 명, 세 번), where the speakers read the digits (삼 명).
"""

from __future__ import annotations

import re
from random import Random

from synthetic import numbers, phrases
from synthetic.sentences import LANGUAGES, Sentence

_NATIVE_ONES = ["", "한", "두", "세", "네", "다섯", "여섯", "일곱", "여덟", "아홉"]
_NATIVE_TENS = ["", "열", "스물", "서른", "마흔", "쉰", "예순", "일흔", "여든", "아흔"]
_COUNTED = {numbers.korean(number): number for number in range(1, 100)}
_PEOPLE_OR_TIMES = re.compile(r"(?<=사람이 )(\S+)(?= 명 있)|(?<=저에게 )(\S+)(?= 번 전화)")
_PUNCTUATION = re.compile(r"[.,?!。、？！]")
_SMALL_KANA = str.maketrans({"っ": "", "ッ": "", "ー": ""})
_KATAKANA_TO_HIRAGANA = {code: code - 0x60 for code in range(ord("ァ"), ord("ヶ") + 1)}


def native_korean(number: int) -> str:
    """1 to 99 as one counts people and times: 세, 스무, 서른두."""
    if number == 20:
        return "스무"
    tens, ones = divmod(number, 10)
    return _NATIVE_TENS[tens] + _NATIVE_ONES[ones]


def written(sentence: Sentence, language: str) -> str:
    """The sentence as a translation into `language` (en, ko or ja) should read."""
    text = sentence.text(language)
    if language != "ko":
        return text
    text = text.replace("분로 바뀌", "분으로 바뀌")
    return _PEOPLE_OR_TIMES.sub(lambda found: native_korean(_COUNTED[found[0]]), text)


def as_recognized(rng: Random, sentence: Sentence, language: str) -> str:
    """The sentence as a recognizer might write it: sometimes without punctuation or capitals, with
    spaces between Japanese phrases, in one kana only, or with a wrong letter."""
    if language == "ja" and rng.random() < 0.15:
        text = " ".join(sentence.words["ja"])
    else:
        text = written(sentence, language) if rng.random() < 0.5 else sentence.text(language)
    chance = rng.random()
    if chance < 0.2:
        text = _PUNCTUATION.sub("", text)
    elif chance < 0.3:
        text = text.rstrip(".?!。？！")
    elif chance < 0.35:
        text = text.replace("。", ".").replace("、", ",").replace("？", "?")
    if language == "en" and rng.random() < 0.2:
        text = text.lower()
    if language == "ja" and rng.random() < 0.08:
        text = text.translate(_KATAKANA_TO_HIRAGANA)
    if rng.random() < 0.08:
        text = _misheard(rng, text, language)
    return text


def with_placeholders(rng: Random, texts: dict[str, str], form: str = "ZX{}") -> dict[str, str]:
    """One or two names, places or things of a sentence replaced by placeholders, in all languages.

    `texts` is a sentence by language; so that a translator learns to keep placeholders.
    """
    texts = dict(texts)
    words = [*phrases.PEOPLE, *phrases.PLACES, *phrases.THINGS]
    most, number = rng.choice((1, 1, 2)), 1
    for word in rng.sample(words, len(words)):
        forms = dict(zip(LANGUAGES, word, strict=True))
        forms["ja"] = forms["ja"].replace(" ", "")
        if all(texts[language].count(forms[language]) == 1 for language in texts):
            for language in texts:
                texts[language] = texts[language].replace(forms[language], form.format(number))
            number += 1
        if number > most:
            break
    return texts


def _misheard(rng: Random, text: str, language: str) -> str:
    """One slip: a letter missing or doubled, or long sounds shortened."""
    if language == "ja" and rng.random() < 0.4:
        return text.translate(_SMALL_KANA)
    at = rng.randrange(len(text))
    if rng.random() < 0.5:
        return text[:at] + text[at + 1 :]
    return text[: at + 1] + text[at:]
