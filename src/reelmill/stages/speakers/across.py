"""Find the same person in several recordings by voice, and number persons across runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from reelmill.core.arrays import Bool, Float32, Float64
from reelmill.core.vectors import unit
from reelmill.stages.speakers.same_voice import Cohort, MatchOptions

#: A speaker of a recording: the recording's SHA-256, and the speaker's label in it.
Member = tuple[str, str]

#: The most voices compared with each other at once: their scores take 128 MB.
_AT_ONCE = 4000
#: How much the score of a first with a second voice may differ from that of the second with the
#: first.
_ROUNDING = 1e-4
#: Voices used to measure how similar different people are in these recordings.
_COHORT = 1000


@dataclass(frozen=True)
class Heard:
    """A speaker of a recording: the voice, of unit length, and the seconds of speech it comes from;
    `name` if samples identified the speaker."""

    member: Member
    vector: Float32
    seconds: float
    name: str | None = None


@dataclass(frozen=True)
class KnownPerson:
    """A person who was given the number `id` in an earlier run, and the speakers of recordings
    assigned to it."""

    id: int
    heard: tuple[Heard, ...]


@dataclass(frozen=True)
class Link:
    """The score between a voice and all others of its person, including earlier runs, and the least
    score required."""

    score: float
    needed: float


@dataclass(frozen=True)
class Person:
    """A person with a number, and the recordings in which they are heard; `links`: of each of
    `heard`, None if there is no other."""

    id: int
    heard: tuple[Heard, ...]
    links: tuple[Link | None, ...]


def match(
    heard: Sequence[Heard], known: Sequence[KnownPerson], options: MatchOptions
) -> list[Person]:
    """Find the people who are heard, each with a number that is kept from run to run.

    Speakers of one recording are never joined, nor are speakers of different names; those of the
    same name always are. Otherwise, the two groups whose mean score is furthest above the threshold
    are joined, as long as there are any. A speaker who is not similar enough to the others in the
    end stays alone. People of earlier runs are never joined.

    Args:
        heard: the speakers of this run, without those heard for too short a time.
        known: people of earlier runs. Where they were heard in recordings of this run decides their
            numbers only, because those recordings are analysed again.
        options: the rules for a match.
    """
    here = {one.member[0] for one in heard}
    cores = []
    for person in known:
        elsewhere = tuple(one for one in person.heard if one.member[0] not in here)
        if elsewhere:
            cores.append(KnownPerson(person.id, elsewhere))
    measure = _Measure([*heard, *(one for core in cores for one in core.heard)], options)
    groups = [list(core.heard) for core in cores]
    starts = _by_name(heard)
    for first in range(0, len(starts), _AT_ONCE):
        groups += starts[first : first + _AT_ONCE]
        groups = _Joining(groups, len(cores), measure).joined()
    groups = _without_strangers(groups, here, measure)
    numbers = _numbers(groups, cores, known)
    found = []
    for number, group in zip(numbers, groups, strict=True):
        pairs = zip(group, measure.links(group), strict=True)
        mine = [(one, link) for one, link in pairs if one.member[0] in here]
        if mine:
            people, linked = zip(*mine, strict=True)
            found.append(Person(number, people, linked))
    return sorted(found, key=lambda person: person.id)


class _Measure:
    """Scores voices, relative to how similar different people are in these recordings."""

    def __init__(self, everybody: Sequence[Heard], options: MatchOptions) -> None:
        self.options = options
        spread = np.linspace(0, len(everybody) - 1, min(len(everybody), _COHORT)).astype(int)
        chosen = sorted(everybody, key=lambda one: one.member)
        vectors = [chosen[at].vector for at in spread]
        self._cohort = Cohort(np.stack(vectors), options) if vectors else None

    def _scores(self, vectors: Float32) -> Float64:
        """The scores of voices with each other, shape (voices, voices)."""
        assert self._cohort is not None
        return self._cohort.scores(vectors, vectors)

    def of_groups(self, groups: Sequence[Sequence[Heard]]) -> Float64:
        """The scores of groups with each other, by their mean voices, shape (groups, groups)."""
        return self._scores(np.stack([voice(group) for group in groups]))

    def links(self, group: Sequence[Heard]) -> Iterator[Link | None]:
        """The link of each voice to the others of its group; None for a voice alone."""
        for one in group:
            rest = [other for other in group if other is not one]
            if not rest:
                yield None
                continue
            score = self._scores(np.stack([one.vector, voice(rest)]))[0, 1]
            yield Link(float(score), self.options.threshold)


def voice(group: Sequence[Heard]) -> Float32:
    """The mean voice, weighted by how long each is heard, of unit length."""
    return unit(np.sum([one.vector * np.float32(one.seconds) for one in group], axis=0))


def _by_name(heard: Sequence[Heard]) -> list[list[Heard]]:
    """Group those of the same name in different recordings, and put all others alone."""
    found: list[list[Heard]] = []
    of_name: dict[str, list[Heard]] = {}
    for one in sorted(heard, key=lambda one: (-one.seconds, one.member)):
        group = of_name.get(one.name) if one.name is not None else None
        if group is not None and all(one.member[0] != other.member[0] for other in group):
            group.append(one)
            continue
        found.append([one])
        if one.name is not None:
            of_name[one.name] = found[-1]
    return found


class _Joining:
    """Agglomerative clustering with average linkage and a threshold that rises with the number of
    voices in the smaller group. No two of the first `cores` groups are joined."""

    def __init__(self, groups: Sequence[list[Heard]], cores: int, measure: _Measure) -> None:
        self._groups = [list(group) for group in groups]
        self._options = measure.options
        self._voices = np.array([len(group) for group in groups])
        self._mass = np.array([_seconds(group) for group in groups])
        self._scores = measure.of_groups(groups) if groups else np.zeros((0, 0))
        self._scores[_kept_apart(groups, cores)] = -np.inf
        np.fill_diagonal(self._scores, -np.inf)

    def joined(self) -> list[list[Heard]]:
        """Join groups until no two are similar enough."""
        gone = np.zeros(len(self._groups), np.bool_)
        rows = range(len(self._groups))
        best = np.array([self._margins(row).max() for row in rows])
        while len(best) and best.max() >= 0:
            one = int(best.argmax())
            first, second = sorted((one, int(self._margins(one).argmax())))
            joined = np.maximum(self._margins(first), self._margins(second))
            nearest = joined >= best - _ROUNDING
            self._join(first, second)
            gone[second] = True
            for row in np.flatnonzero(nearest & ~gone).tolist():
                best[row] = self._margins(row).max()
            best[gone] = -np.inf
        return [group for group, is_gone in zip(self._groups, gone, strict=True) if not is_gone]

    def _margins(self, row: int) -> Float64:
        """How far the scores of a group with all others are above the threshold. Joining never
        makes the larger of two margins larger still."""
        smaller = np.minimum(self._voices, self._voices[row])
        more = self._options.for_groups * (1 - 1 / smaller)
        margins: Float64 = self._scores[row] - (self._options.threshold + more)
        return margins

    def _join(self, first: int, second: int) -> None:
        share = self._mass[second] / (self._mass[first] + self._mass[second])
        row = (1 - share) * self._scores[first] + share * self._scores[second]
        row[first] = -np.inf
        self._scores[first], self._scores[:, first] = row, row
        self._scores[second], self._scores[:, second] = -np.inf, -np.inf
        self._mass[first] += self._mass[second]
        self._voices[first] += self._voices[second]
        self._groups[first] += self._groups[second]


def _kept_apart(groups: Sequence[Sequence[Heard]], cores: int) -> Bool:
    """Which groups must not be joined: those with speakers of one recording, two names, or two
    cores."""
    apart = np.zeros((len(groups), len(groups)), np.bool_)
    apart[:cores, :cores] = True
    of_recording: dict[str, list[int]] = {}
    of_name: dict[str, list[int]] = {}
    for at, group in enumerate(groups):
        for one in group:
            of_recording.setdefault(one.member[0], []).append(at)
            if one.name is not None:
                of_name.setdefault(one.name, []).append(at)
    for places in of_recording.values():
        apart[np.ix_(places, places)] = True
    named = {at for places in of_name.values() for at in places}
    for places in of_name.values():
        others = sorted(named - set(places))
        apart[np.ix_(places, others)] = apart[np.ix_(others, places)] = True
    np.fill_diagonal(apart, False)
    return apart


def _without_strangers(
    groups: Sequence[list[Heard]], here: set[str], measure: _Measure
) -> list[list[Heard]]:
    """Take those speakers of this run out of their groups who are not similar enough to the others;
    they stay alone. Speakers with a name stay."""
    kept, alone = [], []
    for whole in groups:
        group = list(whole)
        while len(group) > 1:
            lacking = [
                link.score - link.needed
                if link is not None and one.member[0] in here and one.name is None
                else 0.0
                for one, link in zip(group, measure.links(group), strict=True)
            ]
            worst = int(np.argmin(lacking))
            if lacking[worst] >= 0:
                break
            alone.append([group.pop(worst)])
        kept.append(group)
    return [*kept, *alone]


def _numbers(
    groups: Sequence[Sequence[Heard]],
    cores: Sequence[KnownPerson],
    known: Sequence[KnownPerson],
) -> list[int]:
    """The number of each group: the core's, else that of the known person with whom it shares most
    seconds, else a new one. A number is never used twice."""
    of_core = {one.member: core.id for core in cores for one in core.heard}
    numbers: dict[int, int] = {}
    for place, group in enumerate(groups):
        core = next((of_core[one.member] for one in group if one.member in of_core), None)
        if core is not None:
            numbers[place] = core
    of_member = {one.member: person.id for person in known for one in person.heard}
    shared: dict[tuple[int, int], float] = {}
    for place, group in enumerate(groups):
        for one in group:
            if one.member in of_member:
                pair = (place, of_member[one.member])
                shared[pair] = shared.get(pair, 0.0) + one.seconds
    for place, number in sorted(shared, key=lambda pair: (-shared[pair], pair)):
        if place not in numbers and number not in numbers.values():
            numbers[place] = number
    following = max((one.id for one in known), default=0)
    by_length = sorted(range(len(groups)), key=lambda at: (-_seconds(groups[at]), at))
    for place in by_length:
        if place not in numbers:
            following += 1
            numbers[place] = following
    return [numbers[place] for place in range(len(groups))]


def _seconds(group: Sequence[Heard]) -> float:
    return sum(one.seconds for one in group)
