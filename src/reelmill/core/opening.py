"""Open a file that somebody else may have placed."""

from __future__ import annotations

import os
from pathlib import Path


def open_unlinked(path: Path) -> int:
    """A descriptor for reading the file at `path` itself, without following a link or waiting for a
    pipe. The caller has to check that it is a regular file.

    Raises:
        OSError: it cannot be opened; ELOOP for a link.
    """
    return os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
