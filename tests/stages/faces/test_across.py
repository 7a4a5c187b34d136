"""The same person in several videos is found, and keeps a number.

# proves: F3
"""

from __future__ import annotations

import numpy as np

from reelmill.core.vectors import unit
from reelmill.stages.faces.across import Appearance, Known, matched, mean, numbered

RANDOM = np.random.default_rng(4)
FACES = unit(RANDOM.normal(size=(4, 64)).astype(np.float32))


def seen(
    video: int, who: int, label: str = "A", *, seconds: float = 10, name: str | None = None
) -> Appearance:
    """Somebody in a video, looking a little different every time."""
    noise = RANDOM.normal(size=64).astype(np.float32) * 0.04
    vector = unit((FACES[who] + noise)[None])[0]
    return Appearance(video, (f"video {video}", label), vector, seconds, name)


def known(number: int, *people: Appearance) -> Known:
    return Known(number, frozenset(one.member for one in people), mean(people))


def test_people_are_recognized_in_other_videos() -> None:
    people = [seen(0, 0), seen(0, 1, "B"), seen(1, 1, seconds=30), seen(2, 2), seen(2, 0, "B")]
    assert matched(people, 0.6) == [[1, 2], [0, 4], [3]]


def test_two_persons_of_one_video_are_not_joined() -> None:
    assert len(matched([seen(0, 0), seen(0, 0, "B")], 0.6)) == 2


def test_names_join_persons_and_keep_them_apart() -> None:
    people = [
        seen(0, 0, name="Kim"),
        seen(1, 1, name="Kim"),
        seen(2, 0, name="Lee"),
        seen(3, 1),
    ]
    groups = matched(people, 0.6)
    assert [0, 1] in [group[:2] for group in groups]
    assert [2] in groups


def test_no_persons_give_no_groups() -> None:
    assert matched([], 0.6) == []
    assert numbered([], [], 0.6) == []


def test_numbers_stay_when_a_video_is_added() -> None:
    one, two = seen(0, 0), seen(0, 1, "B")
    new = seen(1, 2, seconds=99)
    before = [known(1, one), known(2, two)]
    assert numbered([[new], [two], [one, seen(2, 0)]], before, 0.6) == [3, 2, 1]


def test_a_person_of_an_earlier_run_is_recognized_by_similarity() -> None:
    before = [known(7, seen(0, 0)), known(3, seen(0, 1))]
    assert numbered([[seen(5, 1)], [seen(5, 3, "B")], [seen(6, 0)]], before, 0.6) == [3, 8, 7]


def test_each_number_is_given_to_one_person() -> None:
    one = seen(0, 0)
    before = [known(1, one)]
    assert numbered([[one], [seen(1, 0)]], before, 0.6) == [1, 2]
