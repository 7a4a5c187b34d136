"""Run as a command: show progress on the terminal, stop at signals, print a summary."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from types import FrameType
from typing import Protocol

from reelmill.commands.signals import NUMBERS, held_back, told
from reelmill.commands.terminal import View, observing
from reelmill.core.garbage import collect_from_now_on
from reelmill.engine.telemetry.metrics import RunSummary
from reelmill.runs.run import Run


class Stoppable(Protocol):
    """What signals can stop: first gently, then at once."""

    def stop(self, reason: str) -> None:
        """Start nothing new; if called again, do not wait for what is being done."""


def run_command(
    run: Run,
    *,
    quiet: bool,
    as_json: bool,
    feed: Callable[[], None] | None = None,
    closing: Callable[[RunSummary], Iterable[str]] | None = None,
) -> RunSummary:
    """Execute a run and print its closing lines.

    Args:
        run: not started yet.
        quiet: print nothing.
        as_json: print events as JSON lines.
        feed: adds recordings to the run while it works.
        closing: the lines to print at the end instead of the usual ones.

    Raises:
        UsageError: there are no recordings, the output folder cannot be written or is in use, or a
            model or device is missing.
    """
    with (
        observing(quiet=quiet, as_json=as_json) as view,
        _shown(run, view),
        run,
        stopping_at_signals(run),
    ):
        collect_from_now_on()
        if feed is not None:
            feed()
        summary = run.wait()
    if not (quiet or as_json):
        from reelmill.report.text import closing_lines

        print("\n".join(closing(summary) if closing else closing_lines(summary, run.out)))
    return summary


@contextlib.contextmanager
def _shown(run: Run, view: View) -> Iterator[None]:
    """Show events as they arrive. On exit, all events have been shown."""

    def show() -> None:
        for event in run.events():
            view(event)

    showing = threading.Thread(target=show, name="reelmill terminal", daemon=True)
    showing.start()
    try:
        yield
    finally:
        if run.is_over:
            showing.join()


@contextlib.contextmanager
def stopping_at_signals(run: Stoppable) -> Iterator[None]:
    """Stop the run at signals, and restore the previous handlers on exit."""

    def stop(number: int, frame: FrameType | None) -> None:
        run.stop(told(number))

    with held_back():
        before = {number: signal.signal(number, stop) for number in NUMBERS}
    try:
        yield
    finally:
        with held_back():
            for number, handler in before.items():
                signal.signal(number, signal.SIG_DFL if handler is None else handler)
