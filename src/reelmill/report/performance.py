"""`performance_report.json` and `failed_files.json`, for programs."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from reelmill.core.atomic import write_text
from reelmill.engine.telemetry.metrics import (
    FileOutcome,
    MemoryUse,
    ModelWorkerTotals,
    RunSummary,
    StageTotals,
)
from reelmill.errors import Failure
from reelmill.export.jsontext import json_text
from reelmill.report import wording
from reelmill.report.figures import changed_originals, failures, figures, with_findings
from reelmill.report.files import FAILED_FILES, PERFORMANCE_REPORT

SCHEMA = "reelmill.performance/2"


def write_performance(out: Path, run: RunSummary) -> Path:
    """Write `performance_report.json` into `out`. Raises OSError when it cannot be written."""
    path = out / PERFORMANCE_REPORT
    write_text(path, json_text(performance_report(run), indent=2) + "\n")
    return path


def write_failed_files(out: Path, run: RunSummary) -> Path:
    """Write `failed_files.json` into `out`, even if nothing failed, because an old list would
    mislead. Raises OSError when it cannot be written."""
    path = out / FAILED_FILES
    write_text(path, json_text(failed_files(run), indent=2) + "\n")
    return path


def failed_files(run: RunSummary) -> list[dict[str, Any]]:
    """Every recording that failed or is incomplete: file, error, stage, tries, kind and what to
    do."""
    failed = [_failed(outcome) for outcome in failures(run)]
    return failed + [_not_whole(outcome) for outcome in with_findings(run, "grave")]


def performance_report(run: RunSummary) -> dict[str, Any]:
    """The figures of a run as plain JSON values.

    The first seven names are those of the programs that this one replaces. `gpu_utilization` is a
    mean in percent, and 0 if no GPU was used. Times are in seconds unless the name says minutes.
    """
    f = figures(run)
    return {
        "total_files": f.total,
        "successful": f.done,
        "failed": f.failed,
        "total_time_minutes": round(run.seconds / 60, 4),
        "avg_time_per_file_seconds": round(f.seconds_per_recording or 0.0, 4),
        "gpu_utilization": round(run.device_utilization or 0.0, 2),
        "failed_files": failed_files(run),
        "schema": SCHEMA,
        "version": run.version,
        "pipeline": run.pipeline,
        "started": run.started,
        "stopped": run.stopped,
        "waiting": f.waiting,
        "reused": f.reused,
        "total_time": wording.clock(run.seconds),
        "seconds": round(run.seconds, 3),
        "media_seconds": round(f.media_seconds, 3),
        "speed_x_real_time": _rounded(f.speed),
        "work_share": {"gpu": _rounded(f.gpu_share), "cpu": _rounded(f.cpu_share)},
        "models": list(run.models),
        "workers": run.workers,
        "batch_size": run.batch_size,
        "device": {
            "name": run.device,
            "reason": run.device_reason,
            "utilization_percent": _rounded(run.device_utilization),
            "memory_mb": _memory(run.device_memory),
        },
        "host_memory_mb": _memory(run.host_memory),
        "cpu_percent": _rounded(run.cpu_percent),
        "stages": [_stage(stage) for stage in run.stages],
        "model_workers": [_worker(worker) for worker in run.model_workers],
        "changed_originals": [
            {"file": outcome.path, "differences": outcome.changed}
            for outcome in changed_originals(run)
        ],
        "warnings": run.warnings,
        "unwritten": run.unwritten,
        "custody": {"head": run.custody_head, "entries": run.custody_entries},
        "notes": run.notes,
        "recording_findings": [
            {"file": outcome.path, "findings": [asdict(one) for one in outcome.findings]}
            for outcome in run.outcomes
            if outcome.findings
        ],
        "recording_notes": [
            {"file": outcome.path, "notes": outcome.notes}
            for outcome in run.outcomes
            if outcome.notes
        ],
    }


def _not_whole(outcome: FileOutcome) -> dict[str, Any]:
    """A recording whose results are incomplete."""
    words = [wording.finding_words(one) for one in outcome.findings if one.severity == "grave"]
    return {
        "file": outcome.path,
        "error": "; ".join(words),
        "stage": "",
        "tries": 1,
        "kind": "not whole",
        "what_to_do": wording.NOT_WHOLE_ADVICE,
    }


def _failed(outcome: FileOutcome) -> dict[str, Any]:
    failure = outcome.failure or Failure("engine", "crash", "failed without a reported cause")
    return {
        "file": outcome.path,
        "error": failure.message,
        "stage": failure.stage,
        "tries": failure.tries,
        "kind": failure.kind,
        "what_to_do": wording.advice(failure.kind),
    }


def _stage(stage: StageTotals) -> dict[str, Any]:
    values = {name: _rounded(value) for name, value in asdict(stage).items()}
    busy = stage.model_seconds
    values["items_per_second"] = _rounded(stage.items / busy) if busy > 0 else None
    return values


def _worker(worker: ModelWorkerTotals) -> dict[str, Any]:
    values = {name: _rounded(value) for name, value in asdict(worker).items()}
    return {**values, "busy_share": _rounded(worker.busy_share)}


def _memory(use: MemoryUse | None) -> dict[str, Any] | None:
    if use is None:
        return None
    return {
        "maximum": round(use.maximum_mb, 1),
        "mean": round(use.mean_mb, 1),
        "total": round(use.total_mb, 1),
    }


def _rounded(value: Any) -> Any:
    return round(value, 4) if isinstance(value, float) else value
