"""A video divided into stretches that are rendered apart."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from reelmill.artifacts import Span
from reelmill.stages.clips.ranges import MOST_SECONDS, ranges


def test_stretches_begin_at_key_frames() -> None:
    # proves: F2
    keys = [2.0 * i for i in range(300)]
    found = ranges(keys, [Span(0, 600)], 600)
    assert all(span.start in keys for span in found)
    assert max(span.duration for span in found) <= MOST_SECONDS + 2.1


def test_a_short_video_is_divided_for_several_cores() -> None:
    # proves: F5
    assert len(ranges([0.0], [Span(0, 8)], 8)) == 2
    assert len(ranges([0.0, 10.0], [Span(0, 20)], 20)) >= 3


def test_the_number_of_parts_does_not_depend_on_the_number_of_people() -> None:
    keys = [2.0 * i for i in range(30)]
    everybody = [Span(0, 60), Span(0, 60), Span(3, 50)]
    assert ranges(keys, everybody, 60) == ranges(keys, everybody[:1], 60)
    assert len(ranges(keys, everybody, 60)) >= 7


def test_parts_of_a_short_video_last_about_as_long() -> None:
    # proves: F5
    keys = [2.0 * i for i in range(30)]
    scenes = [6.6, 9.9, 15.4, 22.2, 32.8, 37.8, 42.1, 47.8, 51.3, 55.6]
    for some in (keys, sorted({*keys, *scenes})):
        found = ranges(some, [Span(0, 60)], 60)
        assert len(found) == 8
        lengths = [part.duration for part in found]
        assert max(lengths) - min(lengths) <= 2.5


def test_stretches_without_people_are_not_processed() -> None:
    keys = [float(i) for i in range(1000)]
    found = ranges(keys, [Span(0, 30), Span(900, 930)], 1000)
    assert sum(span.duration for span in found) < 100


@given(
    keys=st.lists(st.floats(0, 500), max_size=30).map(sorted),
    spans=st.lists(st.tuples(st.floats(0, 500), st.floats(0.04, 60)), max_size=6),
)
def test_every_wanted_moment_is_in_exactly_one_stretch(keys, spans) -> None:
    # proves: F2
    wanted = [Span(a, a + length) for a, length in spans]
    found = ranges(keys, wanted, 500.0)
    for span in wanted:
        for share in (0.0, 0.3, 0.7, 0.999):
            time = span.start + share * span.duration
            assert sum(part.start <= time < part.end for part in found) == 1
