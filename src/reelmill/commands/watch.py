"""`reelmill watch`: take recordings as they arrive in folders, until it is stopped."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, TextIO

from reelmill.commands.exit_codes import EXIT_DONE, EXIT_SOME_FAILED, EXIT_STOPPED
from reelmill.commands.running import stopping_at_signals
from reelmill.commands.terminal import JsonLines, View, failure_text, headline, outcome_mark
from reelmill.core.printable import printable
from reelmill.engine.telemetry.events import Event, Snapshot
from reelmill.engine.telemetry.metrics import FileOutcome
from reelmill.report.wording import clock, count
from reelmill.runs.engine import Engine
from reelmill.runs.task import Task
from reelmill.settings import settings_from_pairs
from reelmill.watch.folder import Status, WatchedFolder
from reelmill.watch.notifier import require_watchfiles
from reelmill.watch.options import WatchOptions, engine_settings, options_of

#: How often to look for something to say, and to say how far the work is, in seconds.
_LOOK_EVERY_S, _PROGRESS_EVERY_S = 0.2, 60.0
#: After this time it is said that a file is still open in another program.
_OPEN_TOLD_S = 60.0


def run_watch(
    folder: Path | None,
    given: Mapping[str, Any],
    pairs: Sequence[str],
    *,
    quiet: bool,
    as_json: bool,
) -> int:
    """`reelmill watch`; returns the exit code.

    Args:
        folder: None for all folders that have a file in the user's configuration.
        given: the other options by the names of the fields of `WatchOptions`.
        pairs: settings of the task, as `name=value`.
        quiet: print nothing.
        as_json: print events as JSON lines.

    Raises:
        UsageError: an option is not valid, a folder is not there, or watchfiles is not installed.
        ModelUnavailableError: a model cannot be found or downloaded.
    """
    require_watchfiles()
    options = options_of(folder, given, settings_from_pairs(pairs))
    return watch_folders(options, _view(quiet=quiet, as_json=as_json))


def watch_folders(
    options: Sequence[WatchOptions], view: WatchView, task: Task | None = None
) -> int:
    """Watch until a signal comes; returns the exit code.

    Args:
        options: the folders.
        view: shows what happens.
        task: what is done, instead of the tasks named in the options.
    """
    with Engine(**engine_settings(options)) as engine:
        folders = [WatchedFolder(one, engine, view.hear, view.tell, task) for one in options]
        for one, chosen in zip(folders, options, strict=True):
            one.start()
            view.tell(f"watching {one.name}; results go to {chosen.out}")
        watching = _Watching(folders)
        with stopping_at_signals(watching):
            watching.run(view)
    if watching.error is not None:
        raise watching.error
    left = sum(one.status.unfinished + one.left for one in folders)
    if left:
        view.tell(f"stopped; {count(left, 'recording')} left, for when it is started again")
        return EXIT_STOPPED
    view.tell("stopped; all recordings are done")
    return EXIT_SOME_FAILED if any(one.status.failed for one in folders) else EXIT_DONE


class _Watching:
    """Watches each folder in a thread of its own."""

    def __init__(self, folders: Sequence[WatchedFolder]) -> None:
        self._folders = folders
        self.error: BaseException | None = None

    def stop(self, reason: str) -> None:
        for one in self._folders:
            one.stop(reason)

    def run(self, view: WatchView) -> None:
        """Watch until all folders were stopped."""
        threads = [
            threading.Thread(target=self._watch, args=(one,), name=f"reelmill {one.name}")
            for one in self._folders
        ]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            time.sleep(_LOOK_EVERY_S)
            for one in self._folders:
                view.stands(one.name, one.status)

    def _watch(self, folder: WatchedFolder) -> None:
        try:
            folder.run()
        except BaseException as error:  # noqa: BLE001 (raised in the main thread)
            self.error = error
            self.stop("an error of this program")


class WatchView:
    """Shows nothing; the base of those that do."""

    def hear(self, event: Event) -> None:
        """Show an event of a run. Called in the runs' threads."""

    def tell(self, text: str) -> None:
        """Show a line about a folder."""

    def stands(self, folder: str, status: Status) -> None:
        """Show how a folder stands, if that is new."""


class Lines(WatchView, View):
    """Prints lines, which are read hours later: each with its time, and none twice."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._guard = threading.Lock()
        self._said: set[str] = set()
        self._progress_at = 0.0
        self._was_working: dict[str, bool] = {}
        self._open_since: dict[str, float] = {}
        # The journal notes times itself.
        self._with_time = "JOURNAL_STREAM" not in os.environ

    def hear(self, event: Event) -> None:
        self(event)

    def tell(self, text: str) -> None:
        self._print(text)

    def stands(self, folder: str, status: Status) -> None:
        if self._was_working.get(folder) and not status.is_working:
            self._print(f"{folder}: {'; '.join(_parts(status))}")
        self._was_working[folder] = status.is_working
        now = time.monotonic()
        since = {path: self._open_since.get(path, now) for path in status.open}
        for path, at in since.items():
            if now - at > _OPEN_TOLD_S:
                self._once(f"{path}: open in another program; it is taken when that closes it")
        self._open_since = since

    def noted(self, text: str) -> None:
        self._once(text)

    def warned(self, text: str) -> None:
        self._once(f"warning: {text}")

    def finished(self, outcome: FileOutcome) -> None:
        length = f" ({clock(outcome.media_seconds)})" if outcome.media_seconds else ""
        text = failure_text(outcome) or f"{outcome.path}{length}"
        say = self._once if outcome.failure is not None else self._print
        say(f"{outcome_mark(outcome)} {text}")
        for change in outcome.changed:
            self._once(f"ORIGINAL CHANGED: {outcome.path}: {change}")

    def moved(self, snapshot: Snapshot) -> None:
        now = time.monotonic()
        if snapshot.done + snapshot.failed == snapshot.recordings:
            self._progress_at = now
        elif now - self._progress_at >= _PROGRESS_EVERY_S:
            self._progress_at = now
            self._print(headline(snapshot))

    def _once(self, line: str) -> None:
        if line not in self._said:
            self._said.add(line)
            self._print(line)

    def _print(self, line: str) -> None:
        at = time.strftime("%Y-%m-%d %H:%M:%S ") if self._with_time else ""
        with self._guard, contextlib.suppress(OSError):
            print(f"{at}{printable(line)}", file=self._stream, flush=True)


class Json(WatchView):
    """Prints events as JSON lines, and how a folder stands when that changes."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._guard = threading.Lock()
        self._view = JsonLines(stream)
        self._last: dict[str, Status] = {}

    def hear(self, event: Event) -> None:
        with self._guard:
            self._view(event)

    def tell(self, text: str) -> None:
        self._say(event="note", text=text)

    def stands(self, folder: str, status: Status) -> None:
        if self._last.get(folder) != status:
            self._last[folder] = status
            self._say(event="status", folder=folder, **asdict(status))

    def _say(self, **values: Any) -> None:
        with self._guard, contextlib.suppress(OSError):
            print(json.dumps(values), file=self._stream, flush=True)


def _view(*, quiet: bool, as_json: bool) -> WatchView:
    if as_json:
        return Json(sys.stdout)
    return WatchView() if quiet else Lines(sys.stderr)


def _parts(status: Status) -> Iterator[str]:
    failed = f", {status.failed} of them failed" if status.failed else ""
    yield f"{count(status.done, 'recording')} done{failed}"
    if arriving := status.growing + len(status.open):
        yield f"{count(arriving, 'file')} still arriving"
    if status.partial:
        yield f"{count(status.partial, 'file')} with the name of an unfinished download"
    yield "waiting for more"
