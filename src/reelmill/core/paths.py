"""Where shipped assets are, and where the user's settings and what is remembered of this machine
are kept."""

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


def user_config() -> Path:
    """The user's own folder of settings: nobody else writes there."""
    from platformdirs import user_config_path

    return user_config_path("reelmill", appauthor=False)
