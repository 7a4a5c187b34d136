"""Periodic work during a run: samples, events, commits."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable

from reelmill.engine.config import Intervals
from reelmill.engine.execution.run_recorder import RunRecorder
from reelmill.engine.execution.stopping import Stopping
from reelmill.engine.resources.monitor import Sample
from reelmill.engine.state.run_db import Ledger
from reelmill.errors import reason


class Ticking:
    """Takes samples, emits progress, and commits the ledger."""

    def __init__(
        self,
        intervals: Intervals,
        recorder: RunRecorder,
        see: Callable[[Sample], None],
        balance: Callable[[], None],
        ledger: Ledger,
        stopping: Stopping,
        queued: Callable[[int], int],
    ) -> None:
        """`see`: called with each sample, `balance` as often as progress is told. `queued`: the
        number of items per stage that wait for its model."""
        self._intervals = intervals
        self._recorder = recorder
        self._see = see
        self._balance = balance
        self._ledger = ledger
        self._stopping = stopping
        self._queued = queued

    def start(self) -> asyncio.Task[None]:
        """Run until cancelled. Nobody awaits this task, so an internal error in it stops the
        run."""
        task = asyncio.create_task(self._go_on())
        task.add_done_callback(self._has_ended)
        return task

    async def _go_on(self) -> None:
        every = max(1, round(self._intervals.sample / self._intervals.tell))
        ticks = 0
        while True:
            if ticks % every == 0:
                self._see(self._recorder.sample())
            self._balance()
            self._recorder.progress(self._queued)
            try:
                self._ledger.commit()  # even if nothing new arrives for a while
            except sqlite3.OperationalError:
                self._stopping.disk_full()
            ticks += 1
            await asyncio.sleep(self._intervals.tell)

    def _has_ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._recorder.line({"event": "error", "message": repr(error)})
            self._stopping.fatal(f"internal error in the monitor (please report): {reason(error)}")
