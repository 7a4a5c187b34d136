"""Limits on one recording, so that a small file cannot use up the whole machine.

The settings reach worker processes as environment variables of the same names.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Any


@dataclass(frozen=True)
class MediaLimits:
    """The limits; each is a setting of the same name, described in `reelmill.settings`."""

    max_tracks: int = 64
    max_pixels: int = 8192 * 8192
    max_silence: float = 24 * 3600.0
    max_stretch: float = 1000.0

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> MediaLimits:
        """Read the limits from `environment`, as `variables` writes them, with defaults for the
        others."""
        given: dict[str, Any] = {}
        for field in fields(cls):
            if text := environment.get(f"REELMILL_{field.name.upper()}"):
                kind: Any = type(field.default)
                given[field.name] = kind(text)
        return cls(**given)

    def variables(self) -> dict[str, str]:
        """The limits as environment variables."""
        return {f"REELMILL_{f.name.upper()}": str(getattr(self, f.name)) for f in fields(self)}


def option(name: str) -> str:
    """The command-line option that sets a limit: `--max-pixels`."""
    return f"--{name.replace('_', '-')}"


@lru_cache(maxsize=1)
def limits() -> MediaLimits:
    """The limits of this process."""
    return MediaLimits.of(os.environ)
