"""Which segments are aligned together, and in which sound."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from reelmill.artifacts import Segment, Span
from reelmill.stages.speech.windows import seconds_of
from reelmill.stages.words.align_windows import _REACH, MOST_SECONDS, stretches


def segments(*times: tuple[float, float]) -> list[Segment]:
    return [Segment(start, end, "x", 0.0, 0.0, 1.0, 0.0) for start, end in times]


def test_a_window_is_cut_at_the_longest_pause() -> None:
    # proves: V4
    said = segments((0, 1.5), (1.6, 3), (5, 6), (6.1, 7.5))
    found = list(stretches(said, [Span(0, 7.5)]))
    assert [(one.first, one.after) for one in found] == [(0, 2), (2, 4)]
    assert found[0].pieces == ((0, 4.0),) and found[1].pieces == ((4.0, 7.5),)


def test_silence_and_words_of_neighbours_are_left_out() -> None:
    # proves: V2 V4
    said = segments((1, 1.7), (30, 30.5))
    (one,) = stretches(said, [Span(0.5, 2.2), Span(10, 11), Span(29.5, 30.9)])
    assert one.pieces == ((0.5, 2.2), (29.5, 30.9))


def test_a_segment_outside_of_speech_keeps_its_sound() -> None:
    (one,) = stretches(segments((5, 6)), [Span(0, 1)])
    assert one.pieces == ((5, 6),)


lengths = st.lists(st.tuples(st.floats(0, 3), st.floats(0.1, 15)), min_size=1, max_size=30)


@given(lengths)
def test_every_segment_is_in_exactly_one_stretch(parts: list[tuple[float, float]]) -> None:
    # proves: V4
    times, at = [], 0.0
    for pause, length in parts:
        times.append((at + pause, at + pause + length))
        at += pause + length
    said = segments(*times)
    found = list(stretches(said, [Span(0, at)]))
    assert [i for one in found for i in range(one.first, one.after)] == list(range(len(said)))
    for one in found:
        assert one.pieces
        assert all(a[1] <= b[0] for a, b in zip(one.pieces, one.pieces[1:], strict=False))
        if one.after - one.first > 1:
            assert seconds_of(one.pieces) <= MOST_SECONDS + 2 * _REACH + 1e-6
