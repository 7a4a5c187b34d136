"""Where shipped assets are, and where the user's settings and what is remembered of this machine
are kept."""

from __future__ import annotations

import os
from pathlib import Path

from reelmill.core import gate

#: Sample recordings and small models that are shipped with the package.
ASSETS = Path(__file__).resolve().parents[1] / "assets"


def caches() -> Path:
    """Where programs of this user keep what they can make again."""
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()


def user_cache() -> Path:
    """The folder `REELMILL_CACHE`, else one of our own in the user's cache; open for writing."""
    folder = os.environ.get("REELMILL_CACHE")
    return gate.own(Path(folder).expanduser() if folder else caches() / "reelmill")


def user_config() -> Path:
    """The user's own folder of settings: nobody else writes there; open for writing."""
    from platformdirs import user_config_path

    return gate.own(user_config_path("reelmill", appauthor=False))
