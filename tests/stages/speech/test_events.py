"""Sounds that are no words are known by how they are spelled."""

import pytest

from reelmill.stages.speech.events import event_in
from reelmill.stages.speech.left_out import without_unspoken
from tests.stages.speech.heard import window


@pytest.mark.parametrize(
    ("text", "event"),
    [
        ("Ha-ha-ha-ha-ha-hah!", "laughter"),
        ("Ха-ха-ха-ха!", "laughter"),
        ("하하하하", "laughter"),
        ("흐헤헤헿", "laughter"),
        ("ㅋㅋㅋ", "laughter"),
        ("はっはっはっはっは", "laughter"),
        ("フフフフフ", "laughter"),
        ("哈哈哈", "laughter"),
        ("[Music]", "music"),
        ("♪♪", "music"),
        ("(laughing)", "laughter"),
        ("*coughs*", "cough"),
        ("(박수)", "applause"),
        ("[BLANK_AUDIO]", "silence"),
        ("(said quietly)", None),
        ("♪ Happy birthday to you ♪", None),
        ("하지만 해보자", None),
        ("Have a seat, Harry.", None),
        ("Haha, that is funny.", None),
        ("はい", None),
        ("...", None),
        ("", None),
    ],
)
def test_sounds_that_are_not_words_are_recognized_in_texts(text, event):
    # proves: V3
    assert event_in(text) == event


def test_an_event_is_a_finding_and_not_text():
    # proves: V3 G8
    found = without_unspoken(window(3, 5, "en", text="Ha ha ha ha!"))
    assert found.segments == []
    (told,) = found.findings
    assert (told.label, told.start, told.end, told.severity) == ("laughter", 3, 5, "info")
