"""Who is the same person in several recordings, by voice."""

# proves: V11

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from reelmill.core.vectors import unit
from reelmill.stages.speakers.across import Heard, KnownPerson, Person, match
from reelmill.stages.speakers.same_voice import ACROSS, Cohort, KnownVoice, MatchOptions, named

OPTIONS = MatchOptions()
VALUES = 128


def voice(person: int, seed: int, own: float = 1.0) -> np.ndarray:
    """A voice of unit length: a common part, the person's own part, and noise.

    Two of one person have a cosine similarity of some 0.85, of two people 0.45.
    """
    random = np.random.default_rng(seed).normal(size=VALUES)
    mine = np.random.default_rng(1000 + person).normal(size=VALUES)
    all_ = np.eye(VALUES)[0]
    parts = 0.67 * all_ + 0.63 * own * mine / np.linalg.norm(mine)
    vector = parts + 0.38 * random / np.linalg.norm(random)
    return (vector / np.linalg.norm(vector)).astype(np.float32)


def heard(recording: str, speaker: str, person: int, seconds: float = 30.0, **more) -> Heard:
    seed = sum(map(ord, recording + speaker)) + 100 * person
    return Heard((recording, speaker), voice(person, seed, **more), seconds)


def members(people: list[Person]) -> dict[int, set[tuple[str, str]]]:
    return {person.id: {one.member for one in person.heard} for person in people}


def test_people_are_recognized_and_numbered_longest_first():
    found = match(
        [heard("a", "A", 0, 10), heard("a", "B", 1, 90), heard("b", "A", 1), heard("c", "A", 0)],
        [],
        ACROSS,
    )
    assert members(found) == {1: {("a", "B"), ("b", "A")}, 2: {("a", "A"), ("c", "A")}}
    for person in found:
        for link in person.links:
            assert link is not None and link.score >= link.needed == ACROSS.threshold


def test_a_person_heard_once_has_no_link():
    (one,) = match([heard("a", "A", 0)], [], ACROSS)
    assert one.links == (None,)


def test_similar_voices_need_a_higher_similarity_to_be_one_person():
    """Among people of one dialect, over one line, a similarity says less."""
    strangers = [heard(f"r{n}", "A", n) for n in range(40)]
    close = [
        replace(one, vector=unit(one.vector + 1.2 * np.eye(1, VALUES)[0])) for one in strangers
    ]
    found = match(close, [], ACROSS)
    assert np.mean([a.vector @ b.vector for a in close for b in close]) > 0.7
    assert sum(len(person.heard) > 1 for person in found) <= 1


def test_what_everybody_has_in_common_does_not_keep_a_persons_voices_apart():
    """Voices that vary much: two of one person are no more alike than two people of one dialect."""
    people = [heard(f"r{n}-{take}", "A", n, own=0.75) for n in range(20) for take in range(2)]
    pairs = [
        one.vector @ other.vector for one, other in zip(people[::2], people[1::2], strict=True)
    ]
    assert np.mean(pairs) < 0.83
    found = match(people, [], ACROSS)
    assert sorted(len(person.heard) for person in found) == [2] * 20


@pytest.mark.parametrize("count", [2, 3, 12])
def test_recordings_of_nobody_else_are_one_person(count):
    """What all have in common is then the person."""
    found = match([heard(f"r{n}", "A", 0) for n in range(count)], [], ACROSS)
    assert [len(person.heard) for person in found] == [count]


def test_groups_of_several_voices_need_a_higher_score_than_single_voices():
    """A score that may be one person's, if somebody is heard once, is somebody else's if it is the
    mean of many."""

    def similar(recording: str) -> Heard:
        one = heard(recording, "A", 1)
        return replace(one, vector=unit(0.47 * voice(0, 7) + 0.53 * one.vector))

    others = [heard(f"o{n}", "A", 10 + n) for n in range(20)]
    three = [heard(f"a{n}", "A", 0) for n in range(3)]
    alike = [similar(f"b{n}") for n in range(3)]
    vectors = [np.stack([one.vector for one in group]) for group in (three, alike)]
    everybody = [one.vector for one in (*others, *three, *alike)]
    score = Cohort(np.stack(everybody), ACROSS).scores(*vectors).mean()
    assert ACROSS.threshold + 0.05 < score < ACROSS.threshold + 0.3
    sizes = [sorted(len(p.heard) for p in match([*others, *three, *alike], [], options))[-2:]
             for options in (ACROSS, replace(ACROSS, for_groups=0.0))]  # fmt: skip
    assert sizes == [[3, 3], [1, 6]]


def test_two_speakers_of_one_recording_are_not_joined():
    found = match([heard("a", "A", 0), heard("a", "B", 0), heard("b", "A", 0)], [], ACROSS)
    assert sorted(len(person.heard) for person in found) == [1, 2]


def test_voices_below_the_threshold_are_not_joined():
    """Two voices that are each similar to a third, and hardly to each other."""
    middle = Heard(("m", "A"), unit(voice(0, 1) + voice(1, 2)), 30.0)
    found = match([heard("a", "A", 0), middle, heard("b", "A", 1)], [], ACROSS)
    for person in found:
        for link in person.links:
            assert link is None or link.score >= link.needed


def test_names_join_speakers_and_keep_them_apart():
    kim, lee = (replace(heard(r, "A", 0), name=name) for r, name in (("a", "Kim"), ("b", "Lee")))
    assert len(match([kim, lee], [], ACROSS)) == 2  # however alike
    other = replace(heard("c", "A", 5), name="Kim")
    assert len(match([kim, other], [], ACROSS)) == 1  # however different


def remembered(people: list[Person]) -> list[KnownPerson]:
    return [KnownPerson(person.id, person.heard) for person in people]


def test_numbers_are_kept_in_later_runs():
    first = match([heard("a", "A", 0, 90), heard("b", "A", 1, 60)], [], ACROSS)
    assert members(first) == {1: {("a", "A")}, 2: {("b", "A")}}
    # A later run of other recordings: one of them is known, the other new.
    second = match([heard("c", "A", 1), heard("d", "A", 2, 500)], remembered(first), ACROSS)
    assert members(second) == {2: {("c", "A")}, 3: {("d", "A")}}
    assert second[0].links[0] is not None  # alike to what is known of the person
    # The same recordings again, in which the labels have changed places.
    known = [KnownPerson(1, first[0].heard), KnownPerson(2, (*first[1].heard, *second[0].heard))]
    again = match([heard("a", "A", 0), heard("b", "A", 1), heard("c", "A", 1)], known, ACROSS)
    assert members(again) == {1: {("a", "A")}, 2: {("b", "A"), ("c", "A")}}


def test_people_of_earlier_runs_are_never_joined():
    known = [KnownPerson(1, (heard("a", "A", 0),)), KnownPerson(2, (heard("b", "A", 0),))]
    found = match([heard("c", "A", 0)], known, ACROSS)
    assert len(found) == 1 and found[0].id in (1, 2)


@pytest.mark.parametrize("count", [400])
def test_many_recordings_are_matched_in_reasonable_time(count):
    everybody = [heard(f"r{n}", label, (n + shift) % 40) for n in range(count) for label, shift in
                 (("A", 0), ("B", 7))]  # fmt: skip
    found = match(everybody, [], ACROSS)
    assert len(found) == 40 and all(len(person.heard) == 2 * count / 40 for person in found)


def test_known_voices_name_speakers_once():
    people = [
        KnownVoice(name, 30.0, tuple(voice(n, 99 + n).tolist()))
        for n, name in enumerate(("K", "L"))
    ]
    vectors = np.stack([voice(0, 1), voice(0, 2), voice(3, 3)])
    found = named(vectors, [30.0, 30.0, 30.0], people, OPTIONS)
    ((place, (name, score)),) = found.items()
    assert place in (0, 1) and name == "K" and score >= OPTIONS.threshold
    assert named(vectors, [1.0, 1.0, 1.0], people, OPTIONS) == {}


def test_short_samples_need_less_similarity_and_names_stay_as_rare():
    # On real voices wrong names were as rare at these thresholds (docs/benchmarks.md).
    options = MatchOptions()
    asked = [options.threshold_for(seconds) for seconds in (1.2, 2.1, 3.0, 30.0)]
    assert asked == pytest.approx([1.6, 1.8, 2.0, 2.0])
    speaker = np.eye(4, dtype=np.float32)[:1]
    near = np.array([0.74, np.sqrt(1 - 0.74**2), 0, 0], np.float32)
    assert named(speaker, [20.0], [KnownVoice("Kim", 1.2, tuple(near))], options)
    assert not named(speaker, [20.0], [KnownVoice("Kim", 3.0, tuple(near))], options)
