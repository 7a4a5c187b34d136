"""Paths of shipped assets, of the user's settings and of the user's cache."""

from __future__ import annotations

import os
from pathlib import Path

from reelmill.core import gate

#: Sample recordings and small models that ship with the package.
ASSETS = Path(__file__).resolve().parents[1] / "assets"
#: The folder for results if none is named.
DEFAULT_OUT = Path("analysis-results")


def caches() -> Path:
    """The user's cache folder, for data that can be created again."""
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()


def user_cache() -> Path:
    """The folder named in `REELMILL_CACHE`, otherwise Reelmill's folder in the user's cache. It is
    opened for writing."""
    folder = os.environ.get("REELMILL_CACHE")
    return gate.own(Path(folder).expanduser() if folder else caches() / "reelmill")


def user_config() -> Path:
    """Reelmill's folder in the user's configuration, opened for writing. Nobody else writes
    there."""
    from platformdirs import user_config_path

    return gate.own(user_config_path("reelmill", appauthor=False))
