"""Change which tracks of an mp4 players show by default (ISO/IEC 14496-12, 8.3.2)."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import IO

_ENABLED = 1
_HEADER = 8


def disable_tracks(path: Path, tracks: Collection[int]) -> None:
    """Remove the flag "enabled" from tracks. FFmpeg sets it for the first subtitles if no others
    have it.

    Args:
        path: an mp4 or mov that the gate made.
        tracks: places from 0.
    """
    with path.open("r+b") as file:
        size = file.seek(0, 2)
        traks = (
            trak
            for kind, start, end in _boxes(file, 0, size)
            if kind == b"moov"
            for trak in _boxes(file, start, end)
            if trak[0] == b"trak"
        )
        for place, (_, start, end) in enumerate(list(traks)):
            if place in tracks:
                _disable(file, start, end)


def _disable(file: IO[bytes], start: int, end: int) -> None:
    for kind, inside, _ in _boxes(file, start, end):
        if kind == b"tkhd":
            at = inside + 3  # version and two bytes of flags before the last
            file.seek(at)
            flags = file.read(1)[0]
            file.seek(at)
            file.write(bytes([flags & ~_ENABLED]))


def _boxes(file: IO[bytes], start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """The type, and start and end of the content, of each box between two positions."""
    while start + _HEADER <= end:
        file.seek(start)
        header = file.read(2 * _HEADER)
        size, kind, inside = int.from_bytes(header[:4], "big"), header[4:8], start + _HEADER
        if size == 1:
            size, inside = int.from_bytes(header[8:16], "big"), start + 2 * _HEADER
        if size < _HEADER:
            return
        yield kind, inside, start + size
        start += size
