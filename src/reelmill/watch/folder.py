"""One watched folder: what arrives there is given to a run."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from reelmill.engine.telemetry.events import Event
from reelmill.engine.telemetry.metrics import RunSummary
from reelmill.errors import FolderBusyError, ReelmillError, UsageError
from reelmill.runs.engine import Engine
from reelmill.runs.task import Task
from reelmill.watch.arrivals import Arrivals, Stamp
from reelmill.watch.feeding import Feeding
from reelmill.watch.files import is_written
from reelmill.watch.looking import Looking
from reelmill.watch.options import WatchOptions

#: A run with nothing to do is closed after this time, in seconds, so that its reports are whole and
#: others, for example a correction, may use the output folder.
_IDLE_S = 3.0
#: How long a file that the open run cannot take waits for the run's end.
_HELD_S = 600.0
#: When what failed is tried again: after this time, then twice that and so on up to the second.
_AGAIN_S, _AGAIN_MOST_S = 15.0, 600.0
#: Between two looks at files that are arriving: a part of the settling time, but no more than this.
_TICKS, _TICK_S = 4, 1.0


@dataclass(frozen=True)
class Status:
    """How a folder stands.

    Attributes:
        is_working: whether a run is open, which has the output folder.
        done: recordings that are finished, those of earlier runs included.
        failed: those of them that failed.
        unfinished: recordings that are being worked on.
        growing: files that are still growing, or did a moment ago.
        open: files that a program has open for writing.
        partial: files whose names say that they are not whole.
    """

    is_working: bool
    done: int
    failed: int
    unfinished: int
    growing: int
    open: Sequence[str]
    partial: int


class WatchedFolder:
    """Takes the recordings that arrive in one folder, each once, until it is stopped.

    What was done is known from the output folder, so a watcher that is started again goes on where
    it ended, however that was.
    """

    def __init__(
        self,
        options: WatchOptions,
        engine: Engine,
        hear: Callable[[Event], None],
        tell: Callable[[str], None],
        task: Task | None = None,
    ) -> None:
        """Prepare to watch.

        Args:
            options: the folder, and what is done with it.
            engine: an open engine.
            hear: called with the events of the runs.
            tell: called with what people should know about the folder.
            task: what is done, instead of the task named in the options.

        Raises:
            UsageError: a setting is not valid.
        """
        self._options, self._tell = options, tell
        settings = {**options.run_settings, "out": options.out}
        self._feeding = Feeding(task or options.task, settings, engine, hear)
        self._arrivals = Arrivals(options.settle, is_written)
        self._looking = Looking(
            options.folder, self._feeding.out, options.poll, options.poll_every, tell
        )
        self._stopping = threading.Event()
        self._stop_reason = ""
        self._busy_at = time.monotonic()
        self._held_since: float | None = None
        self._not_before, self._again_s = 0.0, _AGAIN_S
        #: Recordings that failed in a way that another try would not change, as they were then.
        self._broken: dict[str, Stamp] = {}
        #: When recordings that failed for passing reasons are tried again.
        self._retry_at: float | None = None
        self._last: RunSummary | None = None

    @property
    def name(self) -> str:
        """The folder, for people."""
        return str(self._options.folder)

    @property
    def status(self) -> Status:
        """How it stands now."""
        waiting = self._arrivals.waiting
        unfinished = self._feeding.unfinished
        return Status(
            self._feeding.is_open,
            len(self._arrivals.taken) - unfinished,
            self._feeding.failed,
            unfinished,
            sum(why != "open" for why in waiting.values()),
            [path for path, why in waiting.items() if why == "open"],
            self._looking.partial,
        )

    @property
    def left(self) -> int:
        """How many recordings the last run left undone."""
        return self._last.count("waiting") if self._last is not None else 0

    def start(self) -> None:
        """Begin, so that what cannot work is found at once.

        Raises:
            UsageError: the folder is not there, or the output folder cannot be written.
            ModelUnavailableError: a model cannot be found or downloaded.
        """
        if not self._options.folder.is_dir():
            raise UsageError(f"{self.name}: there is no such folder")
        self._looking.look(time.monotonic(), ())
        try:
            self._feeding.begin([])
        except FolderBusyError as error:
            self._try_again(str(error))

    def run(self) -> None:
        """Watch until `stop` is called, and finish what was begun."""
        while not self._stopping.is_set():
            self._round(time.monotonic())
            self._looking.wait(self._pause())
        self._looking.close()
        if self._feeding.is_open:
            self._feeding.stop(self._stop_reason, at_once=False)
            self._close()

    def stop(self, reason: str) -> None:
        """Begin nothing new, and let `run` return. If called again, what is being done is not
        waited for."""
        again = self._stopping.is_set()
        self._stop_reason = reason
        self._stopping.set()
        self._feeding.stop(reason, at_once=again)
        self._looking.wake()

    def _round(self, now: float) -> None:
        self._looking.look(now, self._arrivals.waiting)
        arrived = self._arrivals.look(self._looking.stamps, now)
        if self._feeding.has_stopped:
            self._close()
        if now < self._not_before:
            return
        if self._feeding.is_open:
            self._add(arrived, now)
            self._feeding.refresh_reports()
            self._close_if_idle(now)
        elif arrived or (self._retry_at is not None and now >= self._retry_at):
            self._open(arrived, now)

    def _pause(self) -> float:
        """How long nothing has to be done unless something changes."""
        if self._arrivals.waiting:
            return min(_TICK_S, self._options.settle / _TICKS)
        if self._feeding.is_open:
            return _TICK_S
        return _AGAIN_S

    # -- runs

    def _open(self, arrived: Sequence[str], now: float) -> None:
        """Start a run on all recordings that are there and not known to be broken."""
        known = self._arrivals.taken.keys() | set(arrived)
        stamps = self._looking.stamps
        sources = [
            source
            for path, source in self._looking.sources.items()
            if path in known
            and path in stamps
            and self._broken.get(path) != stamps[path]
            and os.path.lexists(path)
        ]
        try:
            self._feeding.begin(sources)
        except ReelmillError as error:
            self._try_again(str(error))
            return
        for path in arrived:
            self._arrivals.take(path)
        self._busy_at, self._retry_at, self._again_s = now, None, _AGAIN_S

    def _add(self, arrived: Sequence[str], now: float) -> None:
        """Give the open run what it can take. A file that changed since the run has it, or that may
        be one of its recordings, moved, waits for the next run, which looks at all files anew."""
        given, stamps = self._feeding.given, self._looking.stamps
        lost = {size for path, size in given.items() if path not in stamps} if arrived else set()
        held = [path for path in arrived if path in given or stamps[path].size in lost]
        new = [path for path in arrived if path not in held and os.path.lexists(path)]
        if new and self._feeding.add([self._looking.sources[path] for path in new]):
            for path in new:
                self._arrivals.take(path)
        if new or self._feeding.unfinished:
            self._busy_at = now
        self._held_since = (self._held_since or now) if held else None

    def _close_if_idle(self, now: float) -> None:
        is_idle = not self._feeding.unfinished
        if self._held_since is None:
            due = is_idle and now - self._busy_at >= _IDLE_S
        else:
            due = is_idle or now - self._held_since >= _HELD_S
        if due:
            self._close()

    def _close(self) -> None:
        """Finish the run. If it stopped by itself, everything is tried again after a while."""
        self._held_since = None
        try:
            summary = self._feeding.close()
        except ReelmillError as error:
            self._begin_again(str(error))
            return
        self._last = summary
        self._remember_failures(summary)
        if summary.stopped is not None and not self._stopping.is_set():
            self._begin_again(f"stopped: {summary.stopped}")

    def _remember_failures(self, summary: RunSummary) -> None:
        """The content of a recording is at fault: the output folder knows. It crashes a process:
        that is known here. The reason may pass: it is tried again later."""
        for outcome in summary.outcomes:
            failure, stamp = outcome.failure, self._arrivals.taken.get(outcome.path)
            if failure is None or failure.permanent or stamp is None:
                continue
            if not os.path.lexists(outcome.path):  # it was taken away, and may come back
                continue
            if failure.kind in ("crash", "input"):
                self._broken[outcome.path] = stamp
            else:
                self._retry_at = time.monotonic() + _AGAIN_MOST_S

    def _begin_again(self, why: str) -> None:
        self._arrivals = Arrivals(self._options.settle, is_written)
        self._try_again(why)

    def _try_again(self, why: str) -> None:
        self._not_before = time.monotonic() + self._again_s
        self._tell(f"{self.name}: {why}; trying again in {self._again_s:.0f} s")
        self._again_s = min(2 * self._again_s, _AGAIN_MOST_S)
