"""Compare stretches of speech by the speakers that the segmentation network tells apart within a
window."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import numpy.typing as npt

from reelmill.artifacts import LocalTurn, Span
from reelmill.core.arrays import Float64

Int = npt.NDArray[np.intp]

#: A stretch counts in a window that covers at least this many seconds and this share of it.
_LEAST_SECONDS, _LEAST_SHARE = 0.3, 0.5
#: The lowest log agreement, and how low it often is between stretches of one person.
_LOWEST, _ONE_PERSON = -3.0, -0.6


@dataclass(frozen=True)
class LocalPairs:
    """Pairs of stretches that some window contains, and what the network says of them.

    `agreement` is positive where it may take both for one speaker, and down to -2.4 where it takes
    them for two. `first` and `second` are indices of stretches; all have the shape (pairs,).
    """

    first: Int
    second: Int
    agreement: Float64

    def between(self, groups: Int, count: int) -> tuple[Float64, Float64]:
        """The sums of agreements between groups of stretches, and the numbers of pairs, both of
        shape (count, count).

        Args:
            groups: the group of each stretch.
            count: how many groups there are.
        """
        sums, pairs = np.zeros((count, count)), np.zeros((count, count))
        for one, other in ((self.first, self.second), (self.second, self.first)):
            np.add.at(sums, (groups[one], groups[other]), self.agreement)
            np.add.at(pairs, (groups[one], groups[other]), 1.0)
        return sums, pairs


def local_pairs(stretches: Sequence[Span], turns: Sequence[LocalTurn]) -> LocalPairs:
    """Compare the stretches within each window.

    The agreement of two is the logarithm of the probability that a random moment of each is of the
    same local speaker, by the mean over windows, less what is not unusual for one person.

    Args:
        stretches: in order.
        turns: in order of their windows.
    """
    count = len(stretches)
    found = list(_by_window(stretches, turns))
    places = np.concatenate([one for one, _ in found]) if found else np.zeros(0, np.intp)
    same = np.concatenate([one for _, one in found]) if found else np.zeros(0)
    pairs, index, times = np.unique(places, return_inverse=True, return_counts=True)
    means = np.bincount(index, weights=same, minlength=len(pairs)) / times
    agreement = np.maximum(np.log(np.maximum(means, 1e-9)), _LOWEST) - _ONE_PERSON
    return LocalPairs(pairs // max(count, 1), pairs % max(count, 1), agreement)


def _by_window(
    stretches: Sequence[Span], turns: Sequence[LocalTurn]
) -> Iterator[tuple[Int, Float64]]:
    """For each window its pairs, as `first * stretches + second`, and how likely they are of the
    same local speaker."""
    starts, ends = [one.start for one in stretches], [one.end for one in stretches]
    for _, group in groupby(turns, key=lambda turn: turn.window):
        heard = list(group)
        first = bisect_left(ends, heard[0].start)
        last = bisect_left(starts, max(turn.end for turn in heard))
        kept, shares = _shares(np.array(starts[first:last]), np.array(ends[first:last]), heard)
        one, other = np.triu_indices(len(kept), 1)
        yield (
            (kept[one] + first) * len(stretches) + kept[other] + first,
            (shares @ shares.T)[one, other],
        )


def _shares(starts: Float64, ends: Float64, heard: Sequence[LocalTurn]) -> tuple[Int, Float64]:
    """Which stretches are heard long enough in a window, and what share each local speaker has of
    them, shape (kept, speakers)."""
    begin = np.array([turn.start for turn in heard])
    end = np.array([turn.end for turn in heard])
    both = np.minimum(ends[:, None], end) - np.maximum(starts[:, None], begin)
    speakers = np.eye(max(turn.speaker for turn in heard) + 1)[[turn.speaker for turn in heard]]
    seconds = np.maximum(both, 0.0) @ speakers
    total = seconds.sum(axis=1)
    kept = np.flatnonzero(total >= np.maximum(_LEAST_SECONDS, _LEAST_SHARE * (ends - starts)))
    return kept, seconds[kept] / total[kept, None]
