"""What a run tells while it goes on: typed events for any number of listeners."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from reelmill.engine.telemetry.metrics import FileOutcome, RunSummary, StageTotals


@dataclass(frozen=True)
class Snapshot:
    """Where a run stands.

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
    """Something was decided for the run, or is missing; `text` is for people."""

    text: str


@dataclass(frozen=True)
class Warned:
    """Something went wrong that does not end the run; `text` is for people."""

    text: str


@dataclass(frozen=True)
class Planned:
    """The run has `recordings` in all, `reused` of them finished by earlier runs. Comes again
    whenever recordings are added."""

    recordings: int
    reused: int


@dataclass(frozen=True)
class RecordingFinished:
    """A recording is done, or has failed for good; or an earlier run had finished it
    (`outcome.reused`)."""

    outcome: FileOutcome


@dataclass(frozen=True)
class Progressed:
    """Where the run stands, four times a second."""

    snapshot: Snapshot


@dataclass(frozen=True)
class RunEnded:
    """The run is over, reports are written; no event comes after this one."""

    summary: RunSummary


Event = Noted | Warned | Planned | RecordingFinished | Progressed | RunEnded

#: Is told events, in the coordinator's thread: it must not block.
Emit = Callable[[Event], None]


def ignore(event: Event) -> None:
    """For those who only want the summary."""
