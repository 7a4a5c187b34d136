"""Starts a command's first workers before the command itself is imported.

That takes a quarter of a second in one process, while the other cores have nothing to do. This
module therefore imports little.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from reelmill.core import gate
from reelmill.core.cores import usable_cores
from reelmill.core.paths import DEFAULT_OUT
from reelmill.engine.process.early import EarlyWorkers

#: The workers that even a single recording needs: one more than there are recordings.
_NEEDED = 2
#: Options with which the work is done elsewhere, or by an engine that has its workers.
_ELSEWHERE = ("on", "claim", "shard", "engine")


@contextlib.contextmanager
def head_start(options: Mapping[str, Any], imports: Sequence[str]) -> Iterator[EarlyWorkers | None]:
    """During the block, there are workers that import `imports`, if a run with these options will
    probably need them. The run decides; those that it does not take end with the block.

    Args:
        options: those of the command; None where one was not given.
        imports: modules that the workers need.
    """
    # One core is left for the command, which all wait for in the end.
    count = min(_NEEDED, usable_cores() - 1, options.get("workers") or _NEEDED)
    if count < 1 or not _is_of_use(options):
        yield None
        return
    early = EarlyWorkers()
    try:
        early.begin(count, imports)
        yield early
    finally:
        early.close()


def _is_of_use(options: Mapping[str, Any]) -> bool:
    if any(options.get(name) for name in _ELSEWHERE):
        return False
    out = options.get("out") or os.environ.get("REELMILL_OUT") or DEFAULT_OUT
    return not (Path(out) / gate.CACHE).exists()  # there may be nothing left to do
