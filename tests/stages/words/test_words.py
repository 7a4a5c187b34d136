"""Words and their times: none missing, in order, inside."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelmill.stages.words.words import TimedText, split_words, timed_words


@pytest.mark.parametrize(
    ("text", "language", "words"),
    [
        ("Well, hello there.", "en", ["Well,", "hello", "there."]),
        ("네, 3시에 meeting 있어요.", "ko", ["네,", "3시에", "meeting", "있어요."]),
        ("", "en", []),
        ("ກາ", "lo", ["ກ", "າ"]),
    ],
)
def test_text_is_split_into_words(text: str, language: str, words: list[str]) -> None:
    # proves: V4
    assert split_words(text, language) == words


@pytest.mark.parametrize("language", ["ja", "zh", "th"])
def test_spaceless_text_loses_nothing(language: str) -> None:
    # proves: V4
    text = "おはようございます、おげんきですか？"
    words = split_words(text, language)
    assert len(words) > 1 and "".join(words) == text


def test_a_word_without_time_is_placed_between_its_neighbours() -> None:
    # proves: V4
    words = timed_words(
        [TimedText("a", 1.0, 2.0, 0.9, "aligned"), TimedText("b"), TimedText("c", 3.0, 4.0)],
        0.0,
        5.0,
    )
    assert [(word.start, word.end) for word in words] == [(1, 2), (2, 3), (3, 4)]
    assert [word.timing for word in words] == ["aligned", "interpolated", "interpolated"]


def test_neighbours_make_room_for_a_word_without_time() -> None:
    words = timed_words([TimedText("a", 0.0, 2.0), TimedText("b"), TimedText("c", 2.0, 3.0)], 0, 3)
    assert words[1].end - words[1].start == pytest.approx(0.02)
    assert words[0].end == words[1].start and words[1].end == words[2].start


def test_words_without_any_times_share_the_segment_by_length() -> None:
    words = timed_words([TimedText("aaa"), TimedText("b")], 2.0, 4.0)
    assert [(word.start, word.end) for word in words] == [(2.0, 3.5), (3.5, 4.0)]


times = st.one_of(
    st.none(), st.tuples(st.floats(-5, 20), st.floats(0, 5)).map(lambda t: (t[0], t[0] + t[1]))
)


@given(st.lists(times, min_size=1, max_size=12), st.floats(0, 5), st.floats(0, 10))
def test_words_are_always_in_order_and_inside_the_segment(
    known: list, start: float, length: float
) -> None:
    # proves: V4
    end = start + length
    texts = [TimedText("x") if one is None else TimedText("x", *one) for one in known]
    words = timed_words(texts, start, end)
    assert len(words) == len(known)
    edges = [edge for word in words for edge in (word.start, word.end)]
    assert edges == sorted(edges)
    assert edges[0] >= round(start, 3) and edges[-1] <= round(end, 3)
