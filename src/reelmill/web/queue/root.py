"""The folder below which recordings and output folders can be picked."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from reelmill.runs.sources import is_media
from reelmill.web.errors import Refused

#: The most entries that are listed of one folder.
_MOST = 2000


@dataclass(frozen=True)
class Entry:
    """A folder, or a recording with its size in bytes."""

    name: str
    path: str
    size: int | None = None


@dataclass(frozen=True)
class Listing:
    """What is in a folder, by paths below the root. `is_cut`: there is more."""

    path: str
    parent: str | None
    folders: list[Entry]
    recordings: list[Entry]
    is_cut: bool


class Root:
    """Finds what people pick. Nothing leads out of it: no `..`, and no link."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = None if folder is None else Path(os.path.realpath(folder))

    @property
    def folder(self) -> Path:
        """The root. Raises Refused where the server was started without one."""
        if self._folder is None:
            raise Refused(
                404, "no_root", "no folders can be picked; start the server with --root FOLDER"
            )
        return self._folder

    def find(self, path: str) -> Path:
        """What has that path below the root, by its real path.

        Raises:
            Refused: it is not there, is hidden, or leads out of the root.
        """
        found = self._checked(path)
        try:
            real = Path(os.path.realpath(found, strict=True))
        except (OSError, ValueError):
            raise Refused(404, "not_found", f"{path[:200]}: there is nothing here") from None
        if not self._has(real):
            raise _leads_out(path)
        return real

    def place(self, path: str) -> Path:
        """Where a new folder can be made below the root.

        Raises:
            Refused: it is hidden, is the root itself, leads out of it, or is no folder.
        """
        found = self._checked(path)
        real = Path(os.path.realpath(found))
        if not self._has(real):
            raise _leads_out(path)
        if real == self.folder:
            raise Refused(422, "bad_path", "results go into a folder below the root, not into it")
        if real.exists() and not real.is_dir():
            raise Refused(422, "bad_path", f"{path[:200]}: is not a folder")
        return real

    def listing(self, path: str) -> Listing:
        """The folders and recordings in a folder; hidden ones, and links that lead out, are left
        out.

        Raises:
            Refused: it is no folder that can be read.
        """
        folder = self.find(path)
        folders: list[Entry] = []
        recordings: list[Entry] = []
        try:
            with os.scandir(folder) as entries:
                for one in sorted(entries, key=lambda entry: entry.name):
                    shown = self._entry(one)
                    if shown is not None:
                        (folders if shown.size is None else recordings).append(shown)
        except OSError as error:
            raise Refused(
                404, "not_found", f"{path[:200]}: cannot be listed ({error.strerror})"
            ) from error
        below = folder.relative_to(self.folder)
        parent = None if folder == self.folder else _shown(below.parent)
        is_cut = len(folders) > _MOST or len(recordings) > _MOST
        return Listing(_shown(below), parent, folders[:_MOST], recordings[:_MOST], is_cut)

    def _entry(self, entry: os.DirEntry[str]) -> Entry | None:
        if entry.name.startswith("."):
            return None
        real = Path(os.path.realpath(entry.path))
        if not self._has(real):
            return None
        try:
            state = real.stat()
        except OSError:
            return None
        path = _shown(Path(entry.path).relative_to(self.folder))
        if stat.S_ISDIR(state.st_mode):
            return Entry(entry.name, path)
        if stat.S_ISREG(state.st_mode) and is_media(real):
            return Entry(entry.name, path, state.st_size)
        return None

    def _has(self, real: Path) -> bool:
        return real == self.folder or self.folder in real.parents

    def _checked(self, path: str) -> Path:
        parts = [part for part in path.split("/") if part]
        wrong = (
            path.startswith("/")
            or "\\" in path
            or len(path) > 4000
            or any(part.startswith(".") or ord(min(part)) < 32 for part in parts)
        )
        if wrong:
            raise Refused(400, "bad_path", "give a path below the root", f"path {path[:200]!r}")
        return self.folder.joinpath(*parts)


def _leads_out(path: str) -> Refused:
    return Refused(403, "outside_root", f"{path[:200]}: leads out of the root")


def _shown(path: Path) -> str:
    """A path below the root; that of the root is empty."""
    text = path.as_posix()
    return "" if text == "." else text
