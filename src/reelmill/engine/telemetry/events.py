"""The events of a run, as types for any number of listeners."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

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
class Progressed:
    """The progress of the run, four times a second."""

    snapshot: Snapshot


@dataclass(frozen=True)
class RunEnded:
    """The run is over and reports are written. This is the last event."""

    summary: RunSummary


Event = Noted | Warned | Planned | RecordingFinished | Progressed | RunEnded

#: Receives events in the coordinator's thread, so it must not block.
Emit = Callable[[Event], None]


def ignore(event: Event) -> None:
    """An observer for callers who need only the summary."""
