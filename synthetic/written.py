"""Sentences of the demo as a recognizer writes them: numerals, and in Korean foreign names.

    bring three hundred dollars at five fifty    bring $300 at 5:50
    피터가 구월 구일 열두 시 이십 분에                Peter가 9월 9일 12시 20분에

They are spoken as before, so the truth about a call's words tells when these are said, too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from synthetic import numbers
from synthetic.phrases import PEOPLE, PLACES
from synthetic.synth import SpokenWord

Rewrite = Callable[[re.Match[str]], str]

#: English numbers below this are left in words, and so are fewer digits in a row.
_LEAST_NUMERAL, _LEAST_DIGITS = 10, 3
_DAYS = range(1, 32)
_ENGLISH = {numbers.english(value): value for value in range(100)}
_UNITS = {"hundred": 100, "thousand": 1000, "million": 1_000_000}
_ORDINALS = {numbers.ordinal(day): day for day in _DAYS}
_KOREAN_DIGITS = {digit: str(value) for value, digit in enumerate("공일이삼사오육칠팔구")}
_MYRIAD = 10_000
_KOREAN_UNITS = {"십": 10, "백": 100, "천": 1000}
_KOREAN_MONTHS = {numbers.date(month, 1)[1].split()[0]: month for month in range(1, 13)}
_KOREAN_HOURS = {numbers.clock(hour, 0)[1]: hour for hour in range(1, 13)}
#: Names of one word in both languages.
_NAMES = {korean: english for english, korean, _ in (*PEOPLE, *PLACES) if english.isalpha()}


def written(words: Sequence[SpokenWord], language: str) -> tuple[SpokenWord, ...]:
    """The words as a recognizer writes them, each with the time of what is spoken for it.

    English and Korean; words of other languages come back as they are.
    """
    found = tuple(words)
    for pattern, rewrite in _RULES.get(language, ()):
        found = _rewritten(found, pattern, rewrite)
    return found


def _rewritten(
    words: Sequence[SpokenWord], pattern: re.Pattern[str], rewrite: Rewrite
) -> tuple[SpokenWord, ...]:
    text = " ".join(word.text for word in words)
    #: Of each letter the first and the last word it stands for.
    owners = [(index, index) for index, word in enumerate(words) for _ in f"{word.text} "]
    made, made_owners, at = "", list[tuple[int, int]](), 0
    for match in pattern.finditer(text):
        instead = rewrite(match)
        made += text[at : match.start()] + instead
        made_owners += owners[at : match.start()]
        made_owners += [(owners[match.start()][0], owners[match.end() - 1][1])] * len(instead)
        at = match.end()
    made, made_owners = made + text[at:], made_owners + owners[at:]
    return tuple(
        SpokenWord(
            word[0],
            words[made_owners[word.start()][0]].start,
            words[made_owners[word.end() - 1][1]].end,
        )
        for word in re.finditer(r"\S+", made)
    )


def _one_of(words: Sequence[str]) -> str:
    return "|".join(sorted(words, key=len, reverse=True))


def _english(match: re.Match[str]) -> str:
    numeral = _english_numeral(match["number"])
    if numeral is None:
        return match[0]
    return f"${numeral}" if match["dollars"] else numeral


def _english_numeral(number: str) -> str | None:
    """Digits for a number, an ordinal, a time of day or a code; None for what stays in words."""
    if number in _ORDINALS:
        return _ordinal(_ORDINALS[number])
    words = number.split()
    if len(words) >= _LEAST_DIGITS and all(_ENGLISH.get(word, 10) < 10 for word in words):
        return "".join(str(_ENGLISH[word]) for word in words)
    value = _english_value(words)
    if value is not None and numbers.english(value) == number:
        return f"{value:,}" if value >= _LEAST_NUMERAL else None
    minutes = _ENGLISH.get(" ".join(words[1:]).removeprefix("oh "))
    return None if minutes is None else f"{_ENGLISH[words[0]]}:{minutes:02}"


def _english_value(words: Sequence[str]) -> int | None:
    total = part = 0
    for word in words:
        if word == "hundred":
            part *= _UNITS[word]
        elif word in _UNITS:
            total, part = total + part * _UNITS[word], 0
        elif word in _ENGLISH:
            part += _ENGLISH[word]
        else:
            return None
    return total + part


def _ordinal(day: int) -> str:
    """1st, 2nd, 3rd, 4th..."""
    suffix = "th" if day in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")
    return f"{day}{suffix}"


def _korean_amount(match: re.Match[str]) -> str:
    value = _korean_value(match["number"])
    if numbers.korean(value) != match["number"]:
        return match[0]
    return str(value) if value % _MYRIAD else f"{value // _MYRIAD}만"


def _korean_value(number: str) -> int:
    total = part = digit = 0
    for syllable in number.replace(" ", ""):
        if syllable == "만":
            total, part, digit = (part + digit or 1) * _MYRIAD, 0, 0
        elif syllable in _KOREAN_UNITS:
            part, digit = part + (digit or 1) * _KOREAN_UNITS[syllable], 0
        else:
            digit = int(_KOREAN_DIGITS[syllable])
    return total + part + digit


def _korean_code(match: re.Match[str]) -> str:
    return "".join(_KOREAN_DIGITS[digit] for digit in match[0].split())


_CARDINAL = _one_of([*(word for word in _ENGLISH if " " not in word), *_UNITS, "oh"])
_ORDINAL = _one_of([word for ordinal in _ORDINALS for word in ordinal.split()[-1:]])
_SINO = "[일이삼사오육칠팔구십백천만]+"
_DIGIT = "[공일이삼사오육칠팔구]"
_RULES: dict[str, list[tuple[re.Pattern[str], Rewrite]]] = {
    "en": [
        (
            re.compile(
                rf"\b(?P<number>(?:{_CARDINAL})(?: (?:{_CARDINAL}))*(?: (?:{_ORDINAL}))?"
                rf"|(?:{_ORDINAL}))\b(?P<dollars> dollars\b)?"
            ),
            _english,
        )
    ],
    "ko": [
        (re.compile(rf"(?<!\S){_DIGIT}(?: {_DIGIT}){{{_LEAST_DIGITS - 1},}}"), _korean_code),
        (
            re.compile(rf"(?<!\S)({_one_of(list(_KOREAN_MONTHS))})(?= {_SINO}일)"),
            lambda match: f"{_KOREAN_MONTHS[match[0]]}월",
        ),
        (re.compile(rf"(?<=월 )(?P<number>{_SINO})(?=일)"), _korean_amount),
        (
            re.compile(rf"(?<!\S)({_one_of(list(_KOREAN_HOURS))})"),
            lambda match: f"{_KOREAN_HOURS[match[0]]}시",
        ),
        (
            re.compile(rf"(?<!\S)(?P<number>{_SINO}(?: {_SINO})?) (?=원|달러|분|명|번|일 )"),
            _korean_amount,
        ),
        (re.compile(rf"(?<!\S)({_one_of(list(_NAMES))})"), lambda match: _NAMES[match[0]]),
    ],
}
