"""Shards: recordings divided among workers so that each has about the same amount of work.

`shards` divides into as many as there are workers, for `--shard I/N`. `grouped` makes many small
ones, which any number of workers take one after the other.
"""

from __future__ import annotations

import heapq
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from reelmill.engine.execution.planning import Source
from reelmill.errors import UsageError
from reelmill.scale.executor import MOST_SHARES

#: The number of shards that all work is divided into, if they are neither too short nor too long
#: then: enough that a dozen workers end at about the same time.
_ABOUT = 48
#: The cost of a shard in seconds. Shorter ones would keep the submitter busy; when a worker is lost
#: or a more urgent job comes, longer ones are waited for.
_SHORTEST_S, _LONGEST_S = 5.0, 900.0
#: The most recordings of a shard, so that it fits into a message.
_MOST_RECORDINGS = 250

#: A recording of less work is never shared, in seconds: workers that join would spend too much of
#: it on reading the recording. Where nothing is measured, work is as long as the recording.
_LEAST_SHARED_S, _LEAST_SHARED_UNMEASURED_S = 30.0, 1200.0
#: Shares for each worker that is wanted: a worker takes two shards at a time.
_SHARES_EACH = 2

_SHARD = re.compile(r"(\d+)/(\d+)")


@dataclass(frozen=True)
class Shard:
    """The `number`-th of `total` shards, counted from 1."""

    number: int
    total: int

    @classmethod
    def parse(cls, text: str) -> Shard:
        """A shard as a user writes it: `3/8`.

        Raises:
            UsageError: it is something else.
        """
        found = _SHARD.fullmatch(text.strip())
        number, total = map(int, found.groups()) if found else (0, 0)
        if not 1 <= number <= total:
            raise UsageError(f"--shard {text}: give I/N, from 1/N to N/N, such as 3/8")
        return cls(number, total)


def shards(sources: Sequence[Source], total: int) -> list[list[Source]]:
    """Divide recordings among `total` workers, the largest first, each to the one that has least.

    The size of a file stands for the work in it; the same folder is divided the same way by every
    worker that looks at it.
    """
    sizes = {source.path: _size(source) for source in sources}
    waiting = sorted(sources, key=lambda one: (-sizes[one.path], str(one.path)))
    divided: list[list[Source]] = [[] for _ in range(total)]
    least = [(0, number) for number in range(total)]
    for source in waiting:
        load, number = heapq.heappop(least)
        divided[number].append(source)
        heapq.heappush(least, (load + sizes[source.path], number))
    return divided


def grouped(costs: Sequence[float], most: int = _MOST_RECORDINGS) -> list[list[int]]:
    """Group recordings into shards of about equal cost, those with the longest recordings first.

    A recording that costs more than a shard should is a shard of its own. All others are together
    with recordings of similar length, so that a worker's batches are of one length too.

    Args:
        costs: the expected seconds of work of each recording.
        most: the most recordings in a shard.

    Returns:
        The places of the recordings of each shard in `costs`.
    """
    target = min(max(sum(costs) / _ABOUT, _SHORTEST_S), _LONGEST_S)
    groups: list[list[int]] = []
    cost = 0.0
    for at in sorted(range(len(costs)), key=lambda at: -costs[at]):
        if not groups or len(groups[-1]) >= most or cost + costs[at] > target:
            groups.append([])
            cost = 0.0
        groups[-1].append(at)
        cost += costs[at]
    return groups


def shares(costs: Sequence[float], *, is_measured: bool) -> list[int]:
    """How many shards each recording is to be, so that no worker is left alone with a long one
    while others have nothing to do.

    A recording is shared if it is more work than a shard usually is, and more than half a minute.

    Args:
        costs: as in `grouped`.
        is_measured: whether they rest on what the stages were measured to cost.

    Returns:
        The number of shards for each recording: 1 if one worker is to do it.
    """
    least = _LEAST_SHARED_S if is_measured else _LEAST_SHARED_UNMEASURED_S
    share = max(sum(costs) / _ABOUT, least)
    return [
        1 if cost <= share else min(MOST_SHARES, _SHARES_EACH * math.ceil(cost / share))
        for cost in costs
    ]


def _size(source: Source) -> int:
    """In bytes; at least 1, so that files that cannot be read are divided too."""
    try:
        return max(1, source.path.stat().st_size)
    except OSError:
        return 1
