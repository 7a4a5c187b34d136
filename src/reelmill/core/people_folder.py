"""The folder of `--people`: pictures or recordings of known people."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Example:
    """A picture or a recording of a person."""

    name: str
    path: Path


def examples(folder: Path, is_one: Callable[[Path], bool] = lambda path: True) -> list[Example]:
    """The files in `folder`, named after the files, and in its subfolders, named after the
    subfolder. Hidden files are left out.

    Args:
        folder: the folder.
        is_one: whether a file counts, by its path.
    """
    found = []
    for path in sorted(folder.rglob("*")):
        below = path.relative_to(folder).parts
        hidden = any(part.startswith(".") for part in below)
        if is_one(path) and path.is_file() and not hidden:
            name = path.stem if len(below) == 1 else below[0]
            found.append(Example(unicodedata.normalize("NFC", name), path))
    return found
