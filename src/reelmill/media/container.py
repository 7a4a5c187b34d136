"""Opening a media file: any name, for reading only, with errors a user can act on."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import av
import av.error

from reelmill.core.recording import open_original
from reelmill.errors import InputError, PassingError, kind_of

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.stream import Stream

#: Formats that are lists of other files or mere text: FFmpeg "plays" them, we must not.
_NOT_RECORDINGS = frozenset({"hls", "concat", "dash", "sdp", "tty", "ffmetadata", "imf"})
_HEAD_BYTES = 4096

#: FFmpeg's AVDISCARD_ALL.
_DISCARD_ALL = 48


@contextmanager
def open_container(path: Path) -> Iterator[InputContainer]:
    """Open `path` with FFmpeg, and close it at the end of the block.

    The name is given as an absolute path behind `file:`, so that no part of it is taken for a
    protocol or an option, and FFmpeg reads without going through Python.

    Raises:
        InputError: not there, no permission, empty, truncated, or nothing FFmpeg can open.
        PassingError: I/O errors that can go away.
    """
    with open_original(path) as original:
        size = os.fstat(original.fileno()).st_size
        head = original.read(_HEAD_BYTES)
    if size == 0:
        raise InputError(f"{shown(path)}: empty file (0 bytes); copy it again from its source")
    try:
        container = av.open(
            f"file:{path.absolute()}",
            metadata_errors="replace",
            container_options={"protocol_whitelist": "file"},
        )
    except (av.error.FFmpegError, OSError, UnicodeError) as error:
        raise _explain(path, head, error) from error
    with container:
        if container.format.name in _NOT_RECORDINGS:
            raise InputError(
                f"{shown(path)}: a {container.format.name} text file, not a recording; "
                "give the audio or video files themselves"
            )
        yield container


def read_only(container: InputContainer, stream: Stream) -> None:
    """Let the demuxer skip all other streams: beside the sound of a video, nearly everything."""
    for other in container.streams:
        if other.index != stream.index:
            with suppress(AttributeError):  # PyAV before 17 reads and drops instead
                other.discard = _DISCARD_ALL  # type: ignore[assignment]


def shown(path: Path) -> str:
    """The path on one line: line breaks and other control characters as escapes."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in str(path))


def read_error(path: Path, error: Exception) -> PassingError | InputError | None:
    """The error to raise when reading failed in the middle; None when only data is corrupt."""
    if isinstance(error, av.error.InvalidDataError) or not isinstance(error, OSError):
        return None
    kind = PassingError if kind_of(error) == "passing" else InputError
    return kind(f"{shown(path)}: reading stopped: {error.strerror}; is its disk still there?")


def _explain(path: Path, head: bytes, error: Exception) -> InputError | PassingError:
    broken = read_error(path, error)
    if broken is not None:
        return broken
    if _is_text(head):
        return InputError(
            f"{shown(path)}: holds text, not sound or video; was it renamed, or is it a "
            "web page saved by a failed download? Fetch the recording again"
        )
    if head[4:8] == b"ftyp" and b"moov" not in _boxes(path):
        return InputError(
            f"{shown(path)}: truncated: its index (moov) is missing; copy it again, or repair "
            "it with a tool such as untrunc"
        )
    return InputError(
        f"{shown(path)}: not a recording FFmpeg can open ({_reason(error)}); "
        "is it complete, and really audio or video?"
    )


def _reason(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error).splitlines()[0]


def _is_text(head: bytes) -> bool:
    """Whether a file begins like text: UTF-8 (cut anywhere) without control characters."""
    text = head.decode("utf-8", errors="ignore")
    whole = len(head) - len(text.encode()) < 4
    return whole and all(c.isprintable() or c in "\t\r\n\f\ufeff" for c in text)


def _boxes(path: Path) -> set[bytes]:
    """The types of an MP4's outermost boxes (ISO/IEC 14496-12, 4.2), as far as they can be had."""
    found: set[bytes] = set()
    with open_original(path) as file:
        end, at = os.fstat(file.fileno()).st_size, 0
        while at + 8 <= end:
            file.seek(at)
            header = file.read(16)
            size = int.from_bytes(header[:4], "big")
            if size == 1:
                size = int.from_bytes(header[8:16], "big")
            found.add(header[4:8])
            if size < 8:  # 0: up to the end of the file
                break
            at += size
    return found
