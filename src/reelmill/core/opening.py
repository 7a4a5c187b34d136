"""Opening a file that somebody else may have put where it is."""

from __future__ import annotations

import os
from pathlib import Path


def open_unlinked(path: Path) -> int:
    """A descriptor for reading what lies at `path` itself. It does not wait for a pipe; whether it
    is a regular file is for the caller to look at.

    Raises:
        OSError: it cannot be opened; ELOOP for a link.
    """
    return os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
