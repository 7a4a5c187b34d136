"""Reelmill turns recordings into transcripts, subtitles, findings and clips.

    import reelmill
    for result in reelmill.transcribe(["calls/"], model="large-v3"):
        print(result.recording, result.status, result.text)

Names in `__all__` are imported at first use.
"""

from __future__ import annotations

import importlib
import logging
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reelmill.api import Results, cut_faces, subtitle, transcribe
    from reelmill.artifacts import Finding
    from reelmill.engine.telemetry.engine_snapshot import EngineSnapshot
    from reelmill.engine.telemetry.events import (
        Event,
        Noted,
        Planned,
        Previewed,
        Progressed,
        RecordingFinished,
        RunEnded,
        Warned,
    )
    from reelmill.engine.telemetry.metrics import RunSummary
    from reelmill.errors import (
        CrashError,
        Failure,
        InputError,
        ModelUnavailableError,
        ReelmillError,
        ResourceError,
        RunClosedError,
        RunStoppedError,
        TransientError,
        UsageError,
    )
    from reelmill.runs.engine import Engine
    from reelmill.runs.results import FacesResult, RecordingResult, SubtitleResult, TranscriptResult
    from reelmill.runs.run import Run

__version__ = "0.2.0"

__all__ = [
    "CrashError",
    "Engine",
    "EngineSnapshot",
    "Event",
    "FacesResult",
    "Failure",
    "Finding",
    "InputError",
    "ModelUnavailableError",
    "Noted",
    "Planned",
    "Previewed",
    "Progressed",
    "RecordingFinished",
    "RecordingResult",
    "ReelmillError",
    "ResourceError",
    "Results",
    "Run",
    "RunClosedError",
    "RunEnded",
    "RunStoppedError",
    "RunSummary",
    "SubtitleResult",
    "TranscriptResult",
    "TransientError",
    "UsageError",
    "Warned",
    "__version__",
    "cut_faces",
    "subtitle",
    "transcribe",
]

_HOMES = {
    "reelmill.artifacts": ("Finding",),
    "reelmill.api": ("Results", "cut_faces", "subtitle", "transcribe"),
    "reelmill.engine.telemetry.engine_snapshot": ("EngineSnapshot",),
    "reelmill.engine.telemetry.events": (
        "Event", "Noted", "Planned", "Previewed", "Progressed", "RecordingFinished", "RunEnded",
        "Warned",
    ),
    "reelmill.engine.telemetry.metrics": ("RunSummary",),
    "reelmill.errors": (
        "CrashError", "Failure", "InputError", "ModelUnavailableError", "TransientError",
        "ReelmillError", "ResourceError", "RunClosedError", "RunStoppedError", "UsageError",
    ),
    "reelmill.runs.engine": ("Engine",),
    "reelmill.runs.results": (
        "FacesResult", "RecordingResult", "SubtitleResult", "TranscriptResult",
    ),
    "reelmill.runs.run": ("Run",),
}  # fmt: skip
_HOME = {name: module for module, names in _HOMES.items() for name in names}

# A library is silent unless the program that uses it configures logging.
logging.getLogger(__name__).addHandler(logging.NullHandler())


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
