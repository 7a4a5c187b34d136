"""Decide whether two voices are one person's, and match speakers with people known from samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from reelmill.core.arrays import Float32, Float64
from reelmill.core.vectors import unit


@dataclass(frozen=True)
class MatchOptions:
    """The rules for when two voices count as one person's. Tuned for the shipped encoder on one
    half of the people of benchmarks/real.

    Attributes:
        threshold: the least score (see `scores`) of one person's voices.
        least_seconds: voices from less speech are not compared.
        mean, deviation: prior for the cosine similarity of different people.
        weight: the prior's weight, as a number of people.
        short_sample: how much lower the threshold is for the shortest samples of known people,
            whose voices are less similar to everybody's; up to `full_sample` seconds it rises
            evenly, so that wrong names are as rare with all of them.
        shortest_sample, full_sample: seconds of speech in samples.
        alike: voices this similar are probably the same person, so they are not used to measure how
            similar others are.
        for_groups: how much higher the threshold is for two groups of many voices: the mean of many
            scores varies less, and joining two people's groups makes many wrong links at once.
        centre_weight: as how many people no common part counts against the common part of the
            cohort's voices, which is subtracted from all voices; None: nothing is subtracted.
    """

    threshold: float = 2.0
    least_seconds: float = 2.0
    mean: float = 0.455
    deviation: float = 0.135
    weight: float = 8.0
    alike: float = 0.75
    short_sample: float = 0.4
    shortest_sample: float = 1.2
    full_sample: float = 3.0
    for_groups: float = 0.0
    centre_weight: float | None = None

    def threshold_for(self, sample: float) -> float:
        """The least score of a speaker and a known person with so many seconds of speech."""
        lacking = (self.full_sample - sample) / (self.full_sample - self.shortest_sample)
        return self.threshold - self.short_sample * min(1.0, max(0.0, lacking))


#: The rules for voices of many recordings.
ACROSS = MatchOptions(
    threshold=2.2, mean=0.0, deviation=0.2, alike=0.5, for_groups=0.6, centre_weight=2.0
)
#: Voices this similar before anything is subtracted are probably the same person.
_ALIKE = 0.75


@dataclass(frozen=True)
class KnownVoice:
    """The voice in a person's samples, of unit length, and the seconds of speech in them."""

    name: str
    seconds: float
    vector: tuple[float, ...]


class Cohort:
    """People with whom voices are compared, by how similar different people are to each other.

    With `centre_weight`, what all voices have in common is subtracted first: the encoder gives
    speech through a telephone a part that is the same for everybody, and so do language, microphone
    and line, which recordings of one case often share. Then, symmetric score normalization (Kenny,
    "Bayesian speaker verification with heavy-tailed priors", 2010).
    """

    def __init__(self, vectors: Float32, options: MatchOptions) -> None:
        """Take `vectors` as the cohort: of unit length, shape (voices, values)."""
        self._options = options
        self._centre = np.zeros(vectors.shape[1], np.float32)
        if options.centre_weight is not None:
            same = (vectors @ vectors.T >= _ALIKE).sum(axis=1)
            weights = np.float32(1) / np.maximum(same, 1)  # somebody who is heard often counts once
            self._centre = weights @ vectors / (options.centre_weight + weights.sum())
        self._vectors = self._centred(vectors)

    def scores(self, one: Float32, other: Float32) -> Float64:
        """By how many standard deviations voices are more similar than different people are: those
        of the cohort or people in general, whichever gives less.

        Args:
            one, other: of unit length, shapes (n, values) and (m, values).

        Returns:
            Shape (n, m).
        """
        options = self._options
        one, other = self._centred(one), self._centred(other)
        cosines = (one @ other.T).astype(np.float64)
        means, deviations = zip(*(self._others(some) for some in (one, other)), strict=True)
        left = (cosines - means[0][:, None]) / deviations[0][:, None]
        right = (cosines - means[1][None]) / deviations[1][None]
        beforehand = (cosines - options.mean) / options.deviation
        result: Float64 = np.minimum((left + right) / 2, beforehand)
        return result

    def _centred(self, vectors: Float32) -> Float32:
        return unit(vectors - self._centre)

    def _others(self, vectors: Float32) -> tuple[Float64, Float64]:
        """The similarity of each voice to other people's, combined with the prior: mean and
        standard deviation, shape (voices,)."""
        options = self._options
        cosines = (vectors @ self._vectors.T).astype(np.float64)
        counts = (cosines < options.alike).astype(np.float64)
        number = options.weight + counts.sum(axis=1)
        mean = (options.weight * options.mean + (cosines * counts).sum(axis=1)) / number
        before = options.weight * (options.deviation**2 + (mean - options.mean) ** 2)
        spread = (counts * (cosines - mean[:, None]) ** 2).sum(axis=1)
        return mean, np.sqrt((before + spread) / number)


def named(
    vectors: Float32, seconds: Sequence[float], people: Sequence[KnownVoice], options: MatchOptions
) -> Mapping[int, tuple[str, float]]:
    """Match speakers of a recording with known people: name and score, by index.

    The most similar are named first; a name is never given to two.

    Args:
        vectors: the speakers' voices, of unit length, shape (speakers, values).
        seconds: of speech behind each.
        people: the known people.
        options: the rules for a match.
    """
    if not people or not len(vectors):
        return {}
    known = np.array([one.vector for one in people], np.float32)
    alike = Cohort(np.concatenate([vectors, known]), options).scores(vectors, known)
    found: dict[int, tuple[str, float]] = {}
    taken: set[str] = set()
    for place in np.argsort(-alike, axis=None, kind="stable").tolist():
        speaker, column = divmod(place, len(people))
        one, score = people[column], float(alike[speaker, column])
        threshold = options.threshold_for(one.seconds)
        enough = score >= threshold and seconds[speaker] >= options.least_seconds
        if enough and speaker not in found and one.name not in taken:
            found[speaker] = one.name, score
            taken.add(one.name)
    return found
