"""How evidence names files: relative to the output folder, so that both can move together."""

from __future__ import annotations

import os
import re
from pathlib import Path, PurePosixPath

_UP = ".."
#: What `normpath` takes out of a path.
_DETOUR = re.compile(r"//|/\.{1,2}(?:/|$)|/$")


class Folder:
    """An output folder, as the place names are relative to."""

    def __init__(self, out: Path) -> None:
        self._given = os.path.abspath(out)
        self._real = os.path.realpath(out)
        self._links: dict[str, bool] = {}

    def name(self, path: Path | str) -> str:
        """`path`, absolute or starting at this folder, as seen from here.

        For files elsewhere the folder is resolved, because `..` inside a linked folder leads to
        the link's target: only so does the name work for a program that was started here.
        """
        inside, given = self._given + os.sep, os.fspath(path)
        if given.startswith(inside) and not _DETOUR.search(given):  # thousands of them in a run
            return given[len(inside) :]
        target = os.path.normpath(os.path.join(self._given, given))  # noqa: PTH118
        if target.startswith(inside):
            return target[len(inside) :]
        return os.path.relpath(target, self._real)

    def locate(self, name: str) -> Path:
        """The file that has this name, for opening."""
        return Path(self._real, name)

    def links_to(self, name: str) -> list[str]:
        """The steps on the way to a file that are symbolic links, the file itself included."""
        parts = PurePosixPath(name).parts
        steps = ["/".join(parts[:end]) for end in range(1, len(parts) + 1) if parts[end - 1] != _UP]
        *folders, file = steps or [name]
        links = [folder for folder in folders if self._is_linked_folder(folder)]
        return [*links, *([file] if self.locate(file).is_symlink() else [])]

    def _is_linked_folder(self, name: str) -> bool:
        if name not in self._links:  # asked again for every file in it
            self._links[name] = self.locate(name).is_symlink()
        return self._links[name]


def is_plain(name: str, *, inside: bool = False) -> bool:
    """Whether `name` is one that `Folder.name` gives: relative, the shortest there is, and with
    `inside` of a file in the folder. Others come from somebody who edited a record."""
    try:
        os.fsencode(name)
    except UnicodeEncodeError:
        return False
    path = PurePosixPath(name)
    if "\0" in name or path.is_absolute() or name != os.path.normpath(name) or name == ".":
        return False
    return not inside or path.parts[0] != _UP
