"""Numbers, hours and dates as they are spoken in English, Korean and Japanese (kana)."""

from collections.abc import Sequence

_EN_ONES = [
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
    "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen",
    "nineteen",
]  # fmt: skip
_EN_TENS = [
    "zero",
    "ten",
    "twenty",
    "thirty",
    "forty",
    "fifty",
    "sixty",
    "seventy",
    "eighty",
    "ninety",
]
_EN_ORDINALS = [
    "zeroth", "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth",
    "ninth", "tenth", "eleventh", "twelfth", "thirteenth", "fourteenth", "fifteenth", "sixteenth",
    "seventeenth", "eighteenth", "nineteenth",
]  # fmt: skip
_KO_DIGITS: list[str] = ["영", *"일이삼사오육칠팔구"]
_KO_HOURS = [
    "영", "한", "두", "세", "네", "다섯", "여섯", "일곱", "여덟", "아홉", "열", "열한", "열두",
]  # fmt: skip
_JA_DIGITS = ["ぜろ", "いち", "に", "さん", "よん", "ご", "ろく", "なな", "はち", "きゅう"]
_JA_HOURS = [
    "れいじ", "いちじ", "にじ", "さんじ", "よじ", "ごじ", "ろくじ", "しちじ", "はちじ", "くじ",
    "じゅうじ", "じゅういちじ", "じゅうにじ",
]  # fmt: skip
_JA_HUNDREDS = [
    "-", "ひゃく", "にひゃく", "さんびゃく", "よんひゃく", "ごひゃく", "ろっぴゃく",
    "ななひゃく", "はっぴゃく", "きゅうひゃく",
]  # fmt: skip
_JA_THOUSANDS = [
    "-", "せん", "にせん", "さんぜん", "よんせん", "ごせん", "ろくせん", "ななせん", "はっせん",
    "きゅうせん",
]  # fmt: skip
_JA_MONTHS = [
    "-", "いちがつ", "にがつ", "さんがつ", "しがつ", "ごがつ", "ろくがつ", "しちがつ",
    "はちがつ", "くがつ", "じゅうがつ", "じゅういちがつ", "じゅうにがつ",
]  # fmt: skip
_JA_DAYS = [
    "-", "ついたち", "ふつか", "みっか", "よっか", "いつか", "むいか", "なのか",
    "ようか", "ここのか", "とおか",
]  # fmt: skip
_EN_MONTHS = [
    "-", "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December",
]  # fmt: skip
# 6 and 10 lose their final consonant before 월 (month).
_KO_MONTHS = [
    "-", "일월", "이월", "삼월", "사월", "오월", "유월", "칠월", "팔월", "구월", "시월", "십일월",
    "십이월",
]  # fmt: skip
_MYRIAD = 10_000
MINUTES: Sequence[int] = (0, 5, 10, 15, 20, 30, 40, 45, 50)


def english(number: int) -> str:
    """A whole number below a thousand million in words, without hyphens."""
    if number < 20:
        return _EN_ONES[number]
    if number < 100:
        return " ".join([_EN_TENS[number // 10]] + ([_EN_ONES[number % 10]] * (number % 10 > 0)))
    for unit, word in ((1_000_000, "million"), (1000, "thousand"), (100, "hundred")):
        if number >= unit:
            rest = number % unit
            words = [english(number // unit), word] + ([english(rest)] if rest else [])
            return " ".join(words)
    raise AssertionError


def korean(number: int) -> str:
    """A whole number below a hundred million in Sino-Korean, in one word per myriad."""
    if number == 0:
        return _KO_DIGITS[0]
    high, low = divmod(number, _MYRIAD)
    words = []
    if high:
        words.append(("" if high == 1 else _korean_below_myriad(high)) + "만")
    if low:
        words.append(_korean_below_myriad(low))
    return " ".join(words)


def _korean_below_myriad(number: int) -> str:
    text = ""
    for unit, word in ((1000, "천"), (100, "백"), (10, "십"), (1, "")):
        digit = number // unit % 10
        if digit:
            text += ("" if digit == 1 and word else _KO_DIGITS[digit]) + word
    return text


def japanese(number: int) -> str:
    """A whole number below a hundred million in hiragana, in one word per myriad."""
    if number == 0:
        return _JA_DIGITS[0]
    high, low = divmod(number, _MYRIAD)
    words = []
    if high:
        words.append(_japanese_below_myriad(high) + "まん")
    if low:
        words.append(_japanese_below_myriad(low))
    return " ".join(words)


def _japanese_below_myriad(number: int) -> str:
    thousands, hundreds, tens, ones = (number // unit % 10 for unit in (1000, 100, 10, 1))
    text = _JA_THOUSANDS[thousands] if thousands else ""
    text += _JA_HUNDREDS[hundreds] if hundreds else ""
    text += ("" if tens == 1 else _JA_DIGITS[tens]) + "じゅう" if tens else ""
    return text + (_JA_DIGITS[ones] if ones else "")


def digits(values: Sequence[int]) -> tuple[str, str, str]:
    """Digits read one by one, as in a code or a telephone number."""
    return (
        " ".join(_EN_ONES[value] for value in values),
        " ".join(("공", *_KO_DIGITS[1:])[value] for value in values),
        " ".join(_JA_DIGITS[value] for value in values),
    )


def clock(hour: int, minute: int) -> tuple[str, str, str]:
    """A time of day on the twelve-hour clock; `minute` is one of MINUTES."""
    en, ko, ja = _EN_ONES[hour], f"{_KO_HOURS[hour]} 시", _JA_HOURS[hour]
    if minute == 0:
        return f"{en} o'clock", ko, ja
    en += " oh five" if minute == 5 else f" {english(minute)}"
    return en, f"{ko} {korean(minute)} 분", f"{ja} {minutes_japanese(minute)}"


def minutes_japanese(minute: int) -> str:
    """分 is ぷん after ten and ふん after five, and じゅう shortens before it."""
    if minute % 10 == 0:
        return japanese(minute).removesuffix("じゅう") + "じゅっぷん"
    return japanese(minute) + "ふん"


def date(month: int, day: int) -> tuple[str, str, str]:
    """A day of the year: March third, 삼월 삼일, さんがつ みっか."""
    return (
        f"{_EN_MONTHS[month]} {ordinal(day)}",
        f"{_KO_MONTHS[month]} {korean(day)}일",
        f"{_JA_MONTHS[month]} {_day_japanese(day)}",
    )


def ordinal(number: int) -> str:
    """An English ordinal below a hundred."""
    if number < 20:
        return _EN_ORDINALS[number]
    tens, ones = divmod(number, 10)
    if ones:
        return f"{_EN_TENS[tens]} {_EN_ORDINALS[ones]}"
    return _EN_TENS[tens].removesuffix("y") + "ieth"


def _day_japanese(day: int) -> str:
    if day <= 10:
        return _JA_DAYS[day]
    irregular = {14: "じゅうよっか", 20: "はつか", 24: "にじゅうよっか"}
    if day in irregular:
        return irregular[day]
    ones = {7: "しち", 9: "く"}
    if day % 10 in ones:
        return japanese(day - day % 10) + ones[day % 10] + "にち"
    return japanese(day) + "にち"
