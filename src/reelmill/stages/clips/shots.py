"""Decide which shot is shown when: the edit of a talk that follows the active speaker. Pure
functions.

The whole video is known before the first picture is cut, so the edit is the best one by the
preferences below, found by dynamic programming over shots of a shortest length (as the segmental
Viterbi algorithm of Ostendorf, Digalakis and Kimball, IEEE TSAP 4(5), 1996), scene by scene. A
moment is 1/25 s.
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
#: The most people of a scene that get shots of their own: those who speak and are seen most.
_MOST_PEOPLE = 6


@dataclass(frozen=True)
class EditRules:
    """The value of a moment of a shot, in seconds in which the right person is seen to speak.

    `shortest`: the least length of a shot, s, unless the scene is shorter. `cut`: the cost of a
    cut, so that the camera does not chase a nod or a single word. `empty`: a person is shown who is
    not there. `wrong`: somebody else speaks who could be shown. `calm`, `pair`, `all_calm`: nobody
    speaks, and one person, two near each other, or everybody is shown. `beside`: one of two people
    near each other speaks and both are shown; `apart`: the same for two who are apart. `both`: both
    speak. `unseen`: everybody is shown while a person speaks who could be shown alone. `crowd`:
    with at least this many people, nobody is shown alone while nobody speaks.
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
    """The facts about each moment of a video: `seen` (persons, n) whether the face is in the
    picture, `speaks` (persons, n) from 0 to 1, `near` which two persons, by number, are close
    enough for one window."""

    seen: Bool
    speaks: Float64
    near: dict[tuple[int, int], Bool]

    def between(self, first: int, end: int) -> Moments:
        near = {pair: when[first:end] for pair, when in self.near.items()}
        return Moments(self.seen[:, first:end], self.speaks[:, first:end], near)


@dataclass(frozen=True)
class _Choice:
    """A kind of shot of a scene, and the value of each of its moments (n,)."""

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
        cuts: times of cuts in the video itself; no shot continues across one.
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
    """The possible shots: everybody, each of the main persons, and each two of them."""
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
    """A shot of two; None if they are neither near each other nor ever speak at the same time."""
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
    """The beginning of each shot of the best edit, and its index in `choices`."""
    count = len(choices[0].worth)
    total = np.zeros((len(choices), count + 1))
    total[:, 1:] = np.cumsum([choice.worth for choice in choices], axis=1) / RATE
    shortest = max(1, round(rules.shortest * RATE))
    if count < 2 * shortest:
        return [(0, int(total[:, -1].argmax()))]
    # opened: for each choice, the best total of an edit whose current shot began at `begun`.
    opened = np.zeros(len(choices))
    begun = np.zeros(len(choices), np.int64)
    closed = np.full((count + 1, len(choices)), -np.inf)
    begins = np.zeros((count + 1, len(choices)), np.int64)
    for end in range(shortest, count + 1):
        start = end - shortest
        if start >= shortest:
            worth = _following(closed[start]) - rules.cut - total[:, start]
            better = worth >= opened - 1e-9  # a pause belongs to the previous speaker
            opened[better], begun[better] = worth[better], start
        closed[end], begins[end] = opened + total[:, end], begun
    return _traced(closed, begins)


def _following(closed: Float64) -> Float64:
    """For each choice, the best of the other ones."""
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
