"""Errors that can be detected in a translation."""

import pytest

from reelmill.models.translation.nllb import Hypothesis, SourceText
from reelmill.stages.translation.quality_checks import (
    in_script,
    lost_numbers,
    quality_issue,
    repetitions,
)

SOURCE = "わたしはあしたえきでともだちをまっています"


def issue(text, source=SOURCE, target="kor_Hang", tokens=(14, 12)):
    return quality_issue(
        SourceText(source, "jpn_Jpan", target), Hypothesis(text, tokens[1], tokens[0], -0.1)
    )


def test_good_translations_have_no_issue():
    assert issue("저는 내일 역에서 친구를 기다리고 있어요.") is None


@pytest.mark.parametrize(
    ("text", "tokens", "reason"),
    [
        ("", (14, 0), "was empty"),
        (" ... ♪", (14, 3), "was empty"),
        ("저는.", (14, 2), "was far too short"),
        ("저는 역에서 " * 5, (14, 20), "repeated itself"),
        ("저는 내일 역에서 친구를 기다리고 있어요.", (14, 60), "was far too long"),
        ("わたしはあしたえきで", (14, 9), "was in the wrong script"),
    ],
)
def test_wrong_translations_are_grave_issues(text, tokens, reason):
    # proves: S6
    found = issue(text, tokens=tokens)
    assert (found.reason, found.grave) == (reason, True)


def test_short_answers_are_not_too_short():
    assert issue("네.", source="はい、そうです", tokens=(5, 1)) is None


def test_repetition_of_the_source_is_not_an_issue():
    assert (
        issue("네네네네네네네네네네네네", source="はいはいはいはいはいはいはいはいはいはいはいはい")
        is None
    )
    assert issue("Seven seven seven seven.", source="なななななななな", target="eng_Latn") is None


def test_repetitions_are_counted():
    assert repetitions("") == 1
    assert repetitions("abc") == 1
    assert repetitions("ab ab ab") == 3
    assert repetitions("the bank the bank the bank the bank") == 4
    assert repetitions("ab ab ab", least_letters=7) == 1


def test_lost_numbers_are_found():
    source = "12時30分に3,000円、１５００人と5本"
    assert lost_numbers(source, "12시 30분에 3천 엔, 1500명과 다섯 병") == []
    assert lost_numbers("部屋は402です", "방은 42호입니다") == ["402"]
    found = issue("방은 42호입니다", source="部屋は402です", tokens=(6, 6))
    assert (found.reason, found.grave) == ("lacks the number 402", False)


@pytest.mark.parametrize(
    ("text", "language", "right"),
    [
        ("안녕 Anna", "kor_Hang", True),
        ("Anna", "kor_Hang", True),
        ("アンナ", "kor_Hang", False),
        ("カーテンを", "jpn_Jpan", True),
        ("東京駅", "jpn_Jpan", True),
        ("안녕하세요", "eng_Latn", False),
        ("Hello", "rus_Cyrl", True),
        ("Привет", "rus_Cyrl", True),
        ("привет", "eng_Latn", False),
        ("12:30!", "kor_Hang", True),
        ("anything", "taq_Tfng", True),
    ],
)
def test_the_script_of_a_text_is_checked(text, language, right):
    assert in_script(text, language) is right
