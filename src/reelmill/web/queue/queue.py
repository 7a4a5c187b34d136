"""The queue: which runs go on, which wait, and what people may do with them."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from reelmill.core import gate
from reelmill.engine.telemetry.events import Snapshot
from reelmill.engine.telemetry.metrics import FileOutcome, RunSummary
from reelmill.runs.engine import Engine
from reelmill.web.errors import Refused
from reelmill.web.queue.hub import Hub
from reelmill.web.queue.records import OVER, Figures, QueuedRun, Records, RunRecording, State
from reelmill.web.queue.working import Ending, Reports, Working

_log = logging.getLogger("reelmill.web")
#: Seconds in which runs end when the server does; what they have done is kept in any case.
_LEAVE_S = 25.0
#: The most notes and warnings that are kept of a run; its report has them all.
_NOTES = 50

#: Hears of every change of a run that others may want to know: `run.done`, `recording.failed` and
#: so on, and the recording if it is about one.
Tell = Callable[[QueuedRun, str, RunRecording | None], None]


class RunQueue:
    """The runs of a server. All methods can be called from any thread."""

    def __init__(
        self, records: Records, engine: Engine, hub: Hub, *, parallel: int, tell: Tell
    ) -> None:
        self.records = records
        self.hub = hub
        self._engine = engine
        self._parallel = parallel
        self._tell = tell
        self._guard = threading.RLock()
        self._working: dict[str, Working] = {}
        self._is_closing = False
        self._reports = Reports(
            planned=self._planned,
            finished=self._finished,
            said=self._said,
            moved=hub.tell,
            ended=self._ended,
        )

    def open(self) -> None:
        """Go on where the server was when it ended, in whichever way it did."""
        with self._guard:
            for run in self.records.all(("running",)):
                self._change(run.id, state="queued")
            for run in self.records.all(("stopping",)):
                self._change(run.id, state="cancelled", ended=time.time())
            self._fill()

    def close(self) -> None:
        """Stop what goes on; it is queued again when the server starts."""
        with self._guard:
            self._is_closing = True
            working = list(self._working.values())
        for one in working:
            one.stop("the server was stopped")
        until = time.monotonic() + _LEAVE_S
        for one in working:
            one.join(max(0.1, until - time.monotonic()))

    # -- what people ask for

    def add(self, run: QueuedRun, most: int) -> QueuedRun:
        """Put a run in the queue.

        Raises:
            Refused: `most` are waiting.
        """
        with self._guard:
            if len(self.records.all(("queued",))) >= most:
                raise Refused(
                    429, "queue_full", f"{most} runs are waiting; try later", retry_after=60
                )
            run = self.records.add(run)
            self.hub.tell(run.id)
            self._fill()
            return self.get(run.id)

    def get(self, name: str) -> QueuedRun:
        """The run of that id.

        Raises:
            Refused: there is none.
        """
        run = self.records.get(name)
        if run is None:
            raise Refused(404, "no_run", "there is no such run")
        return run

    def progress(self, name: str) -> Snapshot | None:
        """The latest progress of a run that goes on."""
        working = self._working.get(name)
        return None if working is None else working.progress

    def pause(self, name: str) -> QueuedRun:
        """Start nothing new of a run until `resume`.

        Raises:
            Refused: it neither waits nor goes on.
        """
        with self._guard:
            self._must_be(name, "pause", "queued", "running")
            if (working := self._working.get(name)) is not None:
                working.pause(True)
            self._change(name, state="paused")
            self._fill()
            return self.get(name)

    def resume(self, name: str) -> QueuedRun:
        """Go on after `pause`.

        Raises:
            Refused: it is not paused.
        """
        with self._guard:
            self._must_be(name, "resume", "paused")
            working = self._working.get(name)
            if working is not None:
                working.pause(False)
            self._change(name, state="queued" if working is None else "running")
            self._fill()
            return self.get(name)

    def cancel(self, name: str) -> QueuedRun:
        """End a run; what it has done is kept. Asked again, it does not finish what it has begun.

        Raises:
            Refused: it is over.
        """
        with self._guard:
            self._must_be(name, "cancel", "queued", "running", "paused", "stopping")
            working = self._working.get(name)
            if working is None:
                run = self._change(name, state="cancelled", ended=time.time())
                self._tell(run, "run.cancelled", None)
            else:
                self._change(name, state="stopping")
                working.stop("it was cancelled")
            return self.get(name)

    def retry(self, name: str) -> QueuedRun:
        """Queue a run again; what it has done is not done again.

        Raises:
            Refused: it is not over.
        """
        with self._guard:
            self._must_be(name, "retry", *OVER)
            self._change(name, state="queued", ended=None, error=None, figures=Figures())
            self._fill()
            return self.get(name)

    def remove(self, name: str, own_folders: list[Path]) -> None:
        """Forget a run that is over, and remove the folders that only the server knows.

        Raises:
            Refused: it is not over.
        """
        with self._guard:
            self._must_be(name, "remove", *OVER)
            self.records.remove(name)
        for folder in own_folders:
            gate.discard_folder(folder)
        self.hub.tell(name)

    def _must_be(self, name: str, wish: str, *states: State) -> None:
        run = self.get(name)
        if run.state not in states:
            raise Refused(409, "wrong_state", f"cannot {wish} a run that is {run.state}")

    # -- what goes on

    def _fill(self) -> None:
        """Begin as many runs as there is room for, one at a time in each output folder."""
        going = sum(not one.is_paused for one in self._working.values())
        waiting = self.records.all(("queued",)) if going < self._parallel else []
        for run in sorted(waiting, key=lambda one: (-one.priority, one.number)):
            if self._is_closing or going >= self._parallel:
                return
            if run.out in {one.out for one in self._working.values()}:
                continue
            working = self._working[run.id] = Working(run, self._engine, self._reports)
            begun = self._change(run.id, state="running", started=run.started or time.time())
            working.start()
            self._tell(begun, "run.started", None)
            going += 1

    def _change(self, name: str, **values: Any) -> QueuedRun:
        run = replace(self.get(name), **values)
        self.records.save(run)
        self.hub.tell(name)
        return run

    def _figures(self, name: str, **values: Any) -> QueuedRun:
        return self._change(name, figures=replace(self.get(name).figures, **values))

    # -- from the threads of runs

    def _planned(self, name: str, recordings: int) -> None:
        with self._guard:
            self._figures(name, recordings=recordings)

    def _finished(self, name: str, outcome: FileOutcome) -> None:
        with self._guard:
            recording = self.records.note(name, outcome)
            before = self.get(name).figures
            failed = recording.status == "failed"
            run = self._figures(
                name,
                done=before.done + (not failed),
                failed=before.failed + failed,
                findings=before.findings + recording.findings,
                media_seconds=before.media_seconds + (recording.media_seconds or 0.0),
            )
        self._tell(run, f"recording.{recording.status}", recording)

    def _said(self, name: str, text: str, is_warning: bool) -> None:
        with self._guard:
            figures = self.get(name).figures
            kind = "warnings" if is_warning else "notes"
            said = dict.fromkeys((*getattr(figures, kind), text))
            self._figures(name, **{kind: tuple(said)[:_NOTES]})

    def _ended(self, name: str, ending: Ending) -> None:
        with self._guard:
            self._working.pop(name, None)
            run = self.get(name)
            state, error = _state_after(run, ending, is_closing=self._is_closing)
            ended = time.time() if state in OVER else None
            run = self._change(name, state=state, error=error, ended=ended)
            self._fill()
        if state in OVER:
            self._tell(run, f"run.{state}", None)
        if error is not None:
            _log.warning("run %s: %s", name, error)


def _state_after(run: QueuedRun, ending: Ending, *, is_closing: bool) -> tuple[State, str | None]:
    """What a run is once its work has ended, and why."""
    if run.state == "stopping":
        return "cancelled", None
    if is_closing:
        return ("paused" if run.state == "paused" else "queued"), None
    error = ending.error if ending.summary is None else _problem(ending.summary)
    return ("done" if error is None else "failed"), error


def _problem(summary: RunSummary) -> str | None:
    """Why a run that went to its end has still failed."""
    if summary.stopped is not None:
        return f"it stopped: {summary.stopped}"
    if summary.unwritten:
        return "; ".join(summary.unwritten)
    if summary.outcomes and summary.count("failed") == len(summary.outcomes):
        return "none of its recordings could be read"
    return None
