"""The events of a run, as types for any number of listeners."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reelmill.artifacts import ExportedFile
from reelmill.core.recording import FileState, Recording
from reelmill.engine.telemetry.metrics import FileOutcome, RunSummary, StageTotals


@dataclass(frozen=True)
class Snapshot:
    """The progress of a run.

    `seconds` since it began; `media_seconds` is the length of what was finished in this run;
    `queued_items` wait for a model, by stage; `memory_mb` is what all its processes have,
    `cpu_percent` what they use, in percent of one core. None where nothing is known yet.
    """

    seconds: float
    recordings: int
    done: int
    failed: int
    reused: int
    media_seconds: float
    stages: Sequence[StageTotals]
    queued_items: dict[str, int]
    remaining_seconds: float | None
    memory_mb: float | None
    cpu_percent: float | None


@dataclass(frozen=True)
class Noted:
    """Something was decided for the run, or is unavailable. `text` is for people."""

    text: str


@dataclass(frozen=True)
class Warned:
    """Something went wrong that does not end the run. `text` is for people."""

    text: str


@dataclass(frozen=True)
class Planned:
    """The run has `recordings` in total, `reused` of them finished by earlier runs. Emitted again
    whenever recordings are added."""

    recordings: int
    reused: int


@dataclass(frozen=True)
class RecordingFinished:
    """A recording is done or has failed permanently, or an earlier run had finished it
    (`outcome.reused`)."""

    outcome: FileOutcome


@dataclass(frozen=True)
class Identified:
    """The content of an original was hashed before the work, or `again` after it."""

    path: Path
    name: str
    state: FileState
    again: bool = False


@dataclass(frozen=True)
class StageKept:
    """A stage's result for a recording exists.

    `file` is the artifact, `beside` the SHA-256 of the files beside it by name, `sources` what it
    was made from (`stage-key`), `exported` what was written for people. `is_adopted`: an
    interrupted run made it, and this one found it.
    """

    recording: Recording
    stage: str
    version: int
    file: Path
    sha256: str
    beside: dict[str, str]
    sources: list[str]
    exported: list[ExportedFile]
    is_adopted: bool


@dataclass(frozen=True)
class Previewed:
    """A model has found something in a recording that is not done yet; only in runs with
    `previews`. Later stages may change it.

    `output` is that of the stage's item number `index`: for `recognize` a `RecognizedWindow`. They
    come in the order of the items, from the first one again when the stage is tried again.
    """

    path: Path
    stage: str
    index: int
    output: Any


@dataclass(frozen=True)
class Progressed:
    """The progress of the run, four times a second."""

    snapshot: Snapshot


@dataclass(frozen=True)
class RunEnded:
    """The run is over and reports are written. This is the last event."""

    summary: RunSummary


#: Events that are only for the custody log: one for each piece of work.
Detail = Identified | StageKept
Event = Noted | Warned | Planned | RecordingFinished | Previewed | Progressed | RunEnded

#: Receives events in the coordinator's thread, so it must not block.
Emit = Callable[[Event | Detail], None]


def ignore(event: Event | Detail) -> None:
    """An observer for callers who need only the summary."""
