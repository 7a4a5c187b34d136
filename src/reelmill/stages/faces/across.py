"""Find the same person in several videos, and number persons across them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from reelmill.core.arrays import Float32
from reelmill.core.vectors import unit
from reelmill.stages.faces.clustering import agglomerated

#: A person of a video: the video's SHA-256, and the person's letter in it.
Member = tuple[str, str]


BY_CLOTHES = (
    "people were matched by the colours they wear, not by their faces: a person in other clothes "
    "counts as somebody else, and two people dressed alike count as one; leave out --identity to "
    "use faces"
)


@dataclass(frozen=True)
class Appearance:
    """A person of the video number `video`: `vector` of unit length, seconds on screen."""

    video: int
    member: Member
    vector: Float32
    seconds: float
    name: str | None = None


@dataclass(frozen=True)
class Known:
    """A person who was given the number `id` in an earlier run."""

    id: int
    members: frozenset[Member]
    vector: Float32


def matched(people: Sequence[Appearance], threshold: float) -> list[list[int]]:
    """Group indices of `people` by person, the one longest on screen first.

    Persons of one video are never joined, nor are persons of different names. Persons of the same
    name in two videos are always joined.

    Args:
        people: of all videos.
        threshold: cosine, as in `face_clusters.cluster`.
    """
    starts = _by_name(people)
    if not starts:
        return []
    vectors = np.stack([mean([people[at] for at in group]) for group in starts])
    seconds = np.array([_seconds(people, group) for group in starts], np.float32)
    labels = agglomerated(vectors, seconds, _apart(people, starts), threshold)
    groups: dict[int, list[int]] = {}
    for label, start in zip(labels.tolist(), starts, strict=True):
        groups.setdefault(label, []).extend(start)
    found = [sorted(group) for group in groups.values()]
    return sorted(found, key=lambda group: (-_seconds(people, group), group[0]))


def mean(people: Sequence[Appearance]) -> Float32:
    """The vector of several appearances of one person, weighted by their seconds."""
    total = sum(one.vector * np.float32(max(one.seconds, 1e-3)) for one in people)
    vector: Float32 = unit(np.asarray(total, np.float32)[None])[0]
    return vector


def numbered(
    groups: Sequence[Sequence[Appearance]], known: Sequence[Known], threshold: float
) -> list[int]:
    """The number of each group: that of the known person with whom it shares most seconds of video,
    else that of the most similar known person, else a new one. A number is never used twice.
    """
    numbers: dict[int, int] = {}
    free = {one.id: one for one in known}
    shared = [
        (sum(one.seconds for one in group if one.member in person.members), place, person.id)
        for place, group in enumerate(groups)
        for person in known
    ]
    alike = [
        (float(mean(group) @ person.vector), place, person.id)
        for place, group in enumerate(groups)
        for person in known
        if len(person.vector) == len(group[0].vector)
    ]
    for pairs, least in ((shared, 1e-6), (alike, threshold)):
        for value, place, number in sorted(pairs, key=lambda pair: (-pair[0], *pair[1:])):
            if value >= least and place not in numbers and number in free:
                numbers[place] = number
                del free[number]
    following = max((one.id for one in known), default=0)
    for place in range(len(groups)):
        if place not in numbers:
            following += 1
            numbers[place] = following
    return [numbers[place] for place in range(len(groups))]


def _by_name(people: Sequence[Appearance]) -> list[list[int]]:
    """Put persons of the same name in different videos into one group, and all others alone."""
    groups: list[list[int]] = []
    of_name: dict[str, list[int]] = {}
    for place, person in enumerate(people):
        group = of_name.get(person.name) if person.name is not None else None
        if group is not None and all(people[at].video != person.video for at in group):
            group.append(place)
            continue
        groups.append([place])
        if person.name is not None:
            of_name[person.name] = groups[-1]
    return groups


def _apart(people: Sequence[Appearance], groups: Sequence[Sequence[int]]) -> npt.NDArray[np.bool_]:
    videos = [{people[at].video for at in group} for group in groups]
    names = [{people[at].name for at in group} - {None} for group in groups]
    apart = np.zeros((len(groups), len(groups)), np.bool_)
    for one in range(len(groups)):
        for other in range(one):
            differ = bool(names[one] and names[other] and names[one] != names[other])
            apart[one, other] = apart[other, one] = differ or bool(videos[one] & videos[other])
    return apart


def _seconds(people: Sequence[Appearance], group: Sequence[int]) -> float:
    return sum(people[at].seconds for at in group)
