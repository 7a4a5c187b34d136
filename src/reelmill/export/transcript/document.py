"""What a writer may need to know about a transcript and where it came from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from typing import Any

from reelmill.artifacts import Findings, Segment, Transcript, Turn
from reelmill.core.recording import Recording
from reelmill.export.transcript.cues import spoken


@dataclass(frozen=True)
class Source:
    """The original a transcript was made from: hashes in hex, size in bytes, mtime in ns.

    `name` is the file's own name, without a folder: exports are handed on to other machines.
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


@dataclass(frozen=True)
class Document:
    """A transcript with its source and the settings it was made with; `turns` say who speaks
    when, where that is known; `findings` are what further stages found; `captions`, with line
    breaks in their text, are what timed formats show, by default the transcript's segments."""

    transcript: Transcript
    source: Source
    settings: Mapping[str, Any] = field(default_factory=dict)
    turns: Sequence[Turn] = ()
    findings: Sequence[Findings] = ()
    captions: Sequence[Segment] | None = None

    @property
    def shown(self) -> Sequence[Segment]:
        """What is shown at once, and until when."""
        if self.captions is not None:
            return self.captions
        return [replace(segment, text=text) for segment, text in spoken(self.transcript)]
