"""Whether a model's name is the path of a file or folder, or a name."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from reelmill.core.notices import announce

_WRITTEN_AS_PATH = (".", "/", "~")


def given_path(name: str, known: Collection[str] = ()) -> Path | None:
    """The path that a model's name means; None when it is a name.

    What lies in the current folder never takes the place of a model known by its name, nor of a
    hub repository (`owner/name`): there may be recordings and whatever else came with them.

    Args:
        name: as the user wrote it, or as our own tables have it.
        known: names that are never paths.
    """
    path = Path(name).expanduser()
    if name.startswith(_WRITTEN_AS_PATH):
        return path
    if name in known:
        return None
    if name.count("/") != 1:
        return path if path.exists() else None
    if path.exists():
        announce(f"{name}: read as a hub repository; write ./{name} for the folder here")
    return None
