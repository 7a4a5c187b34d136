"""Files of results in the output folder: their names, and how they are written and recorded."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from reelmill.artifacts import ExportedFile
from reelmill.core.atomic import NAME_MAX_BYTES, shortened, write_together
from reelmill.core.recording import Recording, read_state

#: Bytes kept free after a name for suffixes, including those of future formats.
_SUFFIX_ROOM = 16


def write_exports(
    root: Path, recording: Recording, contents: Mapping[str, bytes]
) -> list[ExportedFile]:
    """Write files below `root`, named after the recording; `contents` by suffix. Raises as
    `replacing` does."""
    paths = {suffix: export_path(recording.name, suffix) for suffix in contents}
    write_together({root / paths[one]: data for one, data in contents.items()}, of=recording)
    return [
        ExportedFile(paths[one], hashlib.sha256(data).hexdigest(), len(data))
        for one, data in contents.items()
    ]


def file_facts(root: Path, path: str) -> ExportedFile:
    """The record of a file that a library wrote by name; the hash is of what is on the disk."""
    state = read_state(root / path)
    return ExportedFile(path, state.sha256, state.size)


def export_path(name: str, suffix: str) -> str:
    """The path of a recording's export below the output folder, with forward slashes.

    A last part too long for a file name is cut and gets eight digits of the whole name's hash, so
    that names that differ only in the cut part stay different, and are the same in every run.
    """
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or not path.name:
        raise ValueError(f"{name!r} is no name below the output folder")
    stem, limit = path.name, NAME_MAX_BYTES - _SUFFIX_ROOM
    if len(os.fsencode(stem)) > limit:
        digest = hashlib.sha256(os.fsencode(name)).hexdigest()[:8]
        stem = f"{shortened(stem, limit - len(digest) - 1)}~{digest}"
    return str(path.with_name(f"{stem}.{suffix}"))
