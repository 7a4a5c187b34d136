"""Text that is unlikely, or covers too little of its speech."""

import pytest

from reelmill.stages.speech.doubt_findings import doubt_findings
from reelmill.stages.speech.doubts import covers_little, is_doubtful, letters
from tests.stages.speech.heard import window

ENOUGH = (
    "so many words as people say in some ten seconds of speech, which is about a hundred letters"
)


@pytest.mark.parametrize(
    ("text", "little"),
    [
        (ENOUGH, False),
        ("hardly anything", True),
        ("열 초 동안에 말하는 만큼의 글자가 여기에 있습니다", False),
        ("네", True),
        ("", True),
    ],
)
def test_too_little_text_for_the_speech_is_doubtful(text, little):
    # proves: G8
    assert covers_little(window(0, 10, "en", text=text)) is little
    assert not covers_little(window(0, 2, "en", text=text))  # too short to tell


def test_a_long_segment_with_few_words_compared_with_others_is_doubtful():
    # proves: G8
    full = window(0, 20, "en", text=ENOUGH * 2)
    full.segments = [*window(0, 8, "en", text="that agent").segments, *full.segments]
    assert covers_little(full)


def test_a_letter_of_a_syllabary_counts_twice():
    assert (letters("abc, 12"), letters("안녕"), letters("漢字 か")) == (5, 4, 6)


def test_unlikely_text_and_text_found_by_penalizing_repetition_are_doubtful():
    # proves: G8
    assert not is_doubtful(window(0, 10, "en", text=ENOUGH))
    assert is_doubtful(window(0, 10, "en", text=ENOUGH, logprob=-0.9))
    penalized = window(0, 10, "en", text=ENOUGH)
    penalized.segments[0].temperature = 0.2
    assert is_doubtful(penalized)


def test_remaining_doubts_are_reported():
    # proves: G8
    windows = [
        window(0, 10, "en", text=ENOUGH),
        window(10, 20, "en", text="hardly"),
        window(20, 30, "en", text=""),
        window(30, 40, "en", text=ENOUGH, logprob=-1.2),
    ]
    little, none, unlikely = doubt_findings(windows)
    assert (little.label, little.start, little.end) == ("little text", 10, 20)
    assert little.text == "10 s of speech, only: hardly"
    assert none.text == "10 s of speech, no text"
    assert (unlikely.label, unlikely.text, unlikely.severity) == (
        "doubtful text",
        ENOUGH,
        "warning",
    )
    assert unlikely.score == pytest.approx(0.301, abs=0.001)
    assert doubt_findings([window(0, 10, "en", text="")]) == []  # told as an empty result


def test_a_stretch_of_speech_without_any_text_is_heard_again_and_told():
    # proves: G8 S6
    spans = [(0, 6), (7, 12), (13, 20)]
    broken_off = window(0, 20, "en", text=ENOUGH, spans=spans)
    broken_off.segments[0].end = 6.4
    assert is_doubtful(broken_off)
    (found,) = doubt_findings([broken_off])
    assert (found.label, found.start, found.end) == ("no text", 7, 20)
    assert found.text == "12 s of speech, no text"
    broken_off.segments[0].end = 15.5
    assert not covers_little(broken_off), "a few seconds may be no speech"
