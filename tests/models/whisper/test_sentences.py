"""Where the text of a window is cut, and when its segments begin and end."""

import re

from hypothesis import given
from hypothesis import strategies as st

from reelmill.models.whisper.sentences import TimedText, TimedWord, cut_into_segments


def words(*timed: tuple[str, float], end: float) -> list[TimedWord]:
    ends = [start for _, start in timed[1:]] + [end]
    return [TimedWord(text, start, after) for (text, start), after in zip(timed, ends, strict=True)]


def spoken(text: str, pace: float = 0.4) -> list[TimedWord]:
    """The words and marks of a text, one after the other without pauses."""
    parts = re.findall(r"\s?\w+|\s?[^\w\s]", text)
    return [TimedWord(part, pace * at, pace * (at + 1)) for at, part in enumerate(parts)]


def texts(said: list[TimedWord], language: str = "en") -> list[str]:
    return [one.text for one in cut_into_segments(said, language)]


def test_a_sentence_ends_with_its_last_word_not_with_the_pause_behind_it():
    # proves: V3
    said = words(
        (" Please", 0.0), (" hold", 0.5), (".", 1.0), (" Thank", 2.6), (" you", 2.9), (".", 3.2),
        end=5.0,
    )  # fmt: skip
    assert cut_into_segments(said, "en") == [
        TimedText(0.0, 1.2, "Please hold."),
        TimedText(2.6, 3.4000000000000004, "Thank you."),
    ]


def test_full_stops_within_sentences():
    assert texts(spoken(" Mr. Kim pays 3.5 percent. Is it true? Yes.", 0.2)) == [
        "Mr. Kim pays 3.5 percent.",
        "Is it true?",
        "Yes.",
    ]
    assert texts(spoken("そうです。はい、わかりました。", 0.2), "ja") == [
        "そうです。",
        "はい、わかりました。",
    ]


def test_a_long_text_without_marks_is_cut_at_its_longest_pause():
    said = spoken(" one" * 40)
    late = [TimedWord(w.text, w.start + (i >= 25) * 2, w.end + (i >= 24) * 2) for i, w in
            enumerate(said)]  # fmt: skip
    found = cut_into_segments(late, "en")
    assert [len(one.text.split()) for one in found] == [25, 15]
    assert (found[0].start, found[1].start) == (0.0, 12.0)


def test_japanese_without_marks_is_cut_where_polite_sentences_end():
    # proves: V3
    said = words(
        ("お名前", 0.0), ("を", 0.5), ("お願い", 0.6), ("します", 0.9), ("山", 2.0), ("田", 2.2),
        ("です", 2.4), ("では", 3.6), ("確", 4.4), ("認", 4.6), end=5.0,
    )  # fmt: skip
    assert texts(said, "ja") == ["お名前をお願いします", "山田です", "では確認"]


def test_a_long_text_without_spaces_is_cut_at_the_longest_pause_between_phrases():
    """The longest of all is within a word: attention is early by a character."""
    # proves: V5
    phrase = "契約内容を"
    said = [TimedWord(one, 0.4 * at, 0.4 * at + 0.4) for at, one in enumerate(phrase * 9)]
    late = [
        TimedWord(one.text, one.start + (at > 21) * 2 + (at > 24), one.end + (at > 20) * 2)
        for at, one in enumerate(said)
    ]
    assert texts(late, "ja") == [phrase * 5, phrase * 4]


@given(
    st.lists(
        st.tuples(
            st.sampled_from([" no", " way", ".", "?", ",", " etc", "。", "です", "はい", "本"]),
            st.floats(0, 4),
        ),
        max_size=60,
    ),
    st.sampled_from(["en", "ja"]),
)
def test_no_word_is_lost_and_times_ascend(timed, language):
    # proves: V3
    start = 0.0
    said = []
    for text, seconds in timed:
        said.append(TimedWord(text, start, start + seconds))
        start += seconds
    found = cut_into_segments(said, language)
    assert "".join(one.text for one in found).replace(" ", "") == "".join(
        word.text for word in said
    ).replace(" ", "")
    times = [time for one in found for time in (one.start, one.end)]
    assert times == sorted(times)
