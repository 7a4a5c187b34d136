"""Detect errors in a translation that show without knowing the languages.

The thresholds detect failures, not poor quality: a translator that stops at once, repeats itself,
copies its source, or drops a number.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from reelmill.models.translation.nllb import Hypothesis, SourceText

#: A text of at least this many tokens has a translation of at least this share of its length.
_SHORT_FROM, _SHORTEST = 12, 0.25
#: A translation has at most this many times the length of the text, plus a few tokens.
_LONGEST_FACTOR, _LONGEST_ROOM = 2.5, 12
#: A loop: the same letters at least this many times in a row, over at least this many letters, with
#: at most this period, unless the source has it too.
_LOOP_TIMES, _LOOP_LETTERS, _LONGEST_PERIOD = 4, 12, 24
#: The least share of letters in the target's script (names and abbreviations may be Latin).
_RIGHT_SCRIPT = 0.5

#: The first words of the Unicode names of letters. Scripts that are missing here are not checked.
_LETTERS: dict[str, tuple[str, ...]] = {
    "Arab": ("ARABIC",),
    "Armn": ("ARMENIAN",),
    "Beng": ("BENGALI",),
    "Cyrl": ("CYRILLIC",),
    "Deva": ("DEVANAGARI",),
    "Ethi": ("ETHIOPIC",),
    "Geor": ("GEORGIAN",),
    "Grek": ("GREEK",),
    "Gujr": ("GUJARATI",),
    "Guru": ("GURMUKHI",),
    "Hang": ("HANGUL",),
    "Hans": ("CJK",),
    "Hant": ("CJK",),
    "Hebr": ("HEBREW",),
    "Jpan": ("HIRAGANA", "KATAKANA", "CJK", "KATAKANA-HIRAGANA"),
    "Khmr": ("KHMER",),
    "Knda": ("KANNADA",),
    "Laoo": ("LAO",),
    "Latn": ("LATIN",),
    "Mlym": ("MALAYALAM",),
    "Mymr": ("MYANMAR",),
    "Orya": ("ORIYA",),
    "Sinh": ("SINHALA",),
    "Taml": ("TAMIL",),
    "Telu": ("TELUGU",),
    "Thai": ("THAI",),
    "Tibt": ("TIBETAN",),
}
_NUMBER = re.compile(r"\d+(?:[.,]\d{3})*")


@dataclass(frozen=True)
class QualityIssue:
    """What is wrong, as the end of "the translation ..."; a translation with a grave issue must not
    be shown."""

    reason: str
    grave: bool = True


def quality_issue(source: SourceText, found: Hypothesis) -> QualityIssue | None:
    """The first error found in a translation; None if there is none."""
    grave = (
        (not has_words(found.text), "was empty"),
        (_too_short(found), "was far too short"),
        (_loops_anew(source.text, found.text), "repeated itself"),
        (_too_long(found), "was far too long"),
        (not in_script(found.text, source.target), "was in the wrong script"),
    )
    for wrong, reason in grave:
        if wrong:
            return QualityIssue(reason)
    lost = lost_numbers(source.text, found.text)
    return QualityIssue(f"lacks the number {', '.join(lost)}", grave=False) if lost else None


def _too_short(found: Hypothesis) -> bool:
    return found.source_tokens >= _SHORT_FROM and found.tokens < _SHORTEST * found.source_tokens


def _too_long(found: Hypothesis) -> bool:
    return found.tokens > _LONGEST_FACTOR * found.source_tokens + _LONGEST_ROOM


def has_words(text: str) -> bool:
    """Whether the text has a letter or a digit."""
    return any(letter.isalnum() for letter in text)


def _loops_anew(source: str, target: str) -> bool:
    """Whether a translation repeats itself more often than its source (such as a number like
    7777)."""
    return repetitions(target, _LOOP_LETTERS) > max(_LOOP_TIMES - 1, repetitions(source))


def repetitions(text: str, least_letters: int = 1) -> int:
    """How many times the same letters repeat in a row, without spaces; 1 for no repetition.

    Only runs of `least_letters` and more count.
    """
    letters = "".join(text.lower().split())
    most = 1
    for period in range(1, min(_LONGEST_PERIOD, len(letters) // 2) + 1):
        same = 0  # letters in a row equal to the one a period earlier
        for at in range(period, len(letters)):
            same = same + 1 if letters[at] == letters[at - period] else 0
            times = same // period + 1
            if times * period >= least_letters:
                most = max(most, times)
    return most


def in_script(text: str, language: str) -> bool:
    """Whether most letters belong to the script of `language` (FLORES-200).

    Latin letters occur in texts of all languages (names, units) and do not count against it, unless
    there are no others.
    """
    wanted = _LETTERS.get(language.rsplit("_", maxsplit=1)[-1])
    if wanted is None:
        return True
    names = [unicodedata.name(letter, "").split(" ")[0] for letter in text if letter.isalpha()]
    right = sum(name in wanted for name in names)
    foreign = sum(name not in wanted and name != "LATIN" for name in names)
    return right + foreign == 0 or right >= _RIGHT_SCRIPT * (right + foreign)


def lost_numbers(source: str, target: str) -> list[str]:
    """The numbers of two or more digits that are in `source` and not in `target`.

    Single digits often become words in a translation, and so do final zeros: 3,000 is 3천.
    """
    have = {_significant(number) for number in _numbers(target)}
    wanted = [number for number in _numbers(source) if len(number) > 1]
    return [number for number in dict.fromkeys(wanted) if _significant(number) not in have]


def _numbers(text: str) -> list[str]:
    plain = unicodedata.normalize("NFKC", text)
    return [re.sub(r"[.,]", "", found) for found in _NUMBER.findall(plain)]


def _significant(number: str) -> str:
    return number.rstrip("0") or "0"
