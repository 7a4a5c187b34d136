"""One run of the queue while it goes on, in a thread of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from reelmill.engine.telemetry.events import (
    Event,
    Noted,
    Planned,
    Progressed,
    RecordingFinished,
    RunEnded,
    Snapshot,
    Warned,
)
from reelmill.engine.telemetry.metrics import FileOutcome, RunSummary
from reelmill.errors import describe
from reelmill.runs.engine import Engine
from reelmill.runs.run import Run
from reelmill.web.queue.records import QueuedRun


@dataclass(frozen=True)
class Ending:
    """How a run ended: its summary, or why there is none."""

    summary: RunSummary | None
    error: str | None = None


@dataclass(frozen=True)
class Reports:
    """Who is told what a run does; from the run's thread."""

    planned: Callable[[str, int], None]
    finished: Callable[[str, FileOutcome], None]
    said: Callable[[str, str, bool], None]
    moved: Callable[[str], None]
    ended: Callable[[str, Ending], None]


class Working:
    """A run that goes on."""

    def __init__(self, queued: QueuedRun, engine: Engine, reports: Reports) -> None:
        self.id, self.out = queued.id, queued.out
        self._queued = queued
        self._engine = engine
        self._reports = reports
        self._guard = threading.Lock()
        self._run: Run | None = None
        self._stop_reason: str | None = None
        self.is_paused = False
        self._thread = threading.Thread(
            target=self._work, name=f"reelmill queue {queued.id}", daemon=True
        )

    def start(self) -> None:
        self._thread.start()

    def join(self, timeout: float) -> None:
        self._thread.join(timeout)

    @property
    def progress(self) -> Snapshot | None:
        """The latest; None before there is any."""
        run = self._run
        return None if run is None else run.progress

    def pause(self, is_paused: bool) -> None:
        """Start nothing new, or go on."""
        with self._guard:
            self.is_paused = is_paused
            if self._run is not None:
                (self._run.pause if is_paused else self._run.resume)()

    def stop(self, reason: str) -> None:
        """End it; finished work is kept. Called again, it does not wait for what is going on."""
        with self._guard:
            self._stop_reason = reason
            if self._run is not None:
                self._run.stop(reason)

    def _work(self) -> None:
        try:
            ending = Ending(self._go_on())
        except BaseException as error:  # noqa: BLE001 (told to whoever looks at the run)
            ending = Ending(None, describe(error))
        self._reports.ended(self.id, ending)

    def _go_on(self) -> RunSummary:
        queued = self._queued
        run = Run(
            queued.task,
            queued.paths,
            engine=self._engine,
            priority=queued.priority,
            out=queued.out,
            **queued.options,
        )
        with self._guard:
            self._run = run
            if self.is_paused:
                run.pause()
            if self._stop_reason is not None:
                run.stop(self._stop_reason)
        run.start()
        run.close()
        for event in run.events():
            self._hear(event)
        return run.wait()

    def _hear(self, event: Event) -> None:
        reports = self._reports
        if isinstance(event, Progressed):
            reports.moved(self.id)
        elif isinstance(event, RecordingFinished):
            reports.finished(self.id, event.outcome)
        elif isinstance(event, Planned):
            reports.planned(self.id, event.recordings)
        elif isinstance(event, (Noted, Warned)):
            reports.said(self.id, event.text, isinstance(event, Warned))
        else:
            assert isinstance(event, RunEnded)
