"""Where a line of text may be broken, and where a sentence without marks ends."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelmill.core.text import is_answer, phrases, unmarked_ends


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("いらっしゃいますかはいそうです", ["いらっしゃいますか", "はい", "そうです"]),
        ("山田太郎です山田太郎様で", ["山田太郎です", "山田太郎様で"]),
        ("はい、そうです。", ["はい、", "そうです。"]),
        ("今までですはい", ["今までです", "はい"]),
    ],
)  # fmt: skip
def test_japanese_without_marks_is_cut_behind_polite_sentences_and_answers(text, parts):
    # proves: V5
    assert phrases(text) == parts


def test_a_polite_form_that_goes_on_ends_no_sentence():
    for text in (
        "そうですから行きません",
        "ありますので",
        "ませんでした",
        "行きますが",
        "ますます",
        "です",
    ):
        assert unmarked_ends(text) == [], text
    assert unmarked_ends("いいですかそれは難しいですねでは") == [5, 14]


def test_answers():
    assert is_answer("はい") and is_answer("いいえ")
    assert not is_answer("はいって") and not is_answer("はい。")


@given(st.text(st.sampled_from("はいそうですかねわ本人、。 A"), max_size=40))
def test_no_letter_is_lost(text):
    assert "".join(phrases(text)) == " ".join(text.split())
