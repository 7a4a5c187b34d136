"""The edit of a talk: who is shown when, and where it cuts.

# proves: F8
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from reelmill.stages.clips.shots import RATE, EditRules, Moments, shots_of


def row(seconds: float, *spans: tuple[float, float], worth: float = 1.0) -> np.ndarray:
    found = np.zeros(round(seconds * RATE))
    for start, end in spans:
        found[round(start * RATE) : round(end * RATE)] = worth
    return found


def talk(seconds: float, *speaks, seen=None, near=()) -> Moments:
    count = round(seconds * RATE)
    there = np.ones((len(speaks), count), np.bool_)
    for person, spans in (seen or {}).items():
        there[person] = row(seconds, *spans) > 0
    said = np.array([row(seconds, *spans) for spans in speaks]).reshape(-1, count)
    return Moments(there, said, {pair: np.ones(count, np.bool_) for pair in near})


def edit(moments: Moments, cuts=(), labels="ABCDEFGH") -> list[tuple[float, float, str]]:
    seconds = moments.seen.shape[1] / RATE
    found = shots_of(moments, cuts, seconds, labels[: len(moments.seen)])
    assert found[0].start == 0 and found[-1].end == seconds
    assert all(one.end == other.start for one, other in pairwise(found))
    return [(round(s.start, 2), round(s.end, 2), "".join(s.persons)) for s in found]


def test_the_speaker_is_shown_from_the_first_word_on() -> None:
    assert edit(talk(12, [(0, 4), (9, 12)], [(4.4, 8.6)])) == [
        (0, 4.4, "A"),
        (4.4, 9.0, "B"),
        (9.0, 12, "A"),
    ]


def test_a_single_word_of_the_listener_does_not_cause_a_cut() -> None:
    assert edit(talk(12, [(0, 5), (5.8, 12)], [(5, 5.8)])) == [(0, 12, "A")]


def test_no_shot_is_shorter_than_allowed() -> None:
    turns = [(float(at), at + 0.9) for at in range(0, 20, 2)]
    others = [(at + 1.0, at + 1.9) for at, _ in turns]
    found = edit(talk(20, turns, others))
    assert all(end - start >= EditRules().shortest for start, end, _ in found)


def test_two_near_each_other_are_shown_together() -> None:
    moments = talk(12, [(0, 4)], [(4.4, 8)], near=[(0, 1)])
    assert edit(moments) == [(0, 12, "AB")]


def test_two_who_speak_at_once_are_shown_together_and_then_apart_again() -> None:
    found = edit(talk(14, [(0, 8)], [(4, 12)]))
    assert [who for *_, who in found] == ["A", "AB", "B"]
    assert (found[0][1], found[1][1]) == (4.0, 8.0)


def test_nobody_is_shown_who_is_out_of_sight() -> None:
    found = edit(talk(12, [(0, 12)], [], seen={0: [(0, 5)], 1: [(0, 12)]}))
    assert found == [(0, 5.0, "A"), (5.0, 12, "B")]


def test_the_whole_picture_is_shown_if_nobody_is_seen() -> None:
    found = edit(talk(12, [], seen={0: [(0, 4), (8, 12)]}))
    assert found == [(0, 4, "A"), (4, 8, ""), (8, 12, "A")]
    assert edit(talk(3)) == [(0, 3, "")]


def test_shots_end_at_cuts_of_the_video_even_in_short_scenes() -> None:
    found = edit(talk(6, [(0, 6)], [], seen={0: [(0, 2), (3, 6)], 1: [(2, 3)]}), cuts=(2.0, 3.0))
    assert found == [(0, 2, "A"), (2, 3, "B"), (3, 6, "A")]


def test_a_crowd_in_which_nobody_speaks_is_shown_as_a_whole() -> None:
    assert edit(talk(6, *[[]] * 8)) == [(0, 6, "")]


def test_an_hour_is_planned_within_seconds() -> None:
    turns = [[(at, at + 5.0) for at in range(start, 3600, 18)] for start in (0, 6, 12)]
    assert len(edit(talk(3600, *turns))) == 600
