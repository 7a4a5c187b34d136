"""Files as answers: opened once, without following links, and read in ranges."""

from __future__ import annotations

import os
import stat
import threading
from functools import lru_cache
from pathlib import Path, PurePosixPath
from urllib.parse import quote

from starlette.responses import FileResponse
from starlette.types import Receive, Scope, Send

from reelmill.core import gate
from reelmill.core.keys import WRITTEN, user_key
from reelmill.core.opening import open_unlinked
from reelmill.core.written import RECORD, Record
from reelmill.web.errors import Refused

#: The types of files that browsers show or play. All others are saved.
_SHOWN = {
    ".html": "text/html; charset=utf-8",
    ".json": "application/json",
    ".jsonl": "text/plain; charset=utf-8",
    ".txt": "text/plain; charset=utf-8",
    ".srt": "text/plain; charset=utf-8",
    ".vtt": "text/vtt; charset=utf-8",
    ".tsv": "text/plain; charset=utf-8",
    ".csv": "text/plain; charset=utf-8",
    ".rttm": "text/plain; charset=utf-8",
    ".sha256": "text/plain; charset=utf-8",
    ".ass": "text/plain; charset=utf-8",
    ".smi": "text/plain; charset=utf-8",
    ".jpg": "image/jpeg",
    ".png": "image/png",
}
#: The types of recordings, which browsers play where they can.
_PLAYED = {
    **dict.fromkeys((".mp4", ".m4v", ".mov"), "video/mp4"),
    **dict.fromkeys((".webm", ".mkv"), "video/webm"),
    **dict.fromkeys((".m4a", ".m4b"), "audio/mp4"),
    **dict.fromkeys((".ogg", ".oga", ".opus", ".spx"), "audio/ogg"),
    ".wav": "audio/wav",
    ".mp3": "audio/mpeg",
    ".flac": "audio/flac",
    ".aac": "audio/aac",
    ".amr": "audio/amr",
    ".weba": "audio/webm",
    ".ogv": "video/ogg",
}

_mutex = threading.Lock()


class OpenedFile(FileResponse):
    """A file that was opened, whatever happens to its name. Ranges of bytes can be asked for."""

    def __init__(self, descriptor: int, name: str, kind: str | None) -> None:
        disposition = "attachment" if kind is None else "inline"
        shown = name.encode("utf-8", "replace").decode()
        headers = {
            "content-disposition": f"{disposition}; filename*=utf-8''{quote(shown)}",
            "cache-control": "private, no-cache",
        }
        self._descriptor = descriptor
        super().__init__(
            f"/dev/fd/{descriptor}",
            headers=headers,
            media_type=kind or "application/octet-stream",
            stat_result=os.fstat(descriptor),
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            os.close(self._descriptor)


def kind_of(name: str) -> str | None:
    """The type of a file that browsers show or play; None for one that they save."""
    suffix = PurePosixPath(name).suffix.lower()
    return _SHOWN.get(suffix) or _PLAYED.get(suffix)


def open_result(out: Path, path: str) -> int:
    """Open a file of an output folder that a run wrote there.

    Raises:
        Refused: there is none. Whatever else is in the folder is none either.
    """
    parts = path.split("/")
    if any(part in ("", ".", "..") or part.startswith(".") for part in parts):
        raise _nothing()
    if not was_written(out, path):
        raise _nothing()
    return open_below(out, parts)


def was_written(out: Path, path: str) -> bool:
    """Whether a run wrote a file of that name into an output folder."""
    with _mutex:
        return bool(_record(out).entries(path))


@lru_cache(maxsize=64)
def _record(out: Path) -> Record:
    """The record of an output folder, which reads only what was added since it was last asked."""
    return Record(out / gate.CACHE / RECORD, user_key().seal.key_for(WRITTEN))


def open_below(folder: Path, parts: list[str]) -> int:
    """Open a file below a folder, following no link on the way.

    Raises:
        Refused: there is none.
    """
    try:
        at = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        for name in parts[:-1]:
            try:
                flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
                below = os.open(name, flags, dir_fd=at)
            finally:
                os.close(at)
            at = below
        try:
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            return _regular(os.open(parts[-1], flags, dir_fd=at))
        finally:
            os.close(at)
    except (OSError, ValueError):
        raise _nothing() from None


def open_original(path: Path) -> int:
    """Open a recording.

    Raises:
        Refused: it is no longer there.
    """
    try:
        return _regular(open_unlinked(path))
    except OSError:
        raise Refused(404, "not_found", "the recording is no longer where it was") from None


def _regular(descriptor: int) -> int:
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise _nothing()
    return descriptor


def _nothing() -> Refused:
    return Refused(404, "not_found", "there is no such result")
