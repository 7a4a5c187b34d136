"""Signals before a run has begun and after it is over: a stop as any other."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

NUMBERS = (signal.SIGINT, signal.SIGTERM)
_EXIT_STOPPED = 3


def stop_when_told() -> None:
    """From now on Ctrl-C and SIGTERM end this process with exit code 3; a run, while it is there,
    has handlers of its own."""
    for number in NUMBERS:
        signal.signal(number, _stopped)


def work_is_over() -> None:
    """From now on they change nothing: Python takes itself down with the exit code it has."""
    for number in NUMBERS:
        signal.signal(number, signal.SIG_IGN)


@contextmanager
def held_back() -> Iterator[None]:
    """Signals wait for the end of the block, so that none meets a handler between two of ours."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, NUMBERS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _stopped(number: int, frame: FrameType | None) -> None:
    print(f"reelmill: stopped by {signal.Signals(number).name}", file=sys.stderr)
    sys.exit(_EXIT_STOPPED)
