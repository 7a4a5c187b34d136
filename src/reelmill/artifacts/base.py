"""What all artifacts share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from reelmill.artifacts.summary import RecordingSummary


@dataclass
class Artifact:
    """Base of all stage results: plain dataclasses of JSON-able fields, times in seconds.

    `schema` names the JSON form (`name/version`). `sidecars` are files that the artifact refers to,
    relative to the recording's folder. If one is missing, the artifact is incomplete. Fields that
    name files are `PlainName` or `PathBelow`.
    """

    schema: ClassVar[str] = ""

    def sidecars(self) -> list[str]:
        return []

    def summary(self) -> RecordingSummary:
        """What reports say about the recording because of this result."""
        return RecordingSummary()
