"""What exports say about the original."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from reelmill.core.recording import Recording


@dataclass(frozen=True)
class Source:
    """The original that an export was made from: hashes in hex, size in bytes, mtime in ns.

    `name` is the file name without a folder, because exports are passed on to other machines.
    """

    name: str
    sha256: str
    md5: str
    size: int
    mtime_ns: int

    @property
    def modified(self) -> datetime | None:
        """The file's time in UTC; None outside the years 1 to 9999, which file systems allow."""
        try:
            return datetime.fromtimestamp(self.mtime_ns / 1e9, tz=timezone.utc)
        except (ValueError, OverflowError, OSError):
            return None

    @classmethod
    def of(cls, recording: Recording) -> Source:
        state = recording.state
        return cls(recording.path.name, state.sha256, state.md5, state.size, state.mtime_ns)


def source_facts(source: Source) -> dict[str, Any]:
    """What exports say about the original. `modified` is None for a time outside the calendar
    (years 1 to 9999); `mtime_ns` is always exact."""
    modified = source.modified
    return {
        "name": source.name,
        "sha256": source.sha256,
        "md5": source.md5,
        "size": source.size,
        "modified": modified and modified.isoformat(timespec="seconds"),
        "mtime_ns": source.mtime_ns,
    }
