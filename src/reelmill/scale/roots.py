"""Roots: the folders below which a worker reads and writes, each under a name.

Machines may mount the same folder in different places. A message names a file by the name of a root
and a path below it, and each machine says where its roots are.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from reelmill.errors import UsageError
from reelmill.scale.messages import MessageError, Place

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")


class Roots:
    """The roots of this machine, by name."""

    def __init__(self, folders: Mapping[str, Path]) -> None:
        """Use `folders`, which exist."""
        self._folders = dict(folders)

    @classmethod
    def parse(cls, texts: Sequence[str]) -> Roots:
        """Roots as a user writes them: `NAME=FOLDER`, or `FOLDER`, whose last part is its name.

        Raises:
            UsageError: a folder does not exist, or a name is not one or is given twice.
        """
        folders: dict[str, Path] = {}
        for text in texts:
            name, is_named, folder = text.rpartition("=")
            path = Path(os.path.abspath(Path(folder).expanduser()))
            name = name if is_named else path.name
            if not _NAME.fullmatch(name):
                raise UsageError(f"--roots {text}: {name!r} is no name; give NAME={path}")
            if not path.is_dir():
                raise UsageError(f"--roots {text}: there is no folder {path}")
            if name in folders:
                raise UsageError(
                    f"--roots {text}: two roots are called {name}; give one as NAME={path}"
                )
            folders[name] = path
        return cls(folders)

    def __str__(self) -> str:
        return ", ".join(f"{name}={folder}" for name, folder in self._folders.items())

    def path(self, place: Place) -> Path:
        """Where something is on this machine.

        Raises:
            MessageError: there is no root of that name, or the path leads out of it, by a link.
        """
        folder = self._folders.get(place.root)
        if folder is None:
            raise MessageError(
                f"there is no root {place.root} here; the roots of this worker: {self}"
            )
        path = folder / place.path
        real, root = os.path.realpath(path), os.path.realpath(folder)
        if os.path.commonpath((real, root)) != root or real == root:
            raise MessageError(f"{path}: leads out of the root {place.root}")
        return path

    def place(self, path: Path) -> Place | None:
        """How other machines call a path; None if it is below no root, or has a name that cannot be
        sent."""
        absolute = os.path.abspath(path)
        found: list[tuple[int, Place]] = []
        for name, folder in self._folders.items():
            if absolute.startswith(f"{str(folder).rstrip('/')}/"):
                below = os.path.relpath(absolute, folder)
                found.append((len(str(folder)), Place(name, below)))
        best = max(found, key=lambda one: one[0], default=None)
        if best is None or not _is_text(best[1].path):
            return None
        return best[1]


def roots_of_environment() -> list[str]:
    """The roots that `REELMILL_ROOTS` names, separated as in `PATH`."""
    return [one for one in os.environ.get("REELMILL_ROOTS", "").split(os.pathsep) if one]


def _is_text(path: str) -> bool:
    """Whether a path is Unicode. Others are bytes, which JSON has no way to write."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True
