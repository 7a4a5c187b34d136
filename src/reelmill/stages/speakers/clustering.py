"""Which voices belong to the same person: agglomerative clustering of speaker embeddings."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

Float32 = npt.NDArray[np.float32]
Int = npt.NDArray[np.intp]
Bool = npt.NDArray[np.bool_]

#: Stretches compared with each other; of more (an hour has about 2,000) some from everywhere. The
#: more of one person are compared, the more there are that differ by chance: of all of an hour,
#: twice as many people came out as there were.
_MOST_COMPARED = 200
_ROUNDS = 3
#: Two voices that follow each other in one breath this often, and at this share of what chance
#: would make it if they were one person's, are one person's when they are closer than the
#: threshold times the last. In recordings of 25 to 70 minutes a synthetic voice on a noisy line,
#: which began its sentences in one sound and ended them in another, was at 9 to 84 times, 0.9 to
#: 1.2 and a distance of 0.06 to 0.16; different people whose change often went unheard at 0.18.
_BREATHS, _BREATH_SHARE, _BREATH_REACH = 8, 0.6, 2.0


@dataclass(frozen=True)
class ClusteringOptions:
    """`speakers` is the number, when it is known; otherwise it is found between the bounds.

    `alike`: stretches closer than this, in mean cosine distance, are one voice. `threshold`: two
    voices whose means are closer than this are one person; the mean of little speech is
    uncertain, so `doubt` over the seconds of each is added to it. `reliable_seconds`: shorter
    stretches join the people that the others make. `least_seconds`: who is heard for less in all
    is taken for the person most alike. Tuned for the shipped encoder.
    """

    speakers: int | None = None
    min_speakers: int = 1
    max_speakers: int = 10
    alike: float = 0.18
    threshold: float = 0.085
    doubt: float = 0.33
    reliable_seconds: float = 0.8
    least_seconds: float = 2.5

    @property
    def bounds(self) -> tuple[int, int]:
        if self.speakers is not None:
            return self.speakers, self.speakers
        return self.min_speakers, self.max_speakers


def cluster(
    voices: Float32,
    seconds: Float32,
    options: ClusteringOptions,
    goes_on: Bool | None = None,
) -> Int:
    """The person of each voice, numbered from 0.

    Agglomerative clustering with average linkage on cosine distances finds stretches that surely
    are the same voice; these voices, now known better than from one stretch, are put together to
    people by their means; then, for a few rounds, each stretch goes to the person most alike.
    Voices that change in the middle of a breath were one person's after all.

    Args:
        voices: embeddings of length 1, shape (voices, values).
        seconds: speech behind each, shape (voices,).
        options: how many people, and how near is near.
        goes_on: whether each stretch goes on where the one before it ended, with no change of the
            speaker heard, shape (voices,).

    Returns:
        Shape (voices,).
    """
    if len(voices) == 0:
        return np.zeros(0, np.intp)
    compared = _compared(seconds, options)
    groups = _Groups(
        voices[compared], seconds[compared], _alike(voices[compared], options), options
    )
    groups.join()
    means = groups.means
    labels: Int = np.argmax(voices @ means.T, axis=1)
    for _ in range(_ROUNDS):
        means = _means(voices, seconds, labels, means)
        again: Int = np.argmax(voices @ means.T, axis=1)
        if np.array_equal(again, labels):
            break
        labels = again
    if goes_on is not None:
        labels = _one_in_a_breath(labels, 1.0 - means @ means.T, goes_on, options)
    result: Int = np.unique(labels, return_inverse=True)[1]
    return result


def _compared(seconds: Float32, options: ClusteringOptions) -> Int:
    """The voices heard long enough to be compared, or the longest where none is."""
    least = options.bounds[0]
    reliable = np.flatnonzero(seconds >= options.reliable_seconds)
    if len(reliable) < least:
        reliable = np.argsort(-seconds, kind="stable")[: max(least, 1)]
    if len(reliable) > _MOST_COMPARED:
        spread = np.linspace(0, len(reliable) - 1, _MOST_COMPARED).astype(np.intp)
        reliable = np.sort(reliable)[spread]
    return np.sort(reliable)


def _alike(voices: Float32, options: ClusteringOptions) -> Int:
    """Stretches that surely are the same voice; at least as many voices as there are people."""
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import pdist

    if len(voices) == 1:
        return np.zeros(1, np.intp)
    least = min(options.bounds[0], len(voices))
    tree = linkage(np.maximum(pdist(voices, "cosine"), 0.0), "average")
    found: Int = fcluster(tree, options.alike, "distance").astype(np.intp) - 1
    if found.max() + 1 < least:
        found = fcluster(tree, least, "maxclust").astype(np.intp) - 1
    return found


class _Groups:
    """Voices that are put together until those left are different people."""

    def __init__(
        self, voices: Float32, seconds: Float32, labels: Int, options: ClusteringOptions
    ) -> None:
        self._options = options
        self._sums = np.zeros((int(labels.max()) + 1, voices.shape[1]), np.float64)
        np.add.at(self._sums, labels, voices * seconds[:, None])
        self._heard = np.maximum(np.bincount(labels, weights=seconds), 1e-3)

    @property
    def means(self) -> Float32:
        lengths = np.linalg.norm(self._sums, axis=1, keepdims=True)
        means: Float32 = (self._sums / np.maximum(lengths, 1e-9)).astype(np.float32)
        return means

    def join(self) -> None:
        """Join the two most alike, until none are alike enough and nobody has said too little,
        within the bounds on their number."""
        least, most = self._options.bounds
        while len(self._sums) > least:
            pair = self._most_alike(len(self._sums) > most) or self._quietest()
            if pair is None:
                break
            kept, gone = pair
            self._sums[kept] += self._sums[gone]
            self._heard[kept] += self._heard[gone]
            self._sums = np.delete(self._sums, gone, axis=0)
            self._heard = np.delete(self._heard, gone)

    def _most_alike(self, at_any_distance: bool) -> tuple[int, int] | None:
        uncertain = self._options.doubt / self._heard
        distances = 1.0 - self._alike() - uncertain[:, None] - uncertain[None, :]
        np.fill_diagonal(distances, np.inf)
        first, second = divmod(int(np.argmin(distances)), len(distances))
        if at_any_distance or distances[first, second] < self._options.threshold:
            return first, second
        return None

    def _quietest(self) -> tuple[int, int] | None:
        quietest = int(np.argmin(self._heard))
        if self._heard[quietest] >= self._options.least_seconds:
            return None
        return int(np.argmax(self._alike()[quietest])), quietest

    def _alike(self) -> npt.NDArray[np.float64]:
        means = self.means.astype(np.float64)
        alike: npt.NDArray[np.float64] = means @ means.T
        np.fill_diagonal(alike, -1.0)
        return alike


def _means(voices: Float32, seconds: Float32, people: Int, before: Float32) -> Float32:
    """Mean voices by seconds heard, of length 1; people nobody is left of keep theirs."""
    sums = np.zeros(before.shape, np.float32)
    np.add.at(sums, people, voices * np.maximum(seconds, 1e-3)[:, None])
    lengths = np.linalg.norm(sums, axis=1, keepdims=True)
    return np.where(lengths > 0, sums / np.maximum(lengths, 1e-9), before).astype(np.float32)


def _one_in_a_breath(
    labels: Int, distances: Float32, goes_on: Bool, options: ClusteringOptions
) -> Int:
    """The labels, voices put together that change within a breath as only one person's can.

    How somebody sounds on a bad line can depend on the place in the sentence so much that the
    encoder hears two. Few stretches prove nothing: a change of the speaker goes unheard at times.
    """
    after = np.flatnonzero(goes_on)
    follows = np.zeros(distances.shape, np.intp)
    np.add.at(follows, (labels[after - 1], labels[after]), 1)
    pairs = []
    heard = np.unique(labels)
    for first, second in combinations(heard.tolist(), 2):
        changes = int(follows[first, second] + follows[second, first])
        near = distances[first, second] < _BREATH_REACH * options.threshold
        if near and changes >= _BREATHS:
            share = _share_of_chance(follows[first, first], follows[second, second], changes)
            if share >= _BREATH_SHARE:
                pairs.append((share, first, second))
    people = np.arange(len(distances))
    for _, first, second in sorted(pairs, reverse=True):
        if len(np.unique(people[heard])) > options.bounds[0]:
            people[people == people[second]] = people[first]
    return people[labels]


def _share_of_chance(first: int, second: int, changes: int) -> float:
    """Changes between two voices, as a share of those expected if the next did not depend on the
    last; `first` and `second` are how often each follows itself."""
    total = first + second + changes
    part = (2 * first + changes) / (2 * total)
    return float(changes / (2 * part * (1 - part) * total))
