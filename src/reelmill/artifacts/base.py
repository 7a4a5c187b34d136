"""What all artifacts share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar


@dataclass
class Artifact:
    """Base of all stage results: plain dataclasses of JSON-able fields, times in seconds.

    `schema` names the JSON form (`name/version`). `sidecars` are files the artifact refers to,
    relative to the recording's folder: while one is missing the artifact is not whole.
    """

    schema: ClassVar[str] = ""

    def sidecars(self) -> list[str]:
        return []

    def facts(self) -> dict[str, Any]:
        """What a report says about the recording: `media_seconds`, `language`, `outputs`, `notes`
        (in plain words what its reader should know)."""
        return {}
