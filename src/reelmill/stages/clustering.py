"""Which voices belong to the same person: agglomerative clustering of speaker embeddings."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Float32 = npt.NDArray[np.float32]
Int = npt.NDArray[np.intp]

#: Voices compared with each other; of more (an hour has about 2,000) the longest are.
_MOST_COMPARED = 4000
_ROUNDS = 3


@dataclass(frozen=True)
class ClusteringOptions:
    """`speakers` is the number, when it is known; otherwise it is found between the bounds.

    `threshold`: two groups of voices closer than this, in mean cosine distance, are one person.
    `reliable_seconds`: voices heard for less join the groups that the others form.
    `least_seconds`: groups heard for less in all are taken for parts of the nearest one.
    """

    speakers: int | None = None
    min_speakers: int = 1
    max_speakers: int = 10
    threshold: float = 0.22
    reliable_seconds: float = 1.0
    least_seconds: float = 8.0

    @property
    def bounds(self) -> tuple[int, int]:
        if self.speakers is not None:
            return self.speakers, self.speakers
        return self.min_speakers, self.max_speakers


def cluster(voices: Float32, seconds: Float32, windows: Int, options: ClusteringOptions) -> Int:
    """The person of each voice, numbered from 0.

    Agglomerative clustering with average linkage on cosine distances, then a few rounds in which
    each voice goes to the person whose mean voice is nearest; voices of one window are different
    people, as the segmentation network says (Bredin 2023, pyannote.audio 2.1).

    Args:
        voices: embeddings of length 1, shape (voices, values).
        seconds: clean speech behind each, shape (voices,).
        windows: the window each was heard in, shape (voices,).
        options: how many people, and how near is near.

    Returns:
        Shape (voices,).
    """
    if len(voices) == 0:
        return np.zeros(0, np.intp)
    compared = _compared(seconds, options)
    people = _agglomerate(voices[compared], seconds[compared], options)
    means = _means(voices[compared], seconds[compared], people)
    labels = _assign(voices, windows, means)
    for _ in range(_ROUNDS):
        means = _means(voices, seconds, labels, means)
        again = _assign(voices, windows, means)
        if np.array_equal(again, labels):
            break
        labels = again
    return _renumbered(labels)


def _renumbered(labels: Int) -> Int:
    """The same groups, numbered from 0 without gaps."""
    result: Int = np.unique(labels, return_inverse=True)[1]
    return result


def _compared(seconds: Float32, options: ClusteringOptions) -> Int:
    """The voices heard long enough to be compared, or the longest where none is."""
    least = options.bounds[0]
    reliable = np.flatnonzero(seconds >= options.reliable_seconds)
    if len(reliable) < least:
        reliable = np.argsort(-seconds, kind="stable")[: max(least, 1)]
    if len(reliable) > _MOST_COMPARED:
        longest = np.argsort(-seconds[reliable], kind="stable")[:_MOST_COMPARED]
        reliable = reliable[longest]
    return np.sort(reliable)


def _agglomerate(voices: Float32, seconds: Float32, options: ClusteringOptions) -> Int:
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import pdist

    if len(voices) == 1:
        return np.zeros(1, np.intp)
    least = options.bounds[0]
    tree = linkage(np.maximum(pdist(voices, "cosine"), 0.0), "average")
    people: Int = fcluster(tree, options.threshold, "distance").astype(np.intp) - 1
    if people.max() + 1 < least:
        more: Int = fcluster(tree, min(least, len(voices)), "maxclust").astype(np.intp) - 1
        return more
    return _joined(voices, seconds, people, options)


def _joined(voices: Float32, seconds: Float32, people: Int, options: ClusteringOptions) -> Int:
    """Groups too small to be a person go to the one they are most like; then, as long as there
    are more than may be, the two most alike become one."""
    least, most = options.bounds
    while (count := int(people.max()) + 1) > least:
        means = _means(voices, seconds, people)
        alike = means @ means.T
        np.fill_diagonal(alike, -1.0)
        heard = np.bincount(people, weights=seconds)
        first = int(np.argmin(heard))
        if heard[first] >= options.least_seconds:
            if count <= most:
                break
            first = int(np.argmax(alike.max(axis=1)))
        second = int(np.argmax(alike[first]))
        people = _renumbered(np.where(people == second, first, people))
    return people


def _means(
    voices: Float32, seconds: Float32, people: Int, before: Float32 | None = None
) -> Float32:
    """Mean voices by seconds heard, of length 1; people nobody is left of keep theirs."""
    count = int(people.max()) + 1 if before is None else len(before)
    sums = np.zeros((count, voices.shape[1]), np.float32)
    np.add.at(sums, people, voices * np.maximum(seconds, 1e-3)[:, None])
    lengths = np.linalg.norm(sums, axis=1, keepdims=True)
    if before is not None:
        sums = np.where(lengths > 0, sums, before)
        lengths = np.where(lengths > 0, lengths, 1)
    result: Float32 = (sums / np.maximum(lengths, 1e-9)).astype(np.float32)
    return result


def _assign(voices: Float32, windows: Int, means: Float32) -> Int:
    """The nearest person of each voice; voices of one window get different ones."""
    from scipy.optimize import linear_sum_assignment

    likeness = voices @ means.T
    labels: Int = np.argmax(likeness, axis=1)
    order = np.argsort(windows, kind="stable")
    edges = np.flatnonzero(np.diff(windows[order])) + 1
    for group in np.split(order, edges):
        if len(group) > 1 and len(set(labels[group].tolist())) < min(len(group), len(means)):
            rows, columns = linear_sum_assignment(-likeness[group])
            labels[group[rows]] = columns
    return labels
