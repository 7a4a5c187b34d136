"""Whether two voices are one person's, and who of the people known from samples a speaker is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from reelmill.core.arrays import Float32, Float64


@dataclass(frozen=True)
class MatchOptions:
    """When two voices count as one person's. Tuned for the shipped encoder on one half of the
    people of benchmarks/real.

    Attributes:
        threshold: the score (see `scores`) from which they do.
        least_seconds: of less speech nothing is said.
        mean, deviation: cosine similarity of different people, as known before anybody is heard.
        weight: how many people that counts for.
        alike: who is so alike is hardly somebody else, and tells nothing of how alike others are.
    """

    threshold: float = 2.0
    least_seconds: float = 2.0
    mean: float = 0.43
    deviation: float = 0.135
    weight: float = 8.0
    alike: float = 0.75


@dataclass(frozen=True)
class KnownVoice:
    """The voice in somebody's samples, of unit length, from so many seconds of speech."""

    name: str
    seconds: float
    vector: tuple[float, ...]


@dataclass(frozen=True)
class Others:
    """How alike each of some voices is to other people's: mean and standard deviation, shape
    (voices,)."""

    mean: Float64
    deviation: Float64


def others(vectors: Float32, cohort: Float32, options: MatchOptions) -> Others:
    """How alike voices are to those of a cohort, and to what is known of people beforehand.

    Args:
        vectors: of unit length, shape (voices, values).
        cohort: those they are compared with, theirs among them or not, shape (people, values).
        options: what is known beforehand.
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
    """By how many standard deviations voices are more alike than different people are: those at
    hand, and people in general, whichever says less.

    Symmetric score normalization (Kenny, "Bayesian speaker verification with heavy-tailed priors",
    2010) with the people at hand for a cohort: how alike different people are to the encoder
    depends on language, microphone and line, which recordings of one case often share.

    Args:
        one, other: of unit length, shapes (n, values) and (m, values).
        of_one, of_other: how alike they are to others.
        options: how alike people are in general.

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
    """Which speakers of a recording are known people: name and score, by place.

    The most alike are named first; nobody's name is given to two.

    Args:
        vectors: the speakers' voices, of unit length, shape (speakers, values).
        seconds: of speech behind each.
        people: the known people.
        options: how alike is alike.
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
        enough = score >= options.threshold and seconds[speaker] >= options.least_seconds
        if enough and speaker not in found and one.name not in taken:
            found[speaker] = one.name, score
            taken.add(one.name)
    return found
