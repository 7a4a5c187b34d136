"""The figures of a run that all reports show."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from reelmill.artifacts import Severity
from reelmill.engine.telemetry.metrics import FileOutcome, ModelWorkerTotals, RunSummary
from reelmill.report import wording


@dataclass(frozen=True)
class Figures:
    """Counts, times in seconds, shares from 0 to 1.

    `reused` recordings were done by an earlier run. They count as done, but not in the speed and
    the mean, which describe the work of this run; neither do those that failed earlier.
    None means that there was nothing to measure. `medium` says what `media_seconds` are seconds of.
    """

    total: int
    done: int
    failed: int
    waiting: int
    reused: int
    seconds: float
    media_seconds: float
    medium: str
    speed: float | None
    seconds_per_recording: float | None
    gpu_share: float | None

    @property
    def cpu_share(self) -> float | None:
        return None if self.gpu_share is None else 1.0 - self.gpu_share


def figures(run: RunSummary) -> Figures:
    """The figures of `run`."""
    counts, media, worked, reused = Counter[str](), 0.0, 0, 0
    for one in run.outcomes:
        counts[one.status] += 1
        reused += one.reused and one.status == "done"
        if not one.reused and one.status != "waiting":
            worked += 1
            media += (one.media_seconds or 0.0) if one.status == "done" else 0.0
    timed = run.seconds > 0
    return Figures(
        total=len(run.outcomes),
        done=counts["done"],
        failed=counts["failed"],
        waiting=counts["waiting"],
        reused=reused,
        seconds=run.seconds,
        media_seconds=media,
        medium=wording.medium(run.pipeline),
        speed=media / run.seconds if media and timed else None,
        seconds_per_recording=run.seconds / worked if worked else None,
        gpu_share=_gpu_share(run),
    )


def with_findings(run: RunSummary, severity: Severity) -> list[FileOutcome]:
    """The recordings with findings of that severity, ordered by name."""
    found = (o for o in run.outcomes if o.status == "done" and o.count(severity))
    return sorted(found, key=lambda outcome: outcome.path)


def failures(run: RunSummary) -> list[FileOutcome]:
    """The failed recordings, ordered by name."""
    return sorted((o for o in run.outcomes if o.status == "failed"), key=lambda o: o.path)


def changed_originals(run: RunSummary) -> list[FileOutcome]:
    """The recordings whose original has changed since before the run."""
    return sorted((o for o in run.outcomes if o.changed), key=lambda o: o.path)


def notes_of_all(run: RunSummary) -> list[str]:
    """Notes shared by all recordings that were done, if there are several, without those of the run
    itself."""
    first, every, noted = list[str](), set[str](), 0
    for outcome in run.outcomes:
        if outcome.status == "done":
            first, every = (first, every) if noted else (outcome.notes, set(outcome.notes))
            every.intersection_update(outcome.notes)
            noted += 1
    every.difference_update(run.notes)
    return [note for note in first if note in every] if noted > 1 else []


def on_gpu(worker: ModelWorkerTotals) -> bool:
    return not worker.device.startswith("cpu")


def _gpu_share(run: RunSummary) -> float | None:
    """Busy time on GPUs as a share of all busy time, of model workers and the CPU pool together."""
    gpu = sum(worker.busy_seconds for worker in run.model_workers if on_gpu(worker))
    cpu = sum(worker.busy_seconds for worker in run.model_workers if not on_gpu(worker))
    cpu += sum(stage.cpu_seconds for stage in run.stages)
    return gpu / (gpu + cpu) if gpu + cpu > 0 else None
