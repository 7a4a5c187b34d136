"""Where is kept what is remembered of this machine, for all output folders."""

from __future__ import annotations

import os
from pathlib import Path


def caches() -> Path:
    """Where programs of this user keep what they can make again."""
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()


def user_cache() -> Path:
    """The folder `REELMILL_CACHE`, else one of our own in the user's cache."""
    folder = os.environ.get("REELMILL_CACHE")
    if folder:
        return Path(folder).expanduser()
    return caches() / "reelmill"
