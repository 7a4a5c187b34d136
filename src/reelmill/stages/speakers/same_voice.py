"""Decide whether two voices are one person's, and match speakers with people known from samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from reelmill.core.arrays import Float32, Float64


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
    """

    threshold: float = 2.0
    least_seconds: float = 2.0
    mean: float = 0.43
    deviation: float = 0.135
    weight: float = 8.0
    alike: float = 0.75
    short_sample: float = 0.4
    shortest_sample: float = 1.2
    full_sample: float = 3.0

    def threshold_for(self, sample: float) -> float:
        """The least score of a speaker and a known person with so many seconds of speech."""
        lacking = (self.full_sample - sample) / (self.full_sample - self.shortest_sample)
        return self.threshold - self.short_sample * min(1.0, max(0.0, lacking))


@dataclass(frozen=True)
class KnownVoice:
    """The voice in a person's samples, of unit length, and the seconds of speech in them."""

    name: str
    seconds: float
    vector: tuple[float, ...]


@dataclass(frozen=True)
class Others:
    """The similarity of each voice to other people's: mean and standard deviation, shape
    (voices,)."""

    mean: Float64
    deviation: Float64


def others(vectors: Float32, cohort: Float32, options: MatchOptions) -> Others:
    """Measure the similarity of voices to those of a cohort, combined with the prior.

    Args:
        vectors: of unit length, shape (voices, values).
        cohort: the voices to compare with, which may include `vectors`; shape (people, values).
        options: the prior.
    """
    cosines = (vectors @ cohort.T).astype(np.float64)
    counts = (cosines < options.alike).astype(np.float64)
    number = counts.sum(axis=1)
    mean = (options.weight * options.mean + (cosines * counts).sum(axis=1)) / (
        options.weight + number
    )
    before = options.weight * (options.deviation**2 + (mean - options.mean) ** 2)
    spread = (counts * (cosines - mean[:, None]) ** 2).sum(axis=1)
    return Others(mean, np.sqrt((before + spread) / (options.weight + number)))


def scores(
    one: Float32, of_one: Others, other: Float32, of_other: Others, options: MatchOptions
) -> Float64:
    """By how many standard deviations voices are more similar than different people are: those of
    the cohort or people in general, whichever gives less.

    Symmetric score normalization (Kenny, "Bayesian speaker verification with heavy-tailed priors",
    2010) with the people of the recordings as the cohort: the similarity of different people
    depends on language, microphone and line, which recordings of one case often share.

    Args:
        one, other: of unit length, shapes (n, values) and (m, values).
        of_one, of_other: their similarity to others.
        options: the similarity of people in general.

    Returns:
        Shape (n, m).
    """
    cosines = (one @ other.T).astype(np.float64)
    left = (cosines - of_one.mean[:, None]) / of_one.deviation[:, None]
    right = (cosines - of_other.mean[None]) / of_other.deviation[None]
    beforehand = (cosines - options.mean) / options.deviation
    result: Float64 = np.minimum((left + right) / 2, beforehand)
    return result


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
    everybody = np.concatenate([vectors, known])
    of_vectors, of_known = (others(some, everybody, options) for some in (vectors, known))
    alike = scores(vectors, of_vectors, known, of_known, options)
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
