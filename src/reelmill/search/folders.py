"""One index of many output folders, so that all of them are searched at once."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from pathlib import Path

from reelmill.core import gate
from reelmill.core.written import RECORD
from reelmill.search.index import Hit, IndexedLines, Query


class FoldersIndex:
    """The index of many output folders, each with a name."""

    def __init__(self, place: Path) -> None:
        """
        Args:
            place: the folder that has what the output folders belong to; it names the index.

        Raises:
            UsageError: the index cannot be kept.
        """
        self._lines = IndexedLines(place / "*")

    def close(self) -> None:
        self._lines.close()

    def update(
        self,
        folders: Mapping[str, Path],
        busy: Collection[str] = (),
        stopped: Callable[[], bool] = lambda: False,
    ) -> list[str]:
        """Index new and changed results, and remove folders that are gone.

        A folder is looked through when something was written there by Reelmill, or something was
        added or removed in it, since it was last.

        Args:
            folders: by name, without slashes.
            busy: the names of those in which something may be written right now.
            stopped: asked before each folder; once it says so, the others are left to the next
                update.

        Returns:
            Messages about files that could not be searched.
        """
        lines = self._lines
        known = dict(lines.db.execute("SELECT name, stamp FROM folders"))
        stamps = {name: _stamp(out) for name, out in folders.items()}
        changed = [name for name in folders if name in busy or known.get(name) != stamps[name]]
        gone = known.keys() - folders.keys()
        for name in (*gone, *changed):  # each on its own, so that others can search meanwhile
            if stopped():
                break
            with lines.transaction():
                if name in gone:
                    lines.forget(f"{name}/")
                    lines.db.execute("DELETE FROM folders WHERE name = ?", (name,))
                else:
                    lines.refresh(folders[name], f"{name}/")
                    row = (name, stamps[name])
                    lines.db.execute("INSERT OR REPLACE INTO folders VALUES (?, ?)", row)
        return lines.problems()

    def search(self, query: Query) -> list[tuple[str, Hit]]:
        """The lines that match, each with its folder; if there are more than the limit, those of
        the folders indexed last. Arguments and errors as in `SearchIndex.search`."""
        found = []
        for hit in self._lines.search(query, latest=True):
            name, _, file = hit.file.partition("/")
            found.append((name, replace(hit, file=file)))
        return found


def _stamp(out: Path) -> str:
    """What changes when results are written, added or removed."""
    seen = []
    for path in (out, out / gate.CACHE / RECORD):
        try:
            state = os.stat(path)
        except OSError:
            seen.append("none")
        else:
            seen.append(f"{state.st_ino} {state.st_size} {state.st_mtime_ns}")
    return " ".join(seen)
