"""Signals before a run starts and after it ends."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

NUMBERS = (signal.SIGINT, signal.SIGTERM)
INTERRUPT = "Ctrl-C"
_EXIT_STOPPED = 3


def stop_when_told() -> None:
    """From now on, end this process with exit code 3 at Ctrl-C and SIGTERM. An active run installs
    its own handlers. They work even if the parent process has blocked these signals, which children
    inherit."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, NUMBERS)
    for number in NUMBERS:
        signal.signal(number, _stopped)


def work_is_over() -> None:
    """From now on, ignore these signals, so that Python shuts down with the exit code it has."""
    for number in NUMBERS:
        signal.signal(number, signal.SIG_IGN)


def told(number: int) -> str:
    """What a signal is called in messages: by the keys that send it, if there are any."""
    return INTERRUPT if number == signal.SIGINT else signal.Signals(number).name


@contextmanager
def held_back() -> Iterator[None]:
    """Block signals until the end of the block, so that none arrives while handlers are changed."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, NUMBERS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _stopped(number: int, frame: FrameType | None) -> None:
    print(f"reelmill: stopped by {told(number)}", file=sys.stderr)
    sys.exit(_EXIT_STOPPED)
