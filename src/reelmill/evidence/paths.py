"""How evidence names files: relative to the output folder, so that both can move together."""

from __future__ import annotations

import os
from pathlib import Path


class Folder:
    """An output folder, as the place names are relative to."""

    def __init__(self, out: Path) -> None:
        self._given = os.path.abspath(out)
        self._real = os.path.realpath(out)

    def name(self, path: Path | str) -> str:
        """`path`, absolute or starting at this folder, as seen from here.

        For files elsewhere the folder is resolved, because `..` inside a linked folder leads to
        the link's target: only so does the name work for a program that was started here.
        """
        target = os.path.normpath(Path(self._given, path))
        inside = self._given + os.sep
        if target.startswith(inside):
            return target[len(inside) :]
        return os.path.relpath(target, self._real)

    def locate(self, name: str) -> Path:
        """The file that has this name, for opening."""
        return Path(self._real, name)
