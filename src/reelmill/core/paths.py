"""Where shipped assets are, and where what is remembered of this machine is kept."""

from __future__ import annotations

import os
from pathlib import Path

#: Sample recordings and small models that are shipped with the package.
ASSETS = Path(__file__).resolve().parents[1] / "assets"


def caches() -> Path:
    """Where programs of this user keep what they can make again."""
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()


def user_cache() -> Path:
    """The folder `REELMILL_CACHE`, else one of our own in the user's cache."""
    folder = os.environ.get("REELMILL_CACHE")
    if folder:
        return Path(folder).expanduser()
    return caches() / "reelmill"
