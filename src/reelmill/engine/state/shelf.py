"""What a run needs again only for its reports, in a file without a name instead of memory."""

from __future__ import annotations

import logging
import os
import struct
import threading
import weakref
from collections.abc import Callable

from reelmill.errors import reason

_log = logging.getLogger(__name__)

#: So much is gathered before it is written. What a small run keeps stays in memory.
_PENDING_BYTES = 1 << 16
#: Read at a time; nearly everything on the shelf is shorter.
_READ_BYTES = 1 << 11
_LENGTH = struct.Struct("<I")


class Shelf:
    """Pieces of bytes, which are read by their places. For any number of threads.

    The file is opened when there is enough for it, and closed with the last reference to the shelf.
    What cannot be written, because the disk is full for instance, stays in memory.
    """

    def __init__(self, open_file: Callable[[], int]) -> None:
        """`open_file` opens a new file for writing and reading, and returns its descriptor. It may
        raise OSError."""
        self._open_file = open_file
        self._descriptor: int | None = None
        self._pending = bytearray()
        self._written = 0
        self._is_refused = False
        self._guard = threading.Lock()

    def put(self, data: bytes) -> int:
        """Keep a piece, and return its place."""
        with self._guard:
            place = self._written + len(self._pending)
            self._pending += _LENGTH.pack(len(data)) + data
            if len(self._pending) >= _PENDING_BYTES and not self._is_refused:
                self._write()
            return place

    def get(self, place: int) -> bytes:
        """The piece at a place.

        Raises:
            OSError: the file cannot be read.
        """
        with self._guard:
            if place >= self._written:
                at = place - self._written
                (size,) = _LENGTH.unpack_from(self._pending, at)
                return bytes(self._pending[at + _LENGTH.size : at + _LENGTH.size + size])
        data = self._read(place, _READ_BYTES)
        (size,) = _LENGTH.unpack_from(data)
        size += _LENGTH.size
        return (data if size <= len(data) else self._read(place, size))[_LENGTH.size : size]

    def _read(self, place: int, size: int) -> bytes:
        assert self._descriptor is not None
        data = b""
        while len(data) < size and (more := os.pread(self._descriptor, size - len(data), place)):
            data, place = data + more, place + len(more)
        return data

    def _write(self) -> None:
        try:
            if self._descriptor is None:
                self._descriptor = self._open_file()
                weakref.finalize(self, os.close, self._descriptor)
            at = 0
            with memoryview(self._pending) as view:
                while at < len(view):
                    at += os.pwrite(self._descriptor, view[at:], self._written + at)
        except OSError as error:
            self._is_refused = True
            _log.info("what a run keeps for its reports stays in memory: %s", reason(error))
            return
        self._written += at
        self._pending = bytearray()
