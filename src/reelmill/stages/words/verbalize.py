"""Spells out numerals as they are spoken, for aligners that know only letters."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

#: Names of languages in num2words that differ from Whisper's.
_NAMES = {"no": "no", "nn": "no", "kk": "kz"}

_CLOCK = re.compile(r"(\d{1,2}):(\d{2})(?!\d)")
_NUMBER = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?")
_ORDINAL = re.compile(r"(\d+)(st|nd|rd|th)\b", re.IGNORECASE)
_MONEY = re.compile(r"([$€£₩¥])\s?(\d[\d,]*(?:\.\d+)?)")
#: Spelled digit by digit: telephone numbers, codes, anything that starts with a zero.
_SPELLED = re.compile(r"(?<![\d.,])(?:\d+(?:-\d+)+|0\d+|\d{7,})(?![.,]\d)")

_SIGNS: dict[str, dict[str, str]] = {
    "en": {
        "%": "percent", "$": "dollars", "€": "euros", "£": "pounds", "₩": "won", "¥": "yen",
        "&": "and", "+": "plus", "=": "equals", "@": "at",
    },
    "ko": {
        "%": "퍼센트", "$": "달러", "€": "유로", "£": "파운드", "₩": "원", "¥": "엔",
        "+": "플러스", "@": "골뱅이",
    },
    "ja": {
        "%": "パーセント", "$": "ドル", "€": "ユーロ", "£": "ポンド", "₩": "ウォン", "¥": "えん",
        "+": "プラス", "@": "アット",
    },
}  # fmt: skip

#: Koreans count hours, people and things with native numerals, minutes and money with Sino-Korean
#: ones.
_KOREAN_COUNTED = re.compile(
    r"(?<![\d.,])(?:(\d{1,2})(?=\s?(?:개(?!월)|명|살|마리|잔|병|권|대|군데|사람|가지|시간))"
    r"|(0?[1-9]|1[0-2])(?=\s?시(?!간)))"
)
_KOREAN_ONES = ["", "한", "두", "세", "네", "다섯", "여섯", "일곱", "여덟", "아홉"]
_KOREAN_TENS = ["", "열", "스물", "서른", "마흔", "쉰", "예순", "일흔", "여든", "아흔"]
_KOREAN_DIGITS = "공일이삼사오육칠팔구"
_KOREAN_TWENTY = "스무"
_JAPANESE_DIGITS = ("ぜろ", "いち", "に", "さん", "よん", "ご", "ろく", "なな", "はち", "きゅう")


def normalize_text(word: str, language: str) -> str:
    """`word` with its numerals and signs in words of `language`; others come back as they are.

    A language that num2words does not support keeps its digits.
    """
    if not any(character.isdigit() or character in _all_signs() for character in word):
        return word
    word = _MONEY.sub(r"\2 \1", word)
    if language == "ko":
        word = _KOREAN_COUNTED.sub(lambda found: _korean_native(int(found[1] or found[2])), word)
    if language == "en":
        word = _ORDINAL.sub(lambda found: _words(int(found[1]), "en", to="ordinal"), word)
    word = _CLOCK.sub(lambda found: _clock(int(found[1]), int(found[2]), language), word)
    word = _SPELLED.sub(lambda found: _digits(found[0], language), word)
    word = _NUMBER.sub(lambda found: _number(found[0], language), word)
    for sign, name in _SIGNS.get(language, {}).items():
        word = word.replace(sign, f" {name} ")
    return word.strip()


@lru_cache(maxsize=1)
def _all_signs() -> frozenset[str]:
    return frozenset(sign for signs in _SIGNS.values() for sign in signs)


def _korean_native(number: int) -> str:
    if number == 20:
        return _KOREAN_TWENTY
    tens, ones = divmod(number, 10)
    return (_KOREAN_TENS[tens] + _KOREAN_ONES[ones]) or "영"


def _clock(hour: int, minute: int, language: str) -> str:
    if language == "ko":
        said = f"{_korean_native(hour) if hour <= 12 else _words(hour, 'ko')} 시"
        return f"{said} {_words(minute, 'ko')} 분" if minute else said
    if language == "ja":
        said = f"{_words(hour, 'ja')}じ"
        return f"{said}{_words(minute, 'ja')}ふん" if minute else said
    if minute == 0:
        return _words(hour, language) + (" o'clock" if language == "en" else "")
    between = " oh " if language == "en" and minute < 10 else " "
    return f"{_words(hour, language)}{between}{_words(minute, language)}"


def _digits(digits: str, language: str) -> str:
    values = [int(digit) for digit in digits if digit.isdigit()]
    if language == "ko":
        return " ".join(_KOREAN_DIGITS[value] for value in values)
    if language == "ja":
        return "".join(_JAPANESE_DIGITS[value] for value in values)
    return " ".join(_words(value, language) for value in values)


def _number(numeral: str, language: str) -> str:
    plain = numeral.replace(",", "")
    if "." in plain:
        return _words(float(plain), language)
    number = int(plain)
    is_year = language == "en" and plain == numeral and 1100 <= number <= 2099
    return _words(number, language, to="year" if is_year else "cardinal")


def _words(number: float, language: str, to: str = "cardinal") -> str:
    """The number in words, or as digits if its language has no words for it."""
    convert = _converter()
    options: dict[str, Any] = {"reading": True} if language == "ja" else {}
    try:
        said = str(convert(number, lang=_NAMES.get(language, language), to=to, **options))
    except (NotImplementedError, OverflowError, TypeError):  # the last: Amharic decimals
        return f"{number:g}"
    return said.replace(",", "").replace("-", " ")


def _converter() -> Callable[..., Any]:
    import num2words

    convert: Callable[..., Any] = num2words.num2words
    return convert
