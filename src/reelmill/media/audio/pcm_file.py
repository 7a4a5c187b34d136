"""Write decoded audio to a file. Silence takes no space, and part of the disk is left free."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from reelmill.core.progress import tick
from reelmill.errors import LimitError
from reelmill.media.container import shown

#: File systems do not store blocks of 4 KB in which nothing was written.
_BLOCK = 1 << 16
_NOTHING = bytes(_BLOCK)

#: Mono int16 at 16 kHz.
_BYTES_PER_SECOND = 32_000

#: Free space is checked each time this much was written.
_LOOK_EVERY = 16 << 20

#: The space left for others, whose results are small compared with decoded audio.
_RESERVE_BYTES, _RESERVE_SHARE = 64 << 20, 0.05


class PcmFile:
    """Writes to an open file. Silence becomes holes if the file system supports them.

    If space runs out and this audio took most of it, the recording is at fault. If others took it,
    the disk is full, and the system's error is passed on.
    """

    def __init__(
        self, file: IO[bytes], original: Path, files: int = 1, longest: float | None = None
    ) -> None:
        """A file for the sound of `original`, one of `files` if each channel has its own; `longest`
        is how many seconds it may have."""
        self._file = file
        self._original = original
        self._files = files
        self._longest = longest
        self._length = self._written = self._looked_at = 0
        self._ends_in_hole = False

    def expect(self, seconds: float) -> None:
        """Raise LimitError if audio of the stated length is too long, or will not fit."""
        self._check_length(seconds)
        needed = seconds * _BYTES_PER_SECOND * self._files
        free, reserve = self._room()
        if free > 2 * reserve and needed > free - reserve:
            raise LimitError(
                f"{shown(self._original)}: its header states {_length(seconds)}, which takes "
                f"{_size(needed)} when decoded, but only {_size(free)} are free in the output "
                "folder; free some space there, or choose another folder with -o"
            )

    def write(self, data: bytes | memoryview) -> int:
        """Write all of `data`.

        Raises:
            LimitError: this sound is too long, or took most of the free space.
            OSError: it cannot be written (disk full, say).
        """
        view = memoryview(data).cast("B")
        self._length += len(view)
        self._check_length(self._length / _BYTES_PER_SECOND)
        with self._blaming():
            for start in range(0, len(view), _BLOCK):
                piece = view[start : start + _BLOCK]
                self._ends_in_hole = piece == _NOTHING
                if self._ends_in_hole:
                    self._file.seek(_BLOCK, os.SEEK_CUR)
                else:
                    self._written += self._file.write(piece)
        if self._written - self._looked_at >= _LOOK_EVERY:
            self._looked_at = self._written
            free, reserve = self._room()
            if free < reserve:
                self._blame()
        tick()
        return len(view)

    def finish(self) -> None:
        """Set the length of the file, including silence at its end. Raises as `write` does."""
        with self._blaming():
            self._file.flush()
            if self._ends_in_hole:
                self._file.truncate()

    def _check_length(self, seconds: float) -> None:
        if self._longest is not None and seconds > self._longest:
            raise LimitError(
                f"{shown(self._original)}: longer than {self._longest:g} s, the longest recording "
                "accepted here; cut it into parts, or raise --max-duration"
            )

    @contextmanager
    def _blaming(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                self._blame()
            raise

    def _room(self) -> tuple[float, float]:
        """The number of free bytes, and how many of them must be left."""
        try:
            disk = os.fstatvfs(self._file.fileno())
        except OSError:  # the file system does not report it
            return float("inf"), 0.0
        total = disk.f_blocks * disk.f_frsize
        return disk.f_bavail * disk.f_frsize, min(_RESERVE_BYTES, _RESERVE_SHARE * total)

    def _blame(self) -> None:
        """Raise LimitError if this audio took the space."""
        free, reserve = self._room()
        written = self._written * self._files  # the files of its channels grow together
        if written >= free and written + free > 2 * reserve:
            raise LimitError(
                f"{shown(self._original)}: its decoded audio does not fit on the disk: "
                f"{_size(written)} were written, and {_size(free)} are left in the output "
                "folder; free some space there, or choose another folder with -o"
            )


def _size(count: float) -> str:
    if count >= 1e9:
        return f"{count / 1e9:.1f} GB"
    return f"{count / 1e6:.0f} MB" if count >= 1e6 else f"{count / 1e3:.0f} kB"


def _length(seconds: float) -> str:
    return f"{seconds / 3600:.1f} h" if seconds >= 3600 else f"{seconds:.0f} s"
