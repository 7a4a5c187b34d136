"""Keeps a run open on a folder's recordings while there is something to do."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from reelmill.engine.execution.planning import Source
from reelmill.engine.telemetry.events import Event, RecordingFinished
from reelmill.engine.telemetry.metrics import RunSummary
from reelmill.errors import RunClosedError
from reelmill.runs.engine import Engine
from reelmill.runs.run import Run
from reelmill.runs.task import Task
from reelmill.watch.files import stamp_of

#: While a run goes on, its reports are refreshed no sooner than after this time, in seconds, and
#: after so many times what that took the last time: it costs at most 2 % of the time.
_REPORTS_S, _REPORTS_SHARE = 15.0, 50.0


class Feeding:
    """One run after the other on one output folder. Models stay loaded in the engine.

    A run is given every recording of the folder, so that its reports are about all of them; those
    that were finished before cost nothing.
    """

    def __init__(
        self,
        task: str | Task,
        settings: dict[str, Any],
        engine: Engine,
        hear: Callable[[Event], None],
    ) -> None:
        """Prepare to feed.

        Args:
            task: of all runs.
            settings: of all runs, with `out`.
            engine: an open engine.
            hear: called with all events, in a thread of the run.

        Raises:
            UsageError: a setting is not valid.
        """
        self._task, self._settings, self._engine, self._hear = task, settings, engine, hear
        self.out = Run(task, engine=engine, **settings).out
        self._run: Run | None = None
        self._listener: threading.Thread | None = None
        self._given: dict[str, int] = {}
        self._finished: set[str] = set()
        self._failed: set[str] = set()
        self._reported, self._report_at = 0, 0.0

    @property
    def given(self) -> Mapping[str, int]:
        """The recordings that the open run was given, and their sizes."""
        return self._given

    @property
    def unfinished(self) -> int:
        """How many recordings the open run still works on."""
        return len(self._given.keys() - self._finished)

    @property
    def failed(self) -> int:
        """How many recordings failed in the open run, or in the last one."""
        return len(self._failed)

    @property
    def is_open(self) -> bool:
        """Whether there is a run that was not closed yet, also if it has stopped by itself."""
        return self._run is not None

    @property
    def has_stopped(self) -> bool:
        """Whether the run could not go on."""
        return self._run is not None and self._run.is_over

    def begin(self, sources: Iterable[Source]) -> None:
        """Start a run.

        Raises:
            FolderBusyError: another run has the output folder.
            UsageError: it cannot be written.
            ModelUnavailableError: a model cannot be found or downloaded.
        """
        given = list(sources)
        run = Run(self._task, given, engine=self._engine, **self._settings)
        self._given, self._finished, self._failed = {}, set(), set()
        self._reported, self._report_at = 0, time.monotonic() + _REPORTS_S
        self._note(given)
        listener = threading.Thread(target=self._listen, args=(run,), daemon=True)
        run.start()
        listener.start()
        self._run, self._listener = run, listener

    def add(self, sources: Iterable[Source]) -> bool:
        """Give the open run more recordings; return whether it took them."""
        assert self._run is not None
        given = list(sources)
        try:
            self._run.add(given)
        except RunClosedError:
            return False
        self._note(given)
        return True

    def refresh_reports(self) -> None:
        """Bring the reports up to date, if something was finished and it is time."""
        finished = len(self._finished)
        if self._run is None or finished == self._reported or time.monotonic() < self._report_at:
            return
        began = time.monotonic()
        self._run.refresh_reports()
        took = time.monotonic() - began
        self._reported = finished
        self._report_at = time.monotonic() + max(_REPORTS_S, _REPORTS_SHARE * took)

    def close(self) -> RunSummary:
        """Let the run finish what it has and write its reports, and wait for that.

        Raises:
            ReelmillError: the run could not go on.
        """
        assert self._run is not None and self._listener is not None
        try:
            return self._run.wait()
        finally:
            self._listener.join()
            self._run = self._listener = None
            self._given, self._finished = {}, set()

    def stop(self, reason: str, *, at_once: bool) -> None:
        """Let the run start nothing new. `at_once`: do not wait for what it is doing."""
        run = self._run
        if run is not None and (at_once or not run.was_stopped):
            run.stop(reason)

    def _note(self, sources: Iterable[Source]) -> None:
        for source in sources:
            stamp = stamp_of(str(source.path))
            self._given[os.path.abspath(source.path)] = -1 if stamp is None else stamp.size

    def _listen(self, run: Run) -> None:
        finished, failed = self._finished, self._failed
        for event in run.events():
            if isinstance(event, RecordingFinished):
                finished.add(event.outcome.path)
                if event.outcome.status == "failed":
                    failed.add(event.outcome.path)
            self._hear(event)
