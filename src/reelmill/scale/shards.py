"""Shards: recordings divided among workers so that each has about the same amount of work."""

from __future__ import annotations

import heapq
import re
from collections.abc import Sequence
from dataclasses import dataclass

from reelmill.engine.execution.planning import Source
from reelmill.errors import UsageError

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


def _size(source: Source) -> int:
    """In bytes; at least 1, so that files that cannot be read are divided too."""
    try:
        return max(1, source.path.stat().st_size)
    except OSError:
        return 1
