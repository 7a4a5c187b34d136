"""One run per output folder: the second says who has it and stops."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import socket
import time
from pathlib import Path

from reelmill.errors import UsageError


class FolderLock:
    """Held by the kernel for as long as this process lives, so it can never be stale."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Take the folder; nothing happens when this object has it already.

        Raises:
            UsageError: another run has it, in this process or another; or it cannot be locked.
        """
        if self._descriptor is not None:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            owner = os.read(descriptor, 4096).decode(errors="replace")
            os.close(descriptor)
            raise UsageError(
                f"{self._path.parent.parent}: another run is writing here ({_described(owner)}); "
                "wait for it, stop it, or choose another folder with -o"
            ) from error
        except OSError as error:
            os.close(descriptor)
            raise UsageError(
                f"{self._path.parent.parent}: this file system cannot lock files "
                f"({error.strerror}); choose a folder on another one with -o"
            ) from error
        os.ftruncate(descriptor, 0)
        os.write(descriptor, json.dumps(_owner()).encode())
        self._descriptor = descriptor

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


def _described(text: str) -> str:
    with contextlib.suppress(ValueError, KeyError, TypeError):
        owner = json.loads(text)
        return f"process {owner['pid']} on {owner['machine']} since {owner['since']}"
    return "its owner is unknown"
