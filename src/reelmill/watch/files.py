"""What lies in a watched folder, and which of it is still being written."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
from pathlib import Path

from reelmill.engine.execution.planning import Source
from reelmill.runs.sources import look_for
from reelmill.watch.arrivals import Stamp

#: Endings of names that programs give to files, and some to folders, until they are whole:
#: browsers, download managers, peer-to-peer and synchronizing programs.
_PARTIAL = (
    ".part", ".partial", ".crdownload", ".download", ".opdownload", ".filepart", ".aria2",
    ".tmp", ".temp", ".unfinished", ".incomplete", ".uploading", ".!ut", ".!qb", ".bc!", "~",
)  # fmt: skip
#: Endings that such programs add for a second file beside the one they write.
_COMPANIONS = (".part", ".aria2", ".crdownload", ".filepart")
#: Linux's number for choosing the signal of a lease (F_SETSIG), which Python 3.10 does not name.
_F_SETSIG = 10


def is_partial(relative: str) -> bool:
    """Whether a name says that the file is not whole yet: its own, or that of a folder below the
    watched one."""
    return any(
        part.lower().endswith(_PARTIAL) or part.startswith("~$") for part in relative.split("/")
    )


def has_companion(path: str) -> bool:
    """Whether a file beside it says that a program is still fetching it."""
    return any(os.path.lexists(path + ending) for ending in _COMPANIONS)


def stamp_of(path: str) -> Stamp | None:
    """Size and time of a file; None if it is not there."""
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return None
    return Stamp(found.st_size, found.st_mtime_ns)


def recordings_in(folder: Path, out: Path) -> tuple[dict[str, Source], int]:
    """The files below a folder that could be recordings.

    The rules are those of the other commands: hidden names, links that lead out and the output
    folder are left out.

    Args:
        folder: the watched folder.
        out: the output folder.

    Returns:
        The files by their paths, and how many were left out because their names say that they are
        not whole yet.

    Raises:
        UsageError: the folder is the output folder.
    """
    seen = look_for([folder], out)
    found: dict[str, Source] = {}
    partial = sum(is_partial(os.path.relpath(path, folder)) for path in seen.other)
    for source in seen.sources:
        if is_partial(os.path.relpath(source.path, folder)):
            partial += 1
        else:
            found[os.path.abspath(source.path)] = source
    return found, partial


def is_written(path: str) -> bool:
    """Whether a program has a file open for writing, or a companion file says so.

    Linux tells it when one asks for a read lease, which nobody gets on a file that is open for
    writing. That is known only on local file systems and for files of this user; otherwise the
    answer is no.
    """
    return has_companion(path) or _lease_is_refused(path)


def _lease_is_refused(path: str) -> bool:
    if not hasattr(fcntl, "F_SETLEASE"):
        return False
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        # Whoever opens the file in the instant of the lease breaks it, and the kernel tells us by a
        # signal. The usual one would end this process; this one is ignored.
        fcntl.fcntl(descriptor, _F_SETSIG, signal.SIGURG)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        with contextlib.suppress(OSError):
            fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
        os.close(descriptor)
    return False
