"""Standard streams that keep working when the other end is closed, full or gone."""

from __future__ import annotations

import io
import os
import sys
from typing import TextIO

_STANDARD = (0, 1, 2)


class _Forgiving(io.FileIO):
    """A descriptor that drops what it cannot write instead of raising an error.

    Python flushes the standard streams at exit and ends with exit code 120 when that fails. The
    exit code of a command must reflect its work, not whether anybody read its output.
    """

    def write(self, data: object) -> int:
        try:
            return super().write(data)  # type: ignore[arg-type]
        except OSError:
            return memoryview(data).nbytes  # type: ignore[arg-type]


def hold_streams() -> None:
    """Make the standard streams usable until the process ends. Call this before opening any file.

    The next file opened, for example a database, would get the number of a closed descriptor, and
    printed text would be written into it. Streams that other code has replaced are left alone.
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
    """A text stream on a descriptor, as Python makes them. Undecodable names are escaped."""
    raw = _Forgiving(number, "w", closefd=False)
    at_once = number == 2 or raw.isatty()
    encoding = before.encoding if before is not None else "utf-8"
    return io.TextIOWrapper(
        io.BufferedWriter(raw), encoding, errors="backslashreplace", line_buffering=at_once
    )
