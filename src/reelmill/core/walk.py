"""Walk a tree of folders that may be deeper than Python's stack."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

Level = tuple[str, list[str], list[str]]


def walk(
    top: str | os.PathLike[str],
    onerror: Callable[[OSError], None] | None = None,
    *,
    followlinks: bool = False,
) -> Iterator[Level]:
    """Like `os.walk` from the top down, but without recursion, which `os.walk` uses before Python
    3.12.

    Args:
        top: the folder to begin with.
        onerror: called with the error if a folder cannot be listed.
        followlinks: go into linked folders too.

    Yields:
        A folder, the names of the folders in it (take some out to leave them out), and of the
        files.
    """
    waiting = [os.fspath(top)]
    while waiting:
        at = waiting.pop()
        try:
            with os.scandir(at) as listed:
                entries = [(entry.name, _is_folder(entry)) for entry in listed]
        except OSError as error:
            if onerror is not None:
                onerror(error)
            continue
        folders = [name for name, is_folder in entries if is_folder]
        yield at, folders, [name for name, is_folder in entries if not is_folder]
        for name in reversed(folders):
            below = os.path.join(at, name)  # noqa: PTH118 (names stay as they are)
            if followlinks or not os.path.islink(below):  # noqa: PTH114
                waiting.append(below)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False
