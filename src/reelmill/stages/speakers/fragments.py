"""Tell fragments of people's voices from people who say little."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from reelmill.core.arrays import Bool, Float32, Float64

Int = npt.NDArray[np.intp]

#: Groups with fewer stretches in all have no fragments: how much they differ is not known.
_FEWEST = 20
#: A fragment has at most half of the speech of the groups it is compared with, unless they have
#: many stretches: of few, it is not known well how much they differ.
_MOST_SHARE, _MANY = 1 / 3, 50
#: How much stranger than the strangest stretches of a person a fragment may be, in standard
#: deviations of the similarity of a person's stretches to the person's mean, which are at least
#: `_LEAST_DEVIATION`.
_MARGIN, _LEAST_DEVIATION = 1.2, 0.05
#: Two people can both be heard in a group this many times smaller than either's.
_TIMES_SMALLER = 3
#: With how many of the most similar groups each one is compared.
_COMPARED_WITH = 3


@dataclass(frozen=True)
class _Similarity:
    """Of the stretches long enough to be compared: their seconds, the group of each, and the cosine
    similarity to the mean of each group, shape (stretches, groups); the mean voices' to each other,
    shape (groups, groups)."""

    seconds: Float64
    labels: Int
    to_means: Float64
    of_means: Float64

    def strangeness(self, group: int, hosts: tuple[int, ...]) -> float:
        """By how many standard deviations the stretches of a group are less similar to the hosts,
        or to a mixture of both their voices, than the most dissimilar stretches of the hosts are,
        as many as the group has; infinite where the group is too large for a fragment."""
        inside = self.labels == group
        own = np.isin(self.labels, hosts)
        if not inside.any() or own.sum() < _FEWEST:
            return np.inf
        weights = self.seconds[inside], self.seconds[own]
        share = weights[0].sum() / (weights[0].sum() + weights[1].sum())
        if share > _MOST_SHARE and own.sum() < _MANY:
            return np.inf
        usual = self.to_means[own, self.labels[own]]
        lower = np.average(usual, weights=weights[1]) - np.average(
            self._to(inside, hosts), weights=weights[0]
        )
        return float(lower / max(usual.std(), _LEAST_DEVIATION) - _mean_of_lowest(share))

    def _to(self, chosen: Bool, hosts: tuple[int, ...]) -> Float64:
        """The similarity of the chosen stretches to the voice of one host, or to the most similar
        mixture of the voices of two."""
        similar = self.to_means[chosen][:, list(hosts)]
        nearest: Float64 = similar.max(axis=1)
        if len(hosts) == 1:
            return nearest
        one, other, both = similar[:, 0], similar[:, 1], float(self.of_means[hosts])
        mixed = (one > both * other) & (other > both * one)
        squares = (one**2 + other**2 - 2 * both * one * other) / max(1 - both**2, 1e-6)
        return np.where(mixed, np.sqrt(np.maximum(squares, 0.0)), nearest)


def fragments(
    voices: Float64, seconds: Float32, labels: Int, means: Float64, reliable: float
) -> Iterator[tuple[float, int]]:
    """Groups that are probably fragments of larger ones, and how strange each is.

    Among many stretches of one person some are unlike the rest: said in another tone, in noise, or
    into somebody else's words, and the longer a recording, the more of them can be grouped. So a
    group is a person only if it is clearly less similar to the larger groups than the most
    dissimilar stretches of theirs, as many as the group has, would be if similarities were normally
    distributed. Stretches in which two people speak resemble a mixture of two voices.

    Args:
        voices: embeddings of length 1, shape (stretches, values).
        seconds: speech behind each, shape (stretches,).
        labels: the group of each, shape (stretches,).
        means: of the groups, of length 1, shape (groups, values).
        reliable: shorter stretches are left out, in seconds.
    """
    long = seconds >= reliable
    similarity = _Similarity(
        seconds[long].astype(np.float64), labels[long], voices[long] @ means.T, means @ means.T
    )
    heard = np.bincount(labels, weights=seconds, minlength=len(means))
    for group in range(len(means)):
        larger = np.flatnonzero(heard > heard[group])
        near = larger[np.argsort(-similarity.of_means[group, larger])][:_COMPARED_WITH].tolist()
        much = [one for one in near if heard[one] > _TIMES_SMALLER * heard[group]]
        hosts = [*((one,) for one in near), *combinations(much, 2)]
        found = min((similarity.strangeness(group, some) for some in hosts), default=np.inf)
        if found < _MARGIN:
            yield found, group


def _mean_of_lowest(share: float) -> float:
    """How many standard deviations below the mean the lowest share of a normal sample is."""
    normal = NormalDist()
    return normal.pdf(normal.inv_cdf(share)) / share
