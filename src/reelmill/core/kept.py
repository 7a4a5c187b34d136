"""Small JSON files that runs keep for later runs in a folder of results. Only those with our key
are read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from reelmill.core.atomic import write_bytes
from reelmill.core.keys import user_key


def write_kept(path: Path, content: Mapping[str, Any]) -> None:
    """Save content under the user's key. Raises OSError as `atomic.replacing` does."""
    write_bytes(path, user_key().seal.signed(_purpose(path), content))


def read_kept(path: Path) -> dict[str, Any] | None:
    """Read what was saved under this name; None when there is nothing made with the user's key."""
    try:
        data = path.read_bytes()
        if user_key().seal.is_signed(_purpose(path), data):
            return dict(json.loads(data))
    except (OSError, ValueError):
        pass
    return None


def _purpose(path: Path) -> str:
    return f"kept as {path.name}"
