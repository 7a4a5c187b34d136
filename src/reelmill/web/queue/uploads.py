"""Files that people drop, until a run has them and as long as it exists."""

from __future__ import annotations

import asyncio
import os
import shutil
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from starlette.requests import ClientDisconnect, Request

from reelmill.core import gate
from reelmill.core.atomic import LEFTOVER, NAME_MAX_BYTES, replacing
from reelmill.web.errors import Refused
from reelmill.web.queue.records import new_id
from reelmill.web.settings import WebSettings
from reelmill.web.store import Store

#: What stays free of the disk for results: a share of it, but no more than so many bytes.
_FREE_SHARE, _FREE_BYTES = 0.05, 2 << 30
#: Bytes that are collected before they are written.
_CHUNK = 1 << 20
#: Files that one person may be sending at once.
_AT_ONCE = 8
#: Seconds after which a file that no run has is removed.
_KEPT_S = 7 * 24 * 3600.0


@dataclass(frozen=True)
class Upload:
    """A file that was sent, and has no run yet."""

    id: str
    name: str
    size: int


class Uploads:
    """The files of a server that were sent to it."""

    def __init__(self, store: Store, settings: WebSettings) -> None:
        self._store = store
        self._settings = settings
        self.folder = store.data / "uploads"
        self._sending: Counter[str] = Counter()

    def tidy(self) -> None:
        """Remove what a kill left half written, and what nobody made a run of."""
        self._store.execute("UPDATE uploads SET run = NULL WHERE run NOT IN (SELECT id FROM runs)")
        old = time.time() - _KEPT_S
        self._store.execute("DELETE FROM uploads WHERE run IS NULL AND at < ?", old)
        known = {row["id"] for row in self._store.rows("SELECT id FROM uploads")}
        if self.folder.is_dir():
            for folder in self.folder.iterdir():
                if folder.name not in known:
                    gate.discard_folder(folder)

    def of(self, owner: str) -> list[Upload]:
        """What a person has sent and made no run of, in order."""
        rows = self._store.rows(
            "SELECT id, name, size FROM uploads WHERE owner = ? AND run IS NULL ORDER BY at", owner
        )
        return [Upload(row["id"], row["name"], row["size"]) for row in rows]

    async def receive(self, request: Request, owner: str, name: str) -> Upload:
        """Keep the body of a request as a file of that name. A file that does not come whole leaves
        nothing behind.

        Raises:
            Refused: the name is none, the file is empty, or there is no room.
        """
        check_name(name)
        size = int(request.headers.get("content-length", "0"))
        self._check_room(owner, size)
        upload = Upload(new_id(), name, size)
        folder = self.folder / upload.id
        self._sending[owner] += 1
        try:
            await self._write(request, folder / name, size)
        except BaseException as error:
            gate.discard_folder(folder)
            if isinstance(error, OSError):
                raise Refused(507, "no_room", f"the file cannot be kept: {error}") from error
            raise
        finally:
            self._sending[owner] -= 1
        self._store.execute(
            "INSERT INTO uploads VALUES (?, ?, ?, ?, ?, NULL)",
            upload.id,
            owner,
            name,
            size,
            time.time(),
        )
        return upload

    async def _write(self, request: Request, path: Path, size: int) -> None:
        await asyncio.to_thread(gate.make_folder, path.parent)
        with replacing(path) as file:
            kept, got = bytearray(), 0
            async for data in _body(request):
                kept += data
                got += len(data)
                if len(kept) >= _CHUNK:
                    await asyncio.to_thread(_add, file, bytes(kept))
                    kept.clear()
            await asyncio.to_thread(_add, file, bytes(kept))
            if got != size:
                raise Refused(400, "cut_off", f"{got:,} of {size:,} bytes came; send it again")

    def _check_room(self, owner: str, size: int) -> None:
        if size == 0:
            raise Refused(400, "empty", "the file is empty")
        if self._sending[owner] >= _AT_ONCE:
            message = f"you are sending {_AT_ONCE} files already; send this one after them"
            raise Refused(429, "too_many_uploads", message, retry_after=5)
        if len(self.of(owner)) >= self._settings.limits.uploads:
            raise Refused(
                429, "too_many_uploads", "too many files wait; start runs with them, or remove them"
            )
        disk = shutil.disk_usage(self._store.data)
        if disk.free - size < min(_FREE_SHARE * disk.total, _FREE_BYTES):
            raise Refused(507, "no_room", "there is no room for this file on the server's disk")

    def take(self, ids: Sequence[str], owner: str, run: str) -> list[Path]:
        """Give files to a run; their paths.

        Raises:
            Refused: one is not there, is not this person's, or another run has it.
        """
        paths = []
        with self._store.change():
            for one in ids:
                row = self._store.row(
                    "SELECT name FROM uploads WHERE id = ? AND owner = ? AND run IS NULL",
                    one,
                    owner,
                )
                if row is None:
                    raise Refused(
                        422, "no_upload", f"there is no upload {one[:40]!r} that waits for a run"
                    )
                self._store.execute("UPDATE uploads SET run = ? WHERE id = ?", run, one)
                paths.append(self.folder / one / row["name"])
        return paths

    def give_back(self, run: str) -> None:
        """Take the files back from a run that was not made."""
        self._store.execute("UPDATE uploads SET run = NULL WHERE run = ?", run)

    def remove(self, name: str, owner: str) -> None:
        """Remove a file that no run has.

        Raises:
            Refused: there is none.
        """
        removed = self._store.execute(
            "DELETE FROM uploads WHERE id = ? AND owner = ? AND run IS NULL", name, owner
        )
        if not removed:
            raise Refused(404, "no_upload", "there is no such upload")
        gate.discard_folder(self.folder / name)

    def of_run(self, run: str) -> list[Path]:
        """The folders with the files of a run."""
        rows = self._store.rows("SELECT id FROM uploads WHERE run = ?", run)
        return [self.folder / row["id"] for row in rows]

    def forget(self, run: str) -> None:
        """Forget the files of a run, which are removed with it."""
        self._store.execute("DELETE FROM uploads WHERE run = ?", run)


async def _body(request: Request) -> AsyncIterator[bytes]:
    try:
        async for data in request.stream():
            yield data
    except ClientDisconnect as error:
        raise Refused(400, "cut_off", "the file did not come whole; send it again") from error


def _add(file: IO[bytes], data: bytes) -> None:
    file.write(data)


def check_name(name: str) -> None:
    """Raise Refused where a file on the server cannot, or should not, have that name."""
    wrong = (
        not name
        or name != name.strip()
        or name.startswith(".")
        or any(character in "/\\" or ord(character) < 32 for character in name)
        or any(character in name for character in ("\x7f", "\ufffd"))  # what was not UTF-8
        or LEFTOVER.fullmatch(name) is not None
    )
    if wrong:
        raise Refused(400, "bad_name", "a file cannot have this name; give it another one")
    try:
        too_long = len(os.fsencode(name)) > NAME_MAX_BYTES - 40  # names of results are longer
        name.encode("utf-8")
    except UnicodeEncodeError:
        raise Refused(400, "bad_name", "the name of the file is not UTF-8") from None
    if too_long:
        raise Refused(400, "bad_name", "the name of the file is too long; give it a shorter one")
