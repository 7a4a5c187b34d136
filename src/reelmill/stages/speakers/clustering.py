"""Cluster speaker embeddings to find the stretches of speech of each person."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from reelmill.core.arrays import Bool, Float32, Float64
from reelmill.stages.speakers.fragments import fragments
from reelmill.stages.speakers.local_speakers import LocalPairs

Int = npt.NDArray[np.intp]

#: The most stretches compared with each other. Of more (an hour has about 2,000), some spread over
#: the recording are used: somebody heard for a few seconds in half an hour must be in them.
_MOST_COMPARED = 600
_ROUNDS = 5
_FEWEST_ANSWERS = 4
#: Embeddings of less speech than this, in s, are alike whoever speaks.
_SHORTEST_ANSWER = 0.4
#: The prior similarity of two stretches of one person, and its weight, in pairs of neighbours in a
#: recording and in pairs within a person.
_ALIKE, _PAIRS_BEFORE, _PAIRS_WITHIN = 0.52, 8, 3
#: How much different local speakers add to the difference of two groups, for each unit of their
#: mean agreement below zero; the number of pairs of stretches by which it is shrunk; and the most
#: it adds, because within a window the network takes one person for two now and then.
_LOCAL, _LOCAL_PAIRS, _MOST_LOCAL = 0.2, 10, 0.05


@dataclass(frozen=True)
class ClusteringOptions:
    """`speakers`: the number, if known; otherwise it is found between the bounds.

    `start`: stretches more similar than this, on average and as a share of the similarity within
    one person, begin as one group. `threshold`: two groups are one person if the mean cosine
    similarity between them is less than this below the similarity within a group. Because few
    stretches say little, `doubt` divided by the seconds of the smaller group is added to it.
    `reliable_seconds`: shorter stretches are assigned to the people found from longer ones, unless
    they are strange to all of them: less similar than `strange`, as a share of the similarity
    within one person.
    `least_seconds`: the least speech of a person in all. Tuned for the shipped encoder on one half
    of the people in benchmarks/real.
    """

    speakers: int | None = None
    min_speakers: int = 1
    max_speakers: int = 10
    start: float = 1.05
    threshold: float = 0.09
    doubt: float = 0.4
    reliable_seconds: float = 0.8
    strange: float = 0.6
    least_seconds: float = 2.0

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
    local: LocalPairs | None = None,
) -> Int:
    """The person of each stretch, numbered from 0.

    Agglomerative clustering with average linkage on cosine similarities first makes more groups
    than there are people. Then the two most similar groups are joined and each stretch is assigned
    to the most similar group, repeatedly, until the remaining groups are different people.
    Similarity is judged within the recording: a noisy line, a distant microphone or a synthetic
    voice changes the similarity within one person as much as that between different people, so the
    difference between the two is used. Groups that the segmentation network clearly takes for
    different speakers within its windows count as a little more different.

    Args:
        voices: embeddings of length 1, shape (stretches, values).
        seconds: speech behind each, shape (stretches,).
        options: how many people, and the thresholds.
        goes_on: whether each stretch continues the previous one without a change of the speaker,
            shape (stretches,).
        local: which stretches are the same local speaker's.

    Returns:
        Shape (stretches,).
    """
    if len(voices) == 0:
        return np.zeros(0, np.intp)
    compared = _compared(seconds, options)
    alike = _alike(voices, seconds, options, goes_on)
    groups = _Groups(voices, seconds, compared, alike, options, local)
    groups.join()
    means, everything = groups.means, voices.astype(np.float64)
    if options.speakers is None:
        means = _without_fragments(everything, seconds, means, options)
        if len(means) < options.bounds[1]:
            means = _with_short_answers(everything, seconds, means, alike, options)
    labels, _ = _assigned(everything, seconds, means)
    return labels


def _without_fragments(
    voices: Float64, seconds: Float32, means: Float64, options: ClusteringOptions
) -> Float64:
    """The means of the groups that are people, with all stretches."""
    while True:
        labels, means = _assigned(voices, seconds, means)
        found = list(fragments(voices, seconds, labels, means, options.reliable_seconds))
        if not found or len(means) <= options.bounds[0]:
            return means
        _, least_strange = min(found)
        means = np.delete(means, least_strange, axis=0)


def _with_short_answers(
    voices: Float64, seconds: Float32, means: Float64, alike: float, options: ClusteringOptions
) -> Float64:
    """The means, with that of somebody who is only heard for a word at a time.

    Short stretches tell little each, so they make nobody by themselves. Some that are alike, while
    none of them is like anybody else, are a person all the same.
    """
    short = np.flatnonzero((seconds >= _SHORTEST_ANSWER) & (seconds < options.reliable_seconds))
    strange = short[(voices[short] @ means.T).max(axis=1) < options.strange * alike]
    count = len(strange)
    if count < _FEWEST_ANSWERS or seconds[strange].sum() < options.least_seconds:
        return means
    total = voices[strange].sum(axis=0)
    within = (float(total @ total) - count) / (count * (count - 1))  # less each with itself
    if within < options.strange * alike:
        return means
    return np.concatenate([means, _unit((seconds[strange] @ voices[strange])[None])])


def _compared(seconds: Float32, options: ClusteringOptions) -> Int:
    """The stretches long enough to be compared, or the longest ones if hardly any is."""
    least = max(options.bounds[0], 2)
    reliable = np.flatnonzero(seconds >= options.reliable_seconds)
    if len(reliable) < least:
        reliable = np.argsort(-seconds, kind="stable")[:least]
    if len(reliable) > _MOST_COMPARED:
        spread = np.linspace(0, len(reliable) - 1, _MOST_COMPARED).astype(np.intp)
        reliable = np.sort(reliable)[spread]
    return np.sort(reliable)


def _alike(
    voices: Float32, seconds: Float32, options: ClusteringOptions, goes_on: Bool | None
) -> float:
    """The similarity of two stretches of one person in this recording: the mean of the cosine
    similarity of neighbours without a pause, and of the prior."""
    total, pairs = _ALIKE * _PAIRS_BEFORE, float(_PAIRS_BEFORE)
    if goes_on is not None:
        reliable = seconds >= options.reliable_seconds
        after = np.flatnonzero(goes_on[1:] & reliable[1:] & reliable[:-1]) + 1
        total += float(np.sum(voices[after] * voices[after - 1]))
        pairs += len(after)
    return total / pairs


class _Groups:
    """Groups of stretches that are joined until the remaining ones are different people."""

    def __init__(
        self,
        voices: Float32,
        seconds: Float32,
        compared: Int,
        alike: float,
        options: ClusteringOptions,
        local: LocalPairs | None,
    ) -> None:
        self._everything, self._local = voices.astype(np.float64), local
        self._voices, self._seconds = self._everything[compared], seconds[compared]
        self._alike, self._options = alike, options
        self._others = self._counted(seconds, compared)
        labels = self._begin()
        means = _unit(_sums(self._voices, self._seconds, labels, int(labels.max()) + 1))
        self._assign(means)

    def _counted(self, seconds: Float32, compared: Int) -> Float32:
        """The seconds of the stretches too short to be compared, in proportion to how many of the
        others are; shape (stretches,)."""
        reliable = seconds >= self._options.reliable_seconds
        share = min(1.0, len(compared) / max(1, int(reliable.sum())))
        others = np.where(reliable, 0.0, share * seconds).astype(np.float32)
        others[compared] = 0.0
        return others

    @property
    def means(self) -> Float64:
        """The mean voice of each group, of length 1, shape (groups, values)."""
        return self._means

    def join(self) -> None:
        """Join the two most similar groups until none are similar enough and none is too short,
        within the bounds on their number."""
        least, most = self._options.bounds
        while len(self._means) > least:
            first, second, apart = self._nearest()
            heard = np.bincount(self._labels, weights=self._seconds)
            if apart < self._options.threshold or len(self._means) > most:
                parts = self._means[[first, second]] * heard[[first, second], None]
                means = self._means.copy()
                means[first] = _unit(parts.sum(axis=0, keepdims=True))[0]
                self._assign(np.delete(means, second, axis=0))
            elif self._heard.min() < self._options.least_seconds:
                self._assign(np.delete(self._means, int(self._heard.argmin()), axis=0))
            else:
                return

    def _begin(self) -> Int:
        """Group the stretches that are certainly one voice; at least as many groups as there are
        people."""
        from scipy.cluster.hierarchy import fcluster, linkage
        from scipy.spatial.distance import pdist

        if len(self._voices) == 1:
            return np.zeros(1, np.intp)
        least = min(self._options.bounds[0], len(self._voices))
        tree = linkage(np.maximum(pdist(self._voices, "cosine"), 0.0), "average")
        distance = 1.0 - self._options.start * self._alike
        found: Int = fcluster(tree, max(distance, 0.0), "distance").astype(np.intp) - 1
        if found.max() + 1 < least:
            found = fcluster(tree, least, "maxclust").astype(np.intp) - 1
        return found

    def _assign(self, means: Float64) -> None:
        self._labels, self._means = _assigned(self._voices, self._seconds, means)
        self._all_labels = np.argmax(self._everything @ self._means.T, axis=1)
        count = len(self._means)
        self._heard = np.bincount(self._labels, weights=self._seconds, minlength=count)
        self._heard += np.bincount(self._all_labels, weights=self._others, minlength=count)

    def _nearest(self) -> tuple[int, int, float]:
        """The two most similar groups, and how much lower the mean similarity between them is than
        that within a group."""
        counts = np.bincount(self._labels).astype(np.float64)
        sums = _sums(self._voices, np.ones(len(self._voices)), self._labels, len(counts))
        between = sums @ sums.T / (counts[:, None] * counts[None, :])
        pairs = counts * (counts - 1)
        own = (sums**2).sum(axis=1) - counts  # without each stretch with itself
        within = (own + _PAIRS_WITHIN * self._alike) / (pairs + _PAIRS_WITHIN)
        apart = (within[:, None] + within[None, :]) / 2 - between
        apart -= self._options.doubt / np.minimum(self._heard[:, None], self._heard[None, :])
        if self._local is not None:
            agreement, known = self._local.between(self._all_labels, len(counts))
            told = -_LOCAL * agreement / (known + _LOCAL_PAIRS)
            apart += np.clip(told, 0.0, _MOST_LOCAL)
        np.fill_diagonal(apart, np.inf)
        first, second = divmod(int(np.argmin(apart)), len(apart))
        return first, second, float(apart[first, second])


def _assigned(voices: Float64, seconds: Float32, means: Float64) -> tuple[Int, Float64]:
    """Assign each stretch to the most similar mean, for a few rounds; means without stretches are
    removed.

    Labels, shape (stretches,), and the means, shape (groups, values).
    """
    labels = np.argmax(voices @ means.T, axis=1)
    for _ in range(_ROUNDS):
        sums = _sums(voices, seconds, labels, len(means))
        means = np.where(np.any(sums != 0, axis=1, keepdims=True), _unit(sums), means)
        again = np.argmax(voices @ means.T, axis=1)
        if np.array_equal(again, labels):
            break
        labels = again
    present, labels = np.unique(labels, return_inverse=True)
    return labels.astype(np.intp), means[present]


def _sums(voices: Float64, weights: npt.NDArray[np.floating], labels: Int, groups: int) -> Float64:
    sums = np.zeros((groups, voices.shape[1]))
    np.add.at(sums, labels, voices * weights[:, None])
    return sums


def _unit(vectors: Float64) -> Float64:
    lengths: Float64 = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.maximum(lengths, 1e-9)
