"""Standard streams that hold whatever is at their other end: closed, full or gone."""

from __future__ import annotations

import io
import os
import sys
from typing import TextIO

_STANDARD = (0, 1, 2)


class _Forgiving(io.FileIO):
    """A descriptor that takes everything: what cannot be delivered is dropped.

    Python flushes the standard streams when it ends, and makes 120 of the exit code when that
    fails; the exit code of a command is about its work, not about who listened.
    """

    def write(self, data: object) -> int:
        try:
            return super().write(data)  # type: ignore[arg-type]
        except OSError:
            return memoryview(data).nbytes  # type: ignore[arg-type]


def hold_streams() -> None:
    """Make the standard streams usable for good; call this before any file is opened.

    A closed descriptor would be given to the next file opened, a database say, and what is then
    printed would be written into it. Streams somebody else has put in place are left alone.
    """
    for number in _STANDARD:
        _hold_open(number)
    if sys.stdout is sys.__stdout__:
        sys.stdout = _stream(1, sys.stdout)
    if sys.stderr is sys.__stderr__:
        sys.stderr = _stream(2, sys.stderr)


def _hold_open(number: int) -> None:
    try:
        os.fstat(number)
    except OSError:
        opened = os.open(os.devnull, os.O_RDWR)
        os.dup2(opened, number)
        if opened not in _STANDARD:
            os.close(opened)


def _stream(number: int, before: TextIO | None) -> TextIO:
    """A text stream on a descriptor, as Python makes them; names that are no text are escaped."""
    raw = _Forgiving(number, "w", closefd=False)
    at_once = number == 2 or raw.isatty()
    encoding = before.encoding if before is not None else "utf-8"
    return io.TextIOWrapper(
        io.BufferedWriter(raw), encoding, errors="backslashreplace", line_buffering=at_once
    )
