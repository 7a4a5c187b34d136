"""Long texts in parts: nothing lost, nothing too long, cut where one pauses."""

from hypothesis import given
from hypothesis import strategies as st

from reelmill.stages.translation.chunking import cut_clauses, join_clauses

TEXT = st.text(alphabet="あいう。、？ abc.,!?12 한국\n", max_size=80)


def letters(text: str) -> int:
    return len(text)


def words(text: str) -> int:
    return len(text.split())


@given(TEXT, st.integers(1, 40))
def test_clauses_joined_are_the_text(text, limit):
    # proves: S6
    parts = cut_clauses(text, letters, limit)
    assert "".join(parts) == text
    assert all(len(part) <= limit for part in parts)


@given(TEXT, st.integers(1, 10))
def test_any_measure_of_length_can_be_used(text, limit):
    parts = cut_clauses(text, words, limit)
    assert "".join(parts) == text
    assert all(words(part) <= limit for part in parts)


def test_sentences_are_never_joined():
    text = "えきにいきます、あした。「かぎは、どこですか？」わかりません！？ え? ok."
    assert cut_clauses(text, letters, 500) == [
        "えきにいきます、あした。",
        "「かぎは、どこですか？」わかりません！？",
        " え?",
        " ok.",
    ]
    assert cut_clauses("Mr. Kim is here. So am I.", letters, 500) == ["Mr. Kim is here. So am I."]


def test_a_full_stop_is_preferred_to_a_comma():
    text = "Take the key, please. Then go."
    assert cut_clauses(text, letters, 22) == ["Take the key, please.", " Then go."]


def test_clauses_are_cut_before_words():
    assert cut_clauses("one two, three four five", letters, 12) == [
        "one two,",
        " three four",
        " five",
    ]
    assert cut_clauses("1,000 won", letters, 6) == ["1,000", " won"]
    assert cut_clauses("3.5 won is it", words, 2) == ["3.5 won", " is it"]


def test_a_word_is_cut_only_if_nothing_else_helps():
    assert cut_clauses("かぎ" * 4, letters, 4) == ["かぎかぎ", "かぎかぎ"]


def test_clauses_are_joined_with_the_spacing_of_the_language():
    assert join_clauses(["하나,", " 둘 "], "kor_Hang") == "하나, 둘"
    assert join_clauses(["いち、", "に"], "jpn_Jpan") == "いち、に"
    assert join_clauses(["one", "", "  "], "eng_Latn") == "one"
