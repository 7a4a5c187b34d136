"""Which shot is shown when: the edit of a talk that follows whoever speaks. Pure functions.

The whole video is known before the first picture is cut, so the edit is the best one there is by a
few stated preferences, found by dynamic programming over shots of a shortest length (as the
segmental Viterbi algorithm of Ostendorf, Digalakis and Kimball, IEEE TSAP 4(5), 1996), scene by
scene. A moment is 1/25 s.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise

import numpy as np
import numpy.typing as npt

from reelmill.artifacts import Shot
from reelmill.core.arrays import Bool, Float64

#: Moments a second.
RATE = 25
#: Most people of a scene that get shots of their own: those who speak and are seen most.
_MOST_PEOPLE = 6


@dataclass(frozen=True)
class EditRules:
    """What a moment of a shot is worth, in seconds of the right person seen to speak.

    `shortest`: no shot is shorter, s, unless the scene is. `cut`: what a cut costs, so that a nod
    or a word of somebody else is not chased. `empty`: somebody is shown who is not there.
    `wrong`: somebody else speaks who could be shown. `calm`, `pair`, `all_calm`: nobody speaks and
    one, two who are near each other, everybody is shown. `beside`: one of two who are near
    each other speaks and both are shown; `apart`: the same of two who are not. `both`: both speak.
    `unseen`: everybody is shown while a person speaks who could be shown alone. `crowd`: from so
    many people on nobody is shown alone while nobody speaks.
    """

    shortest: float = 1.5
    cut: float = 0.6
    empty: float = -4.0
    wrong: float = -1.0
    calm: float = 0.2
    pair: float = 0.22
    all_calm: float = -0.02
    beside: float = 1.05
    apart: float = 0.3
    both: float = 1.5
    unseen: float = -0.3
    crowd: int = 4


@dataclass(frozen=True)
class Moments:
    """What is known of each moment of a video: `seen` (persons, n) whether the face is in the
    picture, `speaks` (persons, n) from 0 to 1, `near` which two are so near each other that one
    window shows both, by their numbers."""

    seen: Bool
    speaks: Float64
    near: dict[tuple[int, int], Bool]

    def between(self, first: int, end: int) -> Moments:
        near = {pair: when[first:end] for pair, when in self.near.items()}
        return Moments(self.seen[:, first:end], self.speaks[:, first:end], near)


@dataclass(frozen=True)
class _Choice:
    """A kind of shot of a scene, and what each of its moments is worth (n,)."""

    people: tuple[int, ...]
    worth: Float64


def shots_of(
    moments: Moments,
    cuts: Sequence[float],
    duration: float,
    labels: Sequence[str],
    rules: EditRules = EditRules(),
) -> list[Shot]:
    """The shots of a video, one directly after the other from 0 to `duration` s.

    Args:
        moments: who is seen and speaks.
        cuts: times at which the video itself cuts; a shot never goes on over one.
        labels: the persons'.
    """
    edges = [0.0, *(cut for cut in cuts if 0 < cut < duration), duration]
    found: list[Shot] = []
    for start, end in pairwise(edges):
        first = round(start * RATE)
        scene = moments.between(first, max(first + 1, round(end * RATE)))
        choices = _choices(scene, rules)
        parts = _best(choices, rules)
        borders = [start, *((first + begin) / RATE for begin, _ in parts[1:]), end]
        for (_, choice), (begin, stop) in zip(parts, pairwise(borders), strict=True):
            people = [labels[number] for number in choices[choice].people]
            found.append(Shot(begin, stop, people))
    return [shot for shot in found if shot.end > shot.start]


def _choices(scene: Moments, rules: EditRules) -> list[_Choice]:
    """Everybody, each of those who matter, and each two of them."""
    weight = 4 * scene.speaks.sum(axis=1) + scene.seen.sum(axis=1)
    people = [int(one) for one in np.argsort(-weight)[:_MOST_PEOPLE] if weight[one] > 0]
    talks = np.where(scene.seen, scene.speaks, 0.0)
    count = scene.seen.sum(axis=0)
    quiet = talks.max(axis=0, initial=0.0) <= 0
    wide = np.where(quiet, rules.all_calm, rules.unseen)
    found = [_Choice((), wide)]
    for one in sorted(people):
        others = np.delete(talks, one, axis=0).max(axis=0, initial=0.0)
        calm = np.where(count < rules.crowd, rules.calm, 2 * rules.all_calm)
        worth = np.where(quiet, calm, talks[one] + rules.wrong * np.maximum(others - talks[one], 0))
        found.append(_Choice((one,), np.where(scene.seen[one], worth, rules.empty)))
    found += [
        choice
        for pair in combinations(sorted(people), 2)
        if (choice := _pair(scene, talks, pair, rules)) is not None
    ]
    return found


def _pair(
    scene: Moments, talks: Float64, pair: tuple[int, int], rules: EditRules
) -> _Choice | None:
    """A shot of two; None where they are neither near each other nor speak at the same time."""
    near = scene.near.get(pair, np.zeros(talks.shape[1], np.bool_))
    two = talks[list(pair)]
    together = two.min(axis=0)
    if not near.any() and not together.any():
        return None
    others = np.delete(talks, pair, axis=0).max(axis=0, initial=0.0)
    one = np.where(near, rules.beside, rules.apart) * two.max(axis=0)
    worth = np.where(together > 0, rules.both * together, one)
    worth += rules.wrong * np.maximum(others - two.max(axis=0), 0)
    quiet = talks.max(axis=0, initial=0.0) <= 0
    worth = np.where(quiet, np.where(near, rules.pair, 2 * rules.all_calm), worth)
    there = scene.seen[list(pair)].all(axis=0)
    return _Choice(pair, np.where(there, worth, rules.empty))


def _best(choices: Sequence[_Choice], rules: EditRules) -> list[tuple[int, int]]:
    """Where each shot of the best edit begins, and which of `choices` it is."""
    count = len(choices[0].worth)
    total = np.zeros((len(choices), count + 1))
    total[:, 1:] = np.cumsum([choice.worth for choice in choices], axis=1) / RATE
    shortest = max(1, round(rules.shortest * RATE))
    if count < 2 * shortest:
        return [(0, int(total[:, -1].argmax()))]
    # opened: the best that a shot has going for it that began at `begun`, by choice.
    opened = np.zeros(len(choices))
    begun = np.zeros(len(choices), np.int64)
    closed = np.full((count + 1, len(choices)), -np.inf)
    begins = np.zeros((count + 1, len(choices)), np.int64)
    for end in range(shortest, count + 1):
        start = end - shortest
        if start >= shortest:
            worth = _following(closed[start]) - rules.cut - total[:, start]
            better = worth >= opened - 1e-9  # a pause belongs to whoever spoke before it
            opened[better], begun[better] = worth[better], start
        closed[end], begins[end] = opened + total[:, end], begun
    return _traced(closed, begins)


def _following(closed: Float64) -> Float64:
    """For each choice the best of the others."""
    order = np.argsort(closed)
    found = np.full(len(closed), closed[order[-1]])
    found[order[-1]] = closed[order[-2]] if len(closed) > 1 else -np.inf
    return found


def _traced(closed: Float64, begins: npt.NDArray[np.int64]) -> list[tuple[int, int]]:
    end, found = len(closed) - 1, []
    choice = int(closed[end].argmax())
    while True:
        start = int(begins[end, choice])
        found.append((start, choice))
        if start == 0:
            return found[::-1]
        end, without = start, closed[start].copy()
        without[choice] = -np.inf
        choice = int(without.argmax())
