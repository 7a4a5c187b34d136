"""The folder of an engine that several runs share, for the output of its processes."""

from __future__ import annotations

import contextlib
import itertools
import os
import re
from collections.abc import Iterator
from pathlib import Path

from reelmill.core import gate
from reelmill.core.paths import user_cache

_NAME = re.compile(r"(\d+)-\d+")
_numbers = itertools.count()


@contextlib.contextmanager
def work_folder() -> Iterator[Path]:
    """A new folder in the user's cache, which is removed at the end. Those of programs that were
    killed are removed first."""
    parent = gate.own(user_cache() / "engines")
    gate.make_folder(parent)
    for left in parent.iterdir():
        named = _NAME.fullmatch(left.name)
        if named is not None and not _is_running(int(named[1])):
            gate.discard_folder(left)
    folder = parent / f"{os.getpid()}-{next(_numbers)}"
    gate.discard_folder(folder)  # of a program that had the same number
    gate.make_folder(folder)
    try:
        yield folder
    finally:
        gate.discard_folder(folder)


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
