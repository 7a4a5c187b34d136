"""Allows one run per output folder. A second run names the first and stops."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import socket
import time
from pathlib import Path

from reelmill.core import gate
from reelmill.core.json_text import parse_json
from reelmill.errors import FolderBusyError, UsageError


class FolderLock:
    """The kernel holds the lock while this process lives, so it can never be stale."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Lock the folder. Does nothing if this object holds the lock already.

        Raises:
            FolderBusyError: another run has it, in this process or another.
            UsageError: it cannot be locked.
            NotOursError: the lock's file is a link, or not ours alone.
        """
        if self._descriptor is not None:
            return
        try:
            descriptor = gate.open_kept(self._path)
        except OSError as error:
            raise UsageError(
                f"{self._path}: cannot be opened ({error.strerror}); remove it, or choose another "
                "folder with -o"
            ) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            owner = os.read(descriptor, 4096).decode(errors="replace")
            os.close(descriptor)
            raise FolderBusyError(
                f"{self._path.parent.parent}: another run is writing here ({_described(owner)}); "
                "wait for it, stop it, or choose another folder with -o"
            ) from error
        except OSError as error:
            os.close(descriptor)
            raise UsageError(
                f"{self._path.parent.parent}: this file system cannot lock files "
                f"({error.strerror}); choose a folder on another file system with -o"
            ) from error
        self._descriptor = descriptor
        if _is_ours(os.pread(descriptor, 4096, 0)):  # its other contents are not ours to replace
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, json.dumps(_owner()).encode(), 0)

    def release(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def _owner() -> dict[str, str | int]:
    return {
        "pid": os.getpid(),
        "machine": socket.gethostname(),
        "since": time.strftime("%Y-%m-%d %H:%M:%S"),
    }


def _is_ours(content: bytes) -> bool:
    with contextlib.suppress(ValueError, AttributeError):
        return not content or parse_json(content).keys() == _owner().keys()
    return False


def _described(text: str) -> str:
    with contextlib.suppress(ValueError, KeyError, TypeError):
        owner = parse_json(text)
        return f"process {owner['pid']} on {owner['machine']} since {owner['since']}"
    return "its owner is unknown"
