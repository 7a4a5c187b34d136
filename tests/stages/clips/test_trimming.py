"""Who is shown, and which stretches of the original a clip is made of."""

from __future__ import annotations

from itertools import pairwise

import pytest

from reelmill.artifacts import OnScreen, Person, Span, Thumbnail
from reelmill.stages.clips.trimming import chosen, in_clips, trimmed


def person(label: str, *seen: tuple[float, float], name: str | None = None) -> Person:
    intervals = [OnScreen(a, b, [0]) for a, b in seen]
    seconds = sum(b - a for a, b in seen)
    return Person(label, name, intervals, seconds, seconds / 100, Thumbnail(0, 0, 0, 1, 1), 0, 0)


PEOPLE = [
    person("A", (0, 50), name="김민수"),
    person("B", (50, 70)),
    person("C", (70, 72)),
]


@pytest.mark.parametrize(
    "target, top, share, labels",
    [
        (None, None, 0.05, "AB"),
        (None, None, 0.0, "ABC"),
        (None, 1, 0.0, "A"),
        ("김민수", None, 0.9, "A"),
        ("b", None, 0.9, "B"),
        ("nobody", None, 0.0, ""),
    ],
)
def test_persons_are_chosen_by_name_letter_share_and_number(target, top, share, labels) -> None:
    # proves: F4
    assert "".join(p.label for p in chosen(PEOPLE, target, top, share)) == labels


def spans(found: list[Span]) -> list[tuple[float, float]]:
    return [(span.start, span.end) for span in found]


def test_absences_are_cut_out_except_short_ones() -> None:
    # proves: F4
    somebody = person("A", (0, 5), (5.2, 8), (20, 30), (30, 31))
    assert spans(trimmed([somebody], [])) == [(0, 8), (20, 31)]
    assert spans(trimmed([somebody], [5.1])) == [(0, 5), (5.2, 8), (20, 31)]


def test_a_very_short_appearance_is_left_out_unless_it_is_the_only_one() -> None:
    assert spans(trimmed([person("A", (0, 5), (9, 9.1))], [])) == [(0, 5)]
    assert spans(trimmed([person("A", (9, 9.1))], [])) == [(9, 9.1)]


def test_two_persons_are_shown_while_either_is_seen() -> None:
    assert spans(trimmed([person("A", (0, 5), (20, 22)), person("B", (3, 9))], [])) == [
        (0, 9),
        (20, 22),
    ]


def test_clips_are_as_long_as_asked_and_end_where_frames_begin() -> None:
    # proves: F4
    times = [i / 25 for i in range(2500)]
    clips = in_clips([Span(0, 7.04), Span(20, 43.52)], 10, times)
    lengths = [sum(span.duration for span in clip) for clip in clips]
    assert lengths == pytest.approx([10, 10, 10.56], abs=0.05)
    joined = [span for clip in clips for span in clip]
    for span in joined:
        assert any(abs(span.start - time) < 1e-6 for time in times)
    assert sum(span.duration for span in joined) == pytest.approx(30.56)
    assert all(a.end <= b.start + 1e-9 for a, b in pairwise(joined))


@pytest.mark.parametrize("total, count", [(0.5, 1), (12, 1), (13, 2), (39, 4), (100, 10)])
def test_no_clip_is_a_tiny_remainder(total: float, count: int) -> None:
    times = [i / 25 for i in range(2600)]
    clips = in_clips([Span(0, total)], 10, times)
    assert len(clips) == count
    assert min(sum(span.duration for span in clip) for clip in clips) >= min(total, 2.5)


def test_one_clip_has_everything_on_request() -> None:
    whole = [Span(0, 100), Span(200, 300)]
    assert in_clips(whole, 0, []) == [whole]
    assert in_clips([], 10, []) == []
