"""Decoded sound on its way to a file: no room is taken for silence, nor the last of the disk."""

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

#: What file systems leave out where nothing was written is whole blocks of 4 KB.
_BLOCK = 1 << 16
_NOTHING = bytes(_BLOCK)

#: Mono int16 at 16 kHz.
_BYTES_PER_SECOND = 32_000

#: Free space is looked at each time so much was written.
_LOOK_EVERY = 16 << 20

#: What is left to others: their results are small beside one decoded sound.
_RESERVE_BYTES, _RESERVE_SHARE = 64 << 20, 0.05


class PcmFile:
    """Writes to an open file; silence becomes holes where the file system has them.

    A sound that takes most of the room there was is at fault itself when the room runs out; where
    others took it the disk is full, and that is said as the system says it.
    """

    def __init__(self, file: IO[bytes], original: Path, files: int = 1) -> None:
        """A file of `original`'s sound; of its channels, `files` in all, each has one."""
        self._file = file
        self._original = original
        self._files = files
        self._written = self._looked_at = 0
        self._ends_in_hole = False

    def expect(self, seconds: float) -> None:
        """Raises LimitError when so much sound, as the headers state, will not fit."""
        needed = seconds * _BYTES_PER_SECOND * self._files
        free, reserve = self._room()
        if free > 2 * reserve and needed > free - reserve:
            raise LimitError(
                f"{shown(self._original)}: its header states {seconds / 3600:.1f} h, which takes "
                f"{_size(needed)} when decoded, but only {_size(free)} are free in the output "
                "folder; free some space there, or choose another folder with -o"
            )

    def write(self, data: bytes | memoryview) -> int:
        """All of `data`.

        Raises:
            LimitError: this sound took most of the room there was.
            OSError: it cannot be written (disk full, say).
        """
        view = memoryview(data).cast("B")
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
        """Give the file its length, silence at its end included. Raises as `write` does."""
        with self._blaming():
            self._file.flush()
            if self._ends_in_hole:
                self._file.truncate()

    @contextmanager
    def _blaming(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                self._blame()
            raise

    def _room(self) -> tuple[float, float]:
        """Bytes that are free, and of them those to be left."""
        try:
            disk = os.fstatvfs(self._file.fileno())
        except OSError:  # a file system that does not tell
            return float("inf"), 0.0
        total = disk.f_blocks * disk.f_frsize
        return disk.f_bavail * disk.f_frsize, min(_RESERVE_BYTES, _RESERVE_SHARE * total)

    def _blame(self) -> None:
        """Raises LimitError if it is this sound that took the room."""
        free, reserve = self._room()
        written = self._written * self._files  # its channels grow together
        if written >= free and written + free > 2 * reserve:
            raise LimitError(
                f"{shown(self._original)}: its decoded audio does not fit on the disk: "
                f"{_size(written)} were written, and {_size(free)} are left in the output "
                "folder; free some space there, or choose another folder with -o"
            )


def _size(count: float) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"
