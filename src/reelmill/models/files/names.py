"""Decide whether a model's name is a path or a name."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from reelmill.core.notices import announce

_WRITTEN_AS_PATH = (".", "/", "~")


def given_path(name: str, known: Collection[str] = ()) -> Path | None:
    """The path that a model's name means; None if it is a name.

    Files in the current folder never replace a model known by name or a hub repository
    (`owner/name`): recordings and untrusted files may lie there.

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
