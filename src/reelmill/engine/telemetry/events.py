"""What a run tells while it goes on; the command line decides how it looks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from reelmill.engine.telemetry.metrics import FileOutcome, StageTotals


@dataclass(frozen=True)
class Snapshot:
    """Where a run stands. `media_seconds` is the length of what was finished in this run."""

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


class Observer(Protocol):
    """Is told; never asked."""

    def noted(self, text: str) -> None: ...

    def planned(self, recordings: int, reused: int) -> None: ...

    def finished(self, outcome: FileOutcome) -> None: ...

    def warned(self, text: str) -> None: ...

    def moved(self, snapshot: Snapshot) -> None: ...


class Silent:
    """An observer for those who only want the summary."""

    def noted(self, text: str) -> None:
        pass

    def planned(self, recordings: int, reused: int) -> None:
        pass

    def finished(self, outcome: FileOutcome) -> None:
        pass

    def warned(self, text: str) -> None:
        pass

    def moved(self, snapshot: Snapshot) -> None:
        pass
