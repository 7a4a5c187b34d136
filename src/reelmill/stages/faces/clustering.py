"""Cluster the tracks that show the same person: average linkage of unit vectors."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from reelmill.core.arrays import Bool, Float32, Int64
from reelmill.core.vectors import unit

#: Larger numbers of tracks are first clustered in runs of this length, to bound memory: the
#: similarities of 2,000 tracks take 16 MB.
_AT_ONCE = 2000


def together(start: Float32, end: Float32) -> Bool:
    """(n, n) whether two tracks are seen at the same time and so cannot be one person."""
    shared = np.minimum(end[:, None], end[None, :]) - np.maximum(start[:, None], start[None, :])
    return np.asarray(shared > 1e-3)


def cluster(
    vectors: Float32, weights: Float32, starts: Float32, ends: Float32, threshold: float
) -> Int64:
    """The cluster of each track, numbered from 0 in order of their first tracks.

    The two most similar clusters are joined while their similarity, the weighted mean of the
    cosines of their tracks, is at least `threshold`. Clusters seen at the same time are never
    joined.

    Args:
        vectors: (n, d) of unit length, or zero for tracks about which nothing is known: such a
            track stays alone.
        weights: (n,) how much each counts, such as its seconds.
        starts, ends: (n,) s.
        threshold: cosine.
    """
    labels = np.arange(len(vectors))
    for first in range(0, len(vectors), _AT_ONCE):
        run = slice(first, first + _AT_ONCE)
        labels[run] = first + agglomerated(
            vectors[run], weights[run], together(starts[run], ends[run]), threshold
        )
    if len(vectors) > _AT_ONCE:
        labels = _joined(vectors, weights, starts, ends, threshold, labels)
    _, first_seen, numbers = np.unique(labels, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first_seen))[numbers]


def agglomerated(vectors: Float32, weights: Float32, apart: Bool, threshold: float) -> Int64:
    """Cluster as `cluster` does, but all at once, numbered by one member each. `apart` (n, n) says
    which tracks must not be joined.

    Sums of weighted vectors stand for clusters: their dot product, over the weights, is the
    weighted mean of all cosines between the two.
    """
    count = len(vectors)
    labels = np.arange(count)
    known = np.linalg.norm(vectors, axis=1) > 0.5
    sums = vectors * weights[:, None]
    mass = weights.astype(np.float64).copy()
    apart = apart.copy()
    alike = _alike(sums, mass, sums, mass)
    alike[apart | ~known[:, None] | ~known[None, :]] = -1
    np.fill_diagonal(alike, -1)
    while count > 1:
        one, other = np.unravel_index(int(alike.argmax()), alike.shape)
        if alike[one, other] < threshold:
            break
        sums[one] += sums[other]
        mass[one] += mass[other]
        apart[one] |= apart[other]
        apart[:, one] = apart[one]
        labels[labels == other] = one
        alike[other, :] = alike[:, other] = -1
        gone = alike[one] == -1
        fresh = _alike(sums[one : one + 1], mass[one : one + 1], sums, mass)[0]
        fresh[apart[one] | (gone & _retired(labels, count))] = -1
        fresh[~known] = -1
        fresh[one] = -1
        alike[one, :] = alike[:, one] = fresh
    return labels


def _retired(labels: Int64, count: int) -> Bool:
    """Rows that were joined into others."""
    retired = np.ones(count, np.bool_)
    retired[labels] = False
    return retired


def _alike(
    sums: Float32,
    mass: npt.NDArray[np.float64],
    others: Float32,
    other_mass: npt.NDArray[np.float64],
) -> Float32:
    whole = np.maximum(mass[:, None] * other_mass[None, :], 1e-12)
    means: Float32 = (sums @ others.T / whole).astype(np.float32)
    return means


def _joined(
    vectors: Float32,
    weights: Float32,
    starts: Float32,
    ends: Float32,
    threshold: float,
    labels: Int64,
) -> Int64:
    """Clusters of single runs, clustered again by their mean vectors."""
    numbers, inverse = np.unique(labels, return_inverse=True)
    means = np.zeros((len(numbers), vectors.shape[1]), np.float32)
    np.add.at(means, inverse, vectors * weights[:, None])
    mass = np.bincount(inverse, weights).astype(np.float32)
    run = np.searchsorted(np.arange(0, len(vectors), _AT_ONCE), np.arange(len(vectors)), "right")
    run_of = np.zeros(len(numbers), np.int64)
    run_of[inverse] = run
    del starts, ends  # the runs have kept their own clusters apart already
    apart = np.asarray(run_of[:, None] == run_of[None, :])
    return numbers[agglomerated(unit(means), mass, apart, threshold)[inverse]]
