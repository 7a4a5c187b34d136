"""Words and segments keep to the sound that was recognized."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelmill.artifacts import Segment, Span, Speech, Word
from reelmill.core.word_places import cut_text
from reelmill.stages.words.in_speech import keep_to_speech

#: A pause of 90 s between two stretches of speech, each with 0.4 s of padding.
SPEECH = Speech([Span(0.3, 4.5), Span(94.0, 98.6)], 120.0, padding=0.4)
ONSET = 94.4


def said(*words: tuple[float, float, str]) -> Segment:
    made = [Word(start, end, text, 0.9, "whisper") for start, end, text in words]
    text = " ".join(word.text for word in made)
    return Segment(made[0].start, made[-1].end, text, -0.2, 0.0, 1.0, 0.0, made)


def kept(*segments: Segment) -> list[tuple[str, list[tuple[float, float, str]]]]:
    return [
        (one.text, [(word.start, word.end, word.text) for word in one.words])
        for one in keep_to_speech(segments, SPEECH)
    ]


def test_a_word_across_a_pause_moves_to_the_side_with_speech() -> None:
    # proves: V2 V4
    late = said((4.38, 94.7, "There"), (94.7, 95.0, "is"))
    early = said((3.0, 3.5, "He"), (3.5, 94.1, "arrives."))
    assert kept(late) == [("There is", [(94.3, 94.7, "There"), (94.7, 95.0, "is")])]
    assert kept(early) == [("He arrives.", [(3.0, 3.5, "He"), (3.5, 4.5, "arrives.")])]


def test_a_segment_is_cut_where_silence_was_removed() -> None:
    # proves: V2 V4
    (before, after) = keep_to_speech(
        [
            said(
                (3.0, 3.4, "First,"),
                (3.4, 4.0, "this;"),
                (94.4, 95.0, "then"),
                (95.0, 96.0, "that."),
            )
        ],
        SPEECH,
    )
    assert (before.start, before.end, before.text) == (3.0, 4.0, "First, this;")
    assert (after.start, after.end, after.text) == (94.4, 96.0, "then that.")


def test_a_word_after_the_speech_before_a_pause_joins_that_sentence() -> None:
    # proves: V4
    ((text, words),) = kept(said((4.2, 4.4, "Go"), (94.5, 95.3, "home.")))
    assert text == "Go home."
    assert words[0][0] == pytest.approx(ONSET, abs=0.15)
    assert words[0][1] == words[1][0] and words[1][1] == 95.3


@pytest.mark.parametrize("start", [94.0, 94.1, 94.3, 94.4, 94.6, 94.85])
def test_the_first_word_after_a_pause_begins_at_the_onset(start: float) -> None:
    # proves: V4
    (found,) = keep_to_speech([said((start, 95.2, "There"), (95.2, 95.6, "is"))], SPEECH)
    assert found.start == pytest.approx(ONSET, abs=0.15)
    assert found.words[0].end == 95.2


def test_a_word_long_after_the_onset_keeps_its_time() -> None:
    # proves: V4
    assert kept(said((97.0, 97.5, "Bye."))) == [("Bye.", [(97.0, 97.5, "Bye.")])]


def test_a_pause_that_was_not_removed_does_not_cut_a_segment() -> None:
    # proves: V2
    speech = Speech([Span(0.3, 4.5), Span(4.5, 9.0)], 9.0, padding=0.4)
    segment = said((4.0, 4.8, "one"), (4.8, 5.2, "two"))
    assert keep_to_speech([segment], speech) == [segment]


def test_text_without_spaces_is_cut_between_its_words() -> None:
    # proves: V4
    assert cut_text("今日は天気です。", [["今日は"], ["天気です。"]]) == ["今日は", "天気です。"]


@st.composite
def some_words(draw: st.DrawFn) -> list[Segment]:
    edges = sorted(draw(st.lists(st.floats(0, 120), min_size=2, max_size=24)))
    words = [(a, b, f"w{n}") for n, (a, b) in enumerate(zip(edges[::2], edges[1::2], strict=False))]
    cut = draw(st.integers(0, len(words)))
    return [said(*part) for part in (words[:cut], words[cut:]) if part]


@given(some_words())
def test_words_are_in_order_inside_speech_and_never_of_length_0(segments: list[Segment]) -> None:
    # proves: V2 V4
    found = keep_to_speech(segments, SPEECH)
    words = [word for one in found for word in one.words]
    assert [word.text for word in words] == [word.text for one in segments for word in one.words]
    assert " ".join(one.text for one in found) == " ".join(one.text for one in segments)
    edges = [edge for word in words for edge in (word.start, word.end)]
    assert edges == sorted(edges)
    assert all(word.end - word.start > 0.015 for word in words)
    for one in (*found, *words):
        assert any(
            span.start - 1e-3 <= one.start < one.end <= span.end + 1e-3 for span in SPEECH.spans
        )
