"""Recordings known to earlier runs that are no longer at their paths: moved, or gone."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Set
from pathlib import Path

from reelmill.engine.state.run_db import Original

_MOST_NAMES = 5


class LostOriginals:
    """Recognizes moved recordings by content: a new file with the same content is the lost one."""

    def __init__(self, known: Iterable[Original]) -> None:
        """`known` are the recordings of earlier runs."""
        self._by_content: defaultdict[str, list[Original]] = defaultdict(list)
        self._unread: list[Original] = []
        for original in known:
            if os.path.lexists(original.path):
                continue
            if original.before is None:
                self._unread.append(original)
            else:
                self._by_content[original.before.sha256].append(original)

    def claim(self, path: str, sha256: str) -> Original | None:
        """The lost recording that the new file at `path` is, if any. Of several with the same
        content, the one with the same file name."""
        lost = [one for one in self._by_content.get(sha256, ()) if not os.path.lexists(one.path)]
        same = [one for one in lost if Path(one.path).name == Path(path).name]
        found = next(iter(same or lost), None)
        if found is not None:
            self._by_content[sha256].remove(found)
        return found

    def sentences(self, asked_for: Set[str]) -> tuple[str | None, str | None]:
        """What to say about lost recordings that no new file matches: a warning if unfinished, else
        a note. A recording that was `asked_for` by path fails instead."""
        left = [*self._unread, *(one for some in self._by_content.values() for one in some)]
        left = [one for one in left if one.path not in asked_for]
        finished = [one.path for one in left if one.outcome is not None]
        unfinished = [one.path for one in left if one.outcome is None]
        return (
            _sentence(unfinished, "no longer there and not finished"),
            _sentence(finished, "no longer there; their results are kept"),
        )


def _sentence(paths: list[str], what: str) -> str | None:
    if not paths:
        return None
    names = ", ".join(sorted(paths)[:_MOST_NAMES])
    more = f" and {len(paths) - _MOST_NAMES:,} more" if len(paths) > _MOST_NAMES else ""
    return f"known from an earlier run, {what}: {names}{more}"
