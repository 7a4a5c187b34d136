"""The figures counted during a run, and its summary at the end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from reelmill.artifacts import Finding, Severity
from reelmill.errors import Failure


@dataclass(frozen=True)
class BatchRecord:
    """One batch as it went through a model worker; written as a line of `metrics.jsonl`.

    `seconds` is the time inside the model worker; `started` counts from the start of the run;
    `cost` is the sum of the items' costs, `padded_cost` what they cost at the longest one's size.
    On an engine that runs share, all of these are the run's part; `other_items` of other runs were
    in the batch.
    """

    stage: str
    worker: str
    device: str
    started: float
    seconds: float
    items: int
    cost: float
    padded_cost: float
    batch_size: int
    items_per_s: float
    files_done: int
    files_failed: int
    device_memory_mb: float | None
    host_memory_mb: float
    cpu_percent: float
    other_items: int = 0

    def as_line(self) -> dict[str, Any]:
        return {"event": "batch", **asdict(self)}


@dataclass
class StageTotals:
    """What one stage cost over the whole run.

    `cpu_seconds` is time in the CPU pool, `model_seconds` time inside model workers (wall clock,
    summed over processes); `reused` counts recordings whose artifact was there already.
    """

    name: str
    done: int = 0
    reused: int = 0
    failed: int = 0
    items: int = 0
    batches: int = 0
    cpu_seconds: float = 0.0
    model_seconds: float = 0.0
    first_at: float | None = None
    last_at: float | None = None
    #: What it does, in plain words.
    display_name: str = ""
    #: Items of other runs in the same batches, on an engine that runs share.
    other_items: int = 0


@dataclass
class ModelWorkerTotals:
    """One model worker. `busy_share` is the share of time between its first and last batch in which
    it was inferring."""

    worker: str
    model: str
    device: str
    batches: int = 0
    items: int = 0
    busy_seconds: float = 0.0
    first_at: float | None = None
    last_at: float | None = None
    starts: int = 0
    peak_memory_mb: float | None = None

    def count(
        self,
        items: int,
        started: float,
        ended: float,
        memory_mb: float,
        seconds: float | None = None,
    ) -> None:
        """Count another finished batch. `seconds`: the part of its time that counts; None: all."""
        self.batches += 1
        self.items += items
        self.busy_seconds += ended - started if seconds is None else seconds
        self.first_at = started if self.first_at is None else self.first_at
        self.last_at = ended
        self.peak_memory_mb = max(self.peak_memory_mb or 0, memory_mb)

    @property
    def busy_share(self) -> float | None:
        if self.first_at is None or self.last_at is None or self.last_at <= self.first_at:
            return None
        return min(1.0, self.busy_seconds / (self.last_at - self.first_at))


@dataclass(slots=True)
class FileOutcome:
    """The outcome for one recording. `status`: done, failed, or waiting when the run stopped.

    `media_seconds` is its length; `changed` names what differs in the original after the run;
    `notes` are remarks for readers of the results in plain words, `findings` report what is
    damaged, guessed or left out, and where.
    """

    path: str
    name: str
    status: str
    media_seconds: float | None
    seconds: float
    reused: bool
    failure: Failure | None = None
    changed: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)
    language: str | None = None
    notes: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    def count(self, severity: Severity) -> int:
        """The number of findings with that severity."""
        return sum(finding.severity == severity for finding in self.findings)


@dataclass
class MemoryUse:
    """Maximum and mean memory use over the run, and the total memory, in MB."""

    maximum_mb: float
    mean_mb: float
    total_mb: float


@dataclass(frozen=True)
class Table:
    """A table for the report page: cells are texts, or several lines of text."""

    title: str
    columns: list[str]
    rows: list[list[str | list[str]]]
    note: str = ""


@dataclass
class RunSummary:
    """Everything that reports say about a run. Times in seconds; `started` is ISO 8601 with time
    zone."""

    pipeline: str
    started: str
    seconds: float
    version: str
    device: str
    device_reason: str
    #: Model names by purpose and name (`recognizer demo`).
    models: dict[str, str]
    workers: int
    batch_size: int
    outcomes: Sequence[FileOutcome]
    stages: list[StageTotals]
    model_workers: list[ModelWorkerTotals]
    host_memory: MemoryUse | None = None
    device_memory: MemoryUse | None = None
    device_utilization: float | None = None
    cpu_percent: float | None = None
    warnings: list[str] = field(default_factory=list)
    #: Decisions for the run, and what was unavailable, for people.
    notes: list[str] = field(default_factory=list)
    stopped: str | None = None
    #: Which files in the given folders were not processed, for people.
    left_out: list[str] = field(default_factory=list)
    #: The hash of the manifest of all results (hex); None if there is none.
    manifest_sha256: str | None = None
    #: The head of the custody log (hex) and the number of its entries; None if there is none.
    custody_head: str | None = None
    custody_entries: int = 0
    #: Reports and evidence that could not be written, and why.
    unwritten: list[str] = field(default_factory=list)
    #: What was found over all recordings, for the page.
    tables: list[Table] = field(default_factory=list)

    def count(self, status: str) -> int:
        """Recordings that are `done`, `failed` or `waiting`."""
        return sum(outcome.status == status for outcome in self.outcomes)
