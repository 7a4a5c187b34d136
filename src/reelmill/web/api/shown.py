"""Runs and recordings as the API shows them."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import quote

from reelmill.core.printable import printable
from reelmill.engine.telemetry.events import Snapshot
from reelmill.report.files import INDEX_PAGE, PERFORMANCE_PAGE, REPORT_PAGE
from reelmill.web.api.models import Progress, RecordingInfo, ResultFile, RunInfo
from reelmill.web.queue.records import Figures, QueuedRun, RunRecording
from reelmill.web.services import Services

#: Files about a whole run that are worth a link.
_REPORTS = (INDEX_PAGE, REPORT_PAGE, PERFORMANCE_PAGE, "failed_files.json", "speakers.json",
            "people.json", "custody.jsonl", "evidence.json", "manifest.sha256")  # fmt: skip


def results_at(run: str) -> str:
    """The address of a run's results."""
    return f"/results/{run}"


def address(run: str, path: str) -> str:
    """The address of a result."""
    return f"{results_at(run)}/{quote(os.fsencode(path))}"


def shown_run(run: QueuedRun, services: Services) -> RunInfo:
    """A run, with its progress if it goes on."""
    root, figures = services.settings.root, run.figures
    below = run.out.relative_to(root).as_posix() if root and root in run.out.parents else None
    going = run.state in ("running", "paused", "stopping")
    snapshot = services.queue.progress(run.id) if going else None
    return RunInfo(
        id=run.id,
        number=run.number,
        title=printable(run.title),
        task=run.task,  # type: ignore[arg-type]
        owner=run.owner,
        state=run.state,
        priority=run.priority,
        options=run.options,
        created=run.created,
        started=run.started,
        ended=run.ended,
        error=None if run.error is None else printable(run.error),
        recordings=max(figures.recordings, figures.done + figures.failed),
        done=figures.done,
        failed=figures.failed,
        findings=figures.findings,
        media_seconds=figures.media_seconds,
        notes=list(map(printable, figures.notes)),
        warnings=list(map(printable, figures.warnings)),
        progress=None if snapshot is None else shown_progress(snapshot, figures),
        results=f"{results_at(run.id)}/{INDEX_PAGE}",
        out=below,
    )


def shown_progress(snapshot: Snapshot, figures: Figures) -> Progress:
    """How far a run is. When all recordings have ended, only reports are left."""
    has_ended = 0 < figures.recordings <= figures.done + figures.failed
    return Progress(
        share=1.0 if has_ended else round(_share(snapshot), 4),
        remaining_seconds=0.0 if has_ended else snapshot.remaining_seconds,
        seconds=snapshot.seconds,
        memory_mb=snapshot.memory_mb,
        cpu_percent=snapshot.cpu_percent,
        queued_items=sum(snapshot.queued_items.values()),
    )


def _share(snapshot: Snapshot) -> float:
    """By what stages have done, or by recordings where that is more."""
    if not snapshot.recordings:
        return 0.0
    steps = len(snapshot.stages) * snapshot.recordings
    by_stage = sum(one.done + one.reused for one in snapshot.stages) / steps if steps else 0.0
    ended = (snapshot.done + snapshot.failed) / snapshot.recordings
    return min(0.99, max(by_stage, ended))


def shown_recording(run: QueuedRun, recording: RunRecording) -> RecordingInfo:
    """A recording that has ended, with its files."""
    pages = [path for path in recording.outputs if path.endswith(".html")]
    return RecordingInfo(
        number=recording.number,
        name=printable(recording.name),
        file=printable(Path(recording.path).name),
        status=recording.status,
        media_seconds=recording.media_seconds,
        seconds=recording.seconds,
        language=recording.language,
        error=None if recording.error is None else _without_folder(recording),
        findings=recording.findings,
        page=address(run.id, pages[0]) if pages else None,
        original=f"/runs/{run.id}/originals/{recording.key}",
        files=[_file(run, path) for path in recording.outputs],
    )


def _without_folder(recording: RunRecording) -> str:
    """Why it failed; where the server keeps its files is nobody's business."""
    path = Path(recording.path)
    return printable((recording.error or "").replace(str(path), path.name))


def reports_of(run: QueuedRun) -> list[ResultFile]:
    """The files about the whole run that are there."""
    return [_file(run, name) for name in _REPORTS if (run.out / name).is_file()]


def _file(run: QueuedRun, path: str) -> ResultFile:
    return ResultFile(name=printable(path), href=address(run.id, path))
