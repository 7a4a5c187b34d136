"""The data that a writer receives: a transcript and its source."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from reelmill.artifacts import Acoustics, Findings, Scores, Segment, Transcript, Turn
from reelmill.artifacts.corrections import CorrectionLayer
from reelmill.export.source import Source
from reelmill.export.transcript.case import Case
from reelmill.export.transcript.cues import spoken
from reelmill.export.transcript.provenance import Provenance


@dataclass(frozen=True)
class Correction:
    """What people corrected, and the transcript as the machine made it."""

    layer: CorrectionLayer
    machine: Transcript


@dataclass(frozen=True)
class Document:
    """A transcript with its source and settings. `turns` say who speaks when, if known. `findings`
    are those of further stages. `captions`, whose text has line breaks, are what timed formats
    show; by default these are the segments. `case` and `provenance` are for records.
    `acoustics` and `scores` are those of a forensic run."""

    transcript: Transcript
    source: Source
    settings: Mapping[str, Any] = field(default_factory=dict)
    turns: Sequence[Turn] = ()
    findings: Sequence[Findings] = ()
    captions: Sequence[Segment] | None = None
    case: Case | None = None
    provenance: Provenance | None = None
    acoustics: Acoustics | None = None
    scores: Scores | None = None
    correction: Correction | None = None

    @property
    def shown(self) -> Sequence[Segment]:
        """The captions, or otherwise the segments."""
        if self.captions is not None:
            return self.captions
        return [replace(segment, text=text) for segment, text in spoken(self.transcript)]
