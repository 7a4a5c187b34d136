"""Writes the performance page of a run from what it measured."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from reelmill.core.atomic import write_text
from reelmill.core.cores import usable_cores
from reelmill.engine.config import EngineConfig
from reelmill.engine.execution.planning import Job
from reelmill.engine.telemetry.metrics import RunSummary
from reelmill.pages.language import Wording
from reelmill.report.files import PERFORMANCE_PAGE


@dataclass(frozen=True)
class PerformancePage:
    """Writes `performance.html`. `metrics` is the run's file of metrics; None where it could not be
    kept."""

    config: EngineConfig
    metrics: Path | None
    say: Wording

    def write(self, summary: RunSummary, jobs: Sequence[Job]) -> Iterator[Path]:
        """Write the page.

        Raises:
            OSError: it cannot be written, or what was measured cannot be read.
        """
        # NumPy is not imported at the start of a command, when nothing can run beside that.
        from reelmill.pages.performance import render_performance
        from reelmill.report.measurements import Measurements, measure

        workers, cores = self.config.workers, usable_cores()
        measured = Measurements(summary.seconds, max(summary.seconds, 1.0), workers, cores)
        if self.metrics is not None:
            measured = measure(self.metrics, summary.seconds, workers, cores)
        path = self.config.out / PERFORMANCE_PAGE
        page = render_performance(summary, measured, self.config.memory_limit, self.say)
        write_text(path, page)
        yield path
