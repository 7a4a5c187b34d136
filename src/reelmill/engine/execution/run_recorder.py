"""Records a run: totals by stage, the metrics file, and the figures of the summary."""

from __future__ import annotations

import contextlib
import itertools
import json
import logging
import os
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import IO, Any

from reelmill import __version__
from reelmill.core import gate
from reelmill.core.recording import FileState
from reelmill.engine.config import EngineConfig
from reelmill.engine.execution.planning import Job, Outcomes
from reelmill.engine.inference.replicas import BatchDone
from reelmill.engine.pipeline import Pipeline
from reelmill.engine.resources.monitor import Monitor, Sample
from reelmill.engine.stage import Device, ModelStage
from reelmill.engine.telemetry.events import (
    Emit,
    Identified,
    Noted,
    Planned,
    Previewed,
    Progressed,
    RecordingFinished,
    Snapshot,
    StageKept,
    Warned,
)
from reelmill.engine.telemetry.metrics import (
    BatchRecord,
    ModelWorkerTotals,
    RunSummary,
    StageTotals,
)
from reelmill.errors import reason

_log = logging.getLogger(__name__)
_RUNS_KEPT = 50
#: Counts the runs of this process, so that two on one folder within a second have different names.
_numbers = itertools.count()
#: The names of metrics files.
_METRICS = re.compile(r"\d{8}-\d{6}(-\d+)+\.jsonl")


class RunRecorder:
    """Counts everything and emits the events of a run."""

    def __init__(
        self, pipeline: Pipeline, config: EngineConfig, emit: Emit, monitor: Monitor
    ) -> None:
        self._pipeline = pipeline
        self._config = config
        self._emit = emit
        self.monitor = monitor
        self._stages = {
            stage.name: StageTotals(stage.name, display_name=stage.display_name)
            for stage in pipeline.stages
        }
        self._warnings: list[str] = []
        self._notes: list[str] = []
        self._jobs: list[Job] = []
        self._counts = {"done": 0, "failed": 0}
        self._reused = 0
        self._media_seconds = 0.0
        self._bytes_total = self._bytes_done = 0
        self._lines: IO[str] | None = None
        #: The metrics file, once there is one.
        self.metrics: Path | None = None
        self._began = time.monotonic()
        self._started_at = time.strftime("%Y-%m-%dT%H:%M:%S%z")

    @contextlib.contextmanager
    def open(self) -> Any:
        """The metrics file of this run."""
        folder = self._config.cache / "runs"
        gate.make_folder(folder)
        ours = [path for path in sorted(folder.iterdir()) if _METRICS.fullmatch(path.name)]
        for old in ours[:-_RUNS_KEPT]:
            gate.remove(old)
        name = time.strftime("%Y%m%d-%H%M%S") + f"-{os.getpid()}-{next(_numbers)}.jsonl"
        self.metrics = folder / name
        self._lines = os.fdopen(
            gate.create(self.metrics),
            "w",
            encoding="utf-8",
            errors="surrogateescape",
            buffering=1,
        )
        try:
            yield
        finally:
            lines, self._lines = self._lines, None
            if lines is not None:
                with contextlib.suppress(OSError):  # a full disk has been reported already
                    lines.close()

    def line(self, values: dict[str, Any]) -> None:
        """Write a line of metrics. A failure to do so does not fail the run. Errors with their
        tracebacks also go to the log."""
        if values.get("event") == "error":
            _log.error("%s\n%s", values.get("message", ""), values.get("trace", ""))
        if self._lines is not None:
            try:
                self._lines.write(json.dumps(values, ensure_ascii=False) + "\n")
            except OSError as error:
                lines, self._lines = self._lines, None
                with contextlib.suppress(OSError):
                    lines.close()
                self.warn(f"the metrics file can no longer be written: {reason(error)}")

    def warn(self, text: str) -> None:
        self._warnings.append(text)
        _log.warning("%s", text)
        self._emit(Warned(text))
        self.line({"event": "warning", "at": self.clock(), "text": text})

    def note(self, text: str) -> None:
        """Report a decision to listeners."""
        self._notes.append(text)
        _log.info("%s", text)
        self._emit(Noted(text))
        self.line({"event": "note", "at": self.clock(), "text": text})

    def clock(self) -> float:
        """Seconds since the run started."""
        return round(time.monotonic() - self._began, 4)

    @property
    def out(self) -> Path:
        """The run's output folder."""
        return self._config.out

    @property
    def task(self) -> str:
        """The name of the run's pipeline."""
        return self._pipeline.name

    @property
    def counts(self) -> tuple[int, int, int]:
        """Recordings in all, done and failed."""
        return len(self._jobs), self._counts["done"], self._counts["failed"]

    def planned(self, jobs: Sequence[Job]) -> None:
        """Count added recordings. Those finished by earlier runs count as done."""
        self._jobs.extend(jobs)
        reused = [job for job in jobs if job.reused]
        for job in reused:
            self._counts[job.status] += 1
        self._reused += len(reused)
        self._bytes_total += sum(job.size for job in jobs if not job.reused)
        self._emit(Planned(len(self._jobs), self._reused))
        for job in reused:
            self._emit(RecordingFinished(job.outcome()))

    def finished(self, job: Job) -> None:
        self._counts[job.status] += 1
        self._bytes_done += job.size
        outcome = job.outcome()
        self._media_seconds += outcome.media_seconds or 0.0
        self.line({"event": "recording", "at": self.clock(), **asdict(outcome)})
        self._emit(RecordingFinished(outcome))

    def identified(self, job: Job, state: FileState, *, again: bool = False) -> None:
        """Tell that an original was hashed, before the work or after it."""
        self._emit(Identified(job.path, job.original.name, state, again))

    def previewed(self, preview: Previewed) -> None:
        """Tell what a model has found so far."""
        self._emit(preview)

    def kept(self, result: StageKept) -> None:
        """Tell that a stage's result for a recording exists."""
        self._emit(result)

    def reused(self, stage: str) -> None:
        """Count a stage's result that already existed."""
        self._stages[stage].reused += 1

    def cpu_time(self, stage: str, seconds: float) -> None:
        """Count time of the CPU pool for a stage. Work outside stages is not counted."""
        self.line({"event": "task", "at": self.clock(), "stage": stage, "seconds": seconds})
        if stage in self._stages:
            self._stages[stage].cpu_seconds += seconds

    def stage_begins(self, stage: str) -> None:
        """Count that a stage starts for a recording."""
        totals = self._stages[stage]
        if totals.first_at is None:
            totals.first_at = self.clock()

    def stage_done(self, stage: str, key: str) -> None:
        """Count that a stage is done for a recording."""
        totals = self._stages[stage]
        totals.last_at = self.clock()
        totals.done += 1
        self.line({"event": "stage", "at": totals.last_at, "stage": stage, "key": key})

    def stage_broke_off(self, stage: str, *, failed: bool) -> None:
        """Count that a stage is not done for a recording, because it failed or the run stops."""
        totals = self._stages[stage]
        totals.last_at = self.clock()
        totals.failed += failed

    def batch(self, batch: BatchDone) -> None:
        """Count an inferred batch."""
        answer, items = batch.answer, batch.items
        seconds = batch.seconds
        totals = self._stages[batch.queue.stage.name]
        totals.batches += 1
        totals.items += len(items)
        totals.other_items += batch.others
        totals.model_seconds += seconds
        last = self.monitor.last
        record = BatchRecord(
            stage=batch.queue.stage.name,
            worker=batch.replica.name,
            device=str(batch.replica.device),
            started=round(answer.started - self._began, 4),
            seconds=round(seconds, 4),
            items=len(items),
            cost=round(batch.cost, 3),
            padded_cost=round(batch.padded_cost, 3),
            batch_size=batch.size,
            items_per_s=round(len(items) / seconds, 3) if seconds > 0 else 0.0,
            files_done=self._counts["done"],
            files_failed=self._counts["failed"],
            device_memory_mb=self._device_memory_mb(batch.replica.device),
            host_memory_mb=round(answer.memory_mb, 1),
            cpu_percent=last.cpu_percent if last else 0.0,
            other_items=batch.others,
        )
        self.line(record.as_line())

    def _device_memory_mb(self, device: Device) -> float | None:
        """The memory in use on a GPU in the last sample."""
        last = self.monitor.last
        if last is None or device.kind == "cpu":
            return None
        return next((d.used_mb for d in last.devices if d.index == device.index), None)

    def sample(self) -> Sample:
        """Sample CPU, memory and devices now."""
        sample = self.monitor.take()
        self.line(sample.as_line())
        return sample

    def progress(self, queued: Callable[[int], int]) -> None:
        """Emit the progress of the run. `queued`: the number of items per stage that wait for a
        model."""
        self._emit(Progressed(self._snapshot(queued)))

    def _snapshot(self, queued: Callable[[int], int]) -> Snapshot:
        last = self.monitor.last
        return Snapshot(
            seconds=self.clock(),
            recordings=len(self._jobs),
            done=self._counts["done"],
            failed=self._counts["failed"],
            reused=self._reused,
            media_seconds=self._media_seconds,
            stages=[replace(totals) for totals in self._stages.values()],
            queued_items={
                stage.name: queued(at)
                for at, stage in enumerate(self._pipeline.stages)
                if isinstance(stage, ModelStage)
            },
            remaining_seconds=self._remaining(),
            memory_mb=last.run_memory_mb if last else None,
            cpu_percent=last.cpu_percent if last else None,
        )

    def _remaining(self) -> float | None:
        """For recordings that were not opened yet, only the size in bytes is known."""
        if self._bytes_done < 0.02 * self._bytes_total or not self._bytes_done:
            return None
        return self.clock() * (self._bytes_total / self._bytes_done - 1)

    def summary(
        self, model_workers: Sequence[ModelWorkerTotals], stopped: str | None
    ) -> RunSummary:
        monitor, config = self.monitor, self._config
        return RunSummary(
            pipeline=self._pipeline.name,
            started=self._started_at,
            seconds=self.clock(),
            version=__version__,
            device=", ".join(map(str, config.devices)),
            device_reason=config.device_reason,
            models={spec.display_name: spec.name for spec in self._pipeline.models},
            workers=config.workers,
            batch_size=config.batch_size,
            outcomes=Outcomes(tuple(self._jobs)),
            stages=list(self._stages.values()),
            model_workers=list(model_workers),
            host_memory=monitor.host_memory,
            device_memory=monitor.device_memory,
            device_utilization=monitor.device_utilization,
            cpu_percent=monitor.cpu_percent,
            warnings=self._warnings,
            notes=self._notes,
            stopped=stopped,
        )
