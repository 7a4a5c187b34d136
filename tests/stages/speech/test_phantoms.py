"""Sentences that Whisper writes where nobody says them."""

import pytest

from reelmill.artifacts import Segment
from reelmill.stages.speech.left_out import without_unspoken
from reelmill.stages.speech.phantoms import phantoms_in
from reelmill.stages.speech.second_look import after_second_looks, second_looks
from tests.stages.speech.heard import window


@pytest.mark.parametrize(
    "text",
    [
        "시청해주셔서 감사합니다.",
        "시청해 주셔서 감사합니다",
        "ご視聴ありがとうございました",
        "Thanks for watching!",
        "Thank you for watching. Please subscribe!",
        "Sous-titres réalisés par la communauté d'Amara.org",
        "Субтитры создавал DimaTorzok",
        "字幕由Amara.org社区提供",
        "Untertitel im Auftrag des ZDF für funk, 2017",
        "Thank you. Thank you. Thank you.",
        "감사합니다.",
    ],
)
def test_phantom_sentences_are_known_in_many_languages(text):
    # proves: V3 G8
    (found,) = phantoms_in(window(0, 3, "ko", text=text))
    assert found.text == text


@pytest.mark.parametrize(
    "text",
    [
        "Thank you for watching the children on Monday while I was away.",
        "감사합니다, 내일 다시 전화드리겠습니다.",
        "You know",
        "",
    ],
)
def test_ordinary_speech_is_not_a_phantom(text):
    # proves: V3
    assert phantoms_in(window(0, 3, "en", text=text)) == []


def test_common_words_are_checked_only_if_they_stand_alone():
    # proves: V3
    said = window(0, 5, "en", text="I will send it to you tomorrow")
    thanks = Segment(3.0, 4.0, "Thank you.", -0.2, 0.1, 1.0, 0.0)
    said.segments.append(thanks)
    assert phantoms_in(said) == []
    said.segments = [thanks]
    assert phantoms_in(said) == [thanks]


THANKS = "Thanks for watching!"


@pytest.mark.parametrize(
    ("again", "logprob", "kept"),
    [
        ("Thanks for watching!", -0.3, True),
        ("thanks for washing", -0.4, True),
        ("", -0.3, False),  # alone there is nothing
        ("Ha ha ha", -0.3, False),  # or something else
        ("Thanks for watching!", -1.1, False),  # or it is not likely
    ],
)
def test_the_sound_decides_about_a_phantom(again, logprob, kept):
    # proves: V3 G8
    heard = window(0, 2, "en", text=THANKS)
    (look,) = second_looks([heard])
    assert (look.reason, look.parts) == ("phantom", (((0, 2),),))
    alone = window(0, 2, "en", text=again, logprob=logprob)
    (found,) = after_second_looks([heard], [look], iter([alone]))
    assert [one.text for one in found.segments] == ([THANKS] if kept else [])
    told = [(one.label, one.start, one.end, one.severity) for one in found.findings]
    assert told == ([] if kept else [("phantom", 0, 2, "warning")])


def test_short_answers_are_kept():
    # proves: V3
    yes = window(0, 2, "ko", text="네")
    assert without_unspoken(yes, [yes]).segments == yes.segments


@pytest.mark.parametrize(("start", "end"), [(0, 0.4), (0, 9)])
def test_a_phantom_of_implausible_duration_is_left_out(start, end):
    # proves: V3 G8
    heard = window(start, end, "en", text=THANKS)
    found = without_unspoken(heard, [window(start, end, "en", text=THANKS)])
    assert found.segments == [] and "left out: Thanks for watching" in found.findings[0].text
