"""Claims: which worker has which recording, as files in a folder that all workers see.

A claim is a file that only one worker could create: creating a file that must not exist yet is
atomic on local disks and on NFS. Kernel locks and SQLite's log cannot be relied on there, so
neither is used. A worker renews its claims while it works. A claim that was not renewed for longer
than a lease belongs to a worker that is gone, and another worker takes it. Times are those of the
file system, whatever the clocks of the machines say. Two workers may end up with the same
recording; this is harmless, because results are named by what determines them.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
from pathlib import Path
from typing import Literal

from reelmill.core import gate
from reelmill.core.json_text import parse_json

State = Literal["free", "claimed", "done"]
_CLAIMED, _DONE, _CLOCK = ".claim", ".done", ".clock"


class Claims:
    """The claims of one worker in a folder of claims."""

    def __init__(self, folder: Path, worker: str, lease_s: float) -> None:
        """Name a worker.

        Args:
            folder: of the claims, inside an output folder's cache.
            worker: its name, which no other worker has.
            lease_s: how long a claim holds without being renewed, in seconds.
        """
        self._folder, self._worker, self.lease_s = folder, worker, lease_s
        self._held: dict[str, str] = {}
        self._clock = folder / f"{_named(worker)}{_CLOCK}"

    @property
    def held(self) -> int:
        """How many claims this worker holds."""
        return len(self._held)

    def take(self, what: str) -> bool:
        """Claim something; return whether this worker has it now.

        Raises:
            OSError: the folder cannot be written.
        """
        if self._path(what, _DONE).exists():
            return False
        path = self._path(what, _CLAIMED)
        if (before := self._stale(path)) is not None:
            self._drop(path, before)
        nonce = secrets.token_hex(8)
        try:
            descriptor = gate.create(path, 0o600)
        except FileExistsError:
            return False
        try:
            os.write(descriptor, json.dumps({"worker": self._worker, "nonce": nonce}).encode())
        finally:
            os.close(descriptor)
        self._held[what] = nonce
        return True

    def renew(self) -> None:
        """Renew all claims of this worker. A claim that another worker has taken meanwhile is
        dropped."""
        for what, nonce in list(self._held.items()):
            path = self._path(what, _CLAIMED)
            if _content(path).get("nonce") != nonce:
                del self._held[what]
                continue
            self._touch(path)

    def done(self, what: str) -> None:
        """Mark something as done for good."""
        with contextlib.suppress(FileExistsError):
            os.close(gate.create(self._path(what, _DONE), 0o600))
        self.release(what)

    def release(self, what: str) -> None:
        """Give back a claim."""
        nonce = self._held.pop(what, None)
        path = self._path(what, _CLAIMED)
        if nonce is not None and _content(path).get("nonce") == nonce:
            gate.remove(path)

    def state(self, what: str) -> State:
        """The state of something: `claimed` by a living worker, `done`, or `free`."""
        if self._path(what, _DONE).exists():
            return "done"
        path = self._path(what, _CLAIMED)
        return "claimed" if path.exists() and self._stale(path) is None else "free"

    def renewed_at(self, what: str) -> float | None:
        """When a claim was renewed last, by the clock of the file system; None if there is none."""
        try:
            return self._path(what, _CLAIMED).stat().st_mtime
        except OSError:
            return None

    def _stale(self, path: Path) -> str | None:
        """The nonce of a claim whose worker is gone; None for any other and where there is none."""
        try:
            renewed = path.stat().st_mtime
        except OSError:
            return None
        if self._now() - renewed <= self.lease_s:
            return None
        return str(_content(path).get("nonce", ""))

    def _drop(self, path: Path, nonce: str) -> None:
        """Remove a claim, unless another worker has just renewed or taken it."""
        if str(_content(path).get("nonce", "")) == nonce:
            gate.remove(path)

    def _now(self) -> float:
        """The time by the clock of the file system."""
        self._touch(self._clock)
        return self._clock.stat().st_mtime

    def _touch(self, path: Path) -> None:
        descriptor = gate.open_kept(path, os.O_RDWR, 0o600)
        try:
            end = os.fstat(descriptor).st_size
            # Writing anything sets the time; a claim grows by a byte each time and is short-lived.
            os.pwrite(descriptor, b"\n", 0 if path == self._clock else end)
        finally:
            os.close(descriptor)

    def _path(self, what: str, kind: str) -> Path:
        return self._folder / f"{_named(what)}{kind}"


def _named(what: str) -> str:
    return hashlib.sha256(what.encode("utf-8", "surrogateescape")).hexdigest()[:32]


def _content(path: Path) -> dict[str, object]:
    try:
        found = parse_json(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
