"""Numerals as they are spoken."""

from __future__ import annotations

import pytest

from reelmill.models.whisper.languages import LANGUAGES
from reelmill.stages.words.verbalize import normalize_text


# proves: V4
@pytest.mark.parametrize(
    ("written", "language", "said"),
    [
        ("100", "ko", "백"),
        ("3,000원을", "ko", "삼천원을"),
        ("2026년", "ko", "이천이십육년"),
        ("3시", "ko", "세시"),
        ("15시", "ko", "십오시"),
        ("3시간", "ko", "세시간"),
        ("10:30", "ko", "열 시 삼십 분"),
        ("20살", "ko", "스무살"),
        ("125명", "ko", "백이십오명"),
        ("12개월", "ko", "십이개월"),
        ("010-1234", "ko", "공 일 공 일 이 삼 사"),
        ("100", "en", "one hundred"),
        ("1,000", "en", "one thousand"),
        ("1.05", "en", "one point zero five"),
        ("2024", "en", "twenty twenty four"),
        ("21st", "en", "twenty first"),
        ("15%", "en", "fifteen percent"),
        ("$20", "en", "twenty  dollars"),
        ("007", "en", "zero zero seven"),
        ("10:05", "en", "ten oh five"),
        ("5:00", "en", "five o'clock"),
        ("3000えん", "ja", "さんぜんえん"),
        ("3:15", "ja", "さんじじゅうごふん"),
        ("hello", "en", "hello"),
    ],
)
def test_numerals_are_written_as_spoken(written: str, language: str, said: str) -> None:
    assert normalize_text(written, language) == said


def test_every_language_has_spoken_numerals() -> None:
    for language in LANGUAGES:
        for numeral in ("7", "100", "1,234.50", "3.5", "10:30", "0", "010-12"):
            assert normalize_text(numeral, language).strip()
