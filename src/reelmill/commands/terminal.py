"""How a run is shown: live for people, plain lines for logs, JSON for programs."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any, TextIO

from reelmill.commands.signals import INTERRUPT
from reelmill.core.printable import printable
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
from reelmill.report.wording import clock, count, speed

_PLAIN_EVERY_S = 15.0


def _write(stream: TextIO, line: str) -> None:
    """Print a line. A closed reader (`| head`) is no reason to stop the run."""
    with contextlib.suppress(OSError):
        print(line, file=stream, flush=True)


def failure_text(outcome: FileOutcome) -> str:
    """The cause, with the recording's name unless the message says it already."""
    if outcome.failure is None:
        return ""
    message = outcome.failure.message
    return message if outcome.path in message else f"{outcome.path}: {message}"


class View:
    """Shows the events of a run. By default each method shows nothing. Recordings finished by
    earlier runs are counted, but not shown one by one."""

    def __call__(self, event: Event) -> None:
        match event:
            case Noted(text):
                self.noted(text)
            case Warned(text):
                self.warned(text)
            case Planned(recordings, reused):
                self.planned(recordings, reused)
            case RecordingFinished(outcome) if not outcome.reused:
                self.finished(outcome)
            case Progressed(snapshot):
                self.moved(snapshot)
            case RunEnded(summary):
                self.ended(summary)

    def noted(self, text: str) -> None:
        pass

    def planned(self, recordings: int, reused: int) -> None:
        pass

    def finished(self, outcome: FileOutcome) -> None:
        pass

    def warned(self, text: str) -> None:
        pass

    def moved(self, snapshot: Snapshot) -> None:
        pass

    def ended(self, summary: RunSummary) -> None:
        pass


class Plain(View):
    """Prints a line per recording and, from time to time, the progress of the run."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._last_told = 0.0
        self._recordings = 0
        self._finished = 0

    def noted(self, text: str) -> None:
        self._say(text)

    def planned(self, recordings: int, reused: int) -> None:
        self._recordings, self._finished = recordings, reused
        done = f", {reused} of them ended in an earlier run" if reused else ""
        self._say(f"{count(recordings, 'recording')}{done}")

    def finished(self, outcome: FileOutcome) -> None:
        self._finished += 1
        mark = outcome_mark(outcome)
        length = f" ({clock(outcome.media_seconds)})" if outcome.media_seconds else ""
        text = failure_text(outcome) or f"{outcome.path}{length}"
        self._say(f"[{self._finished}/{self._recordings}] {mark} {text}")
        for change in outcome.changed:
            self._say(f"ORIGINAL CHANGED: {outcome.path}: {change}")

    def warned(self, text: str) -> None:
        self._say(warning(text))

    def moved(self, snapshot: Snapshot) -> None:
        if snapshot.seconds - self._last_told >= _PLAIN_EVERY_S:
            self._last_told = snapshot.seconds
            self._say(headline(snapshot))

    def _say(self, line: str) -> None:
        _write(self._stream, printable(line))


def warning(text: str) -> str:
    """The line for a warning, with what to press where the user has begun to stop the run."""
    hint = " (press it again to stop at once)" if text.endswith(INTERRUPT) else ""
    return f"warning: {text}{hint}"


def outcome_mark(outcome: FileOutcome) -> str:
    """The mark of a finished recording; `ok` means that there is nothing to be known of it."""
    if outcome.status != "done":
        return "FAILED"
    if outcome.count("grave") or outcome.changed:
        return "GRAVE "
    if outcome.count("warning"):
        return "check "
    return "note  " if outcome.findings else "ok    "


class JsonLines(View):
    """Prints every event as a line of JSON on standard output."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def noted(self, text: str) -> None:
        self._say(event="note", text=text)

    def planned(self, recordings: int, reused: int) -> None:
        self._say(event="planned", recordings=recordings, reused=reused)

    def finished(self, outcome: FileOutcome) -> None:
        self._say(event="recording", **asdict(outcome))

    def warned(self, text: str) -> None:
        self._say(event="warning", text=text)

    def ended(self, summary: RunSummary) -> None:
        self._say(
            event="ended",
            done=summary.count("done"),
            failed=summary.count("failed"),
            waiting=summary.count("waiting"),
            stopped=summary.stopped,
            unwritten=summary.unwritten,
            left_out=summary.left_out,
            manifest_sha256=summary.manifest_sha256,
            custody_head=summary.custody_head,
            custody_entries=summary.custody_entries,
        )

    def _say(self, **values: Any) -> None:
        _write(self._stream, json.dumps(values))


def headline(snapshot: Snapshot) -> str:
    """The progress of a run in one line."""
    parts = [f"{snapshot.done + snapshot.failed}/{snapshot.recordings} recordings"]
    if snapshot.failed:
        parts.append(f"{snapshot.failed} failed")
    parts.append(clock(snapshot.seconds))
    if snapshot.media_seconds and snapshot.seconds:
        parts.append(speed(snapshot.media_seconds / snapshot.seconds))
    if snapshot.remaining_seconds is not None:
        parts.append(f"about {clock(snapshot.remaining_seconds)} left")
    if snapshot.memory_mb:
        parts.append(f"{snapshot.memory_mb / 1024:.1f} GB")
    return ", ".join(parts)


@contextmanager
def observing(*, quiet: bool, as_json: bool) -> Iterator[View]:
    """The view for the given options and for whether standard error is a terminal."""
    if as_json:
        yield JsonLines(sys.stdout)
    elif quiet:
        yield View()
    elif not sys.stderr.isatty():
        yield Plain(sys.stderr)
    else:
        from reelmill.commands.live import moving  # Rich is only needed here

        with moving() as view:
            yield view
