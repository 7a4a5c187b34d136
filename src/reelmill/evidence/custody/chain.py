"""`custody.jsonl`: one line for each action, each with the SHA-256 of the line before.

Lines are only ever added. The SHA-256 of the last line, the head, covers all of them: with a head,
anybody can detect that a line up to it was changed, moved or removed.
"""

from __future__ import annotations

import contextlib
import errno
import getpass
import hashlib
import os
import re
import socket
import stat
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from reelmill.core import gate
from reelmill.core.json_text import parse_json
from reelmill.core.keys import Seal
from reelmill.core.opening import open_unlinked
from reelmill.export.jsontext import json_text

CUSTODY = "custody.jsonl"
SCHEMA = "reelmill.custody/1"
#: Used in the first entry instead of the hash of the entry before.
START = "0" * 64
#: The purpose of the MAC of an entry.
PURPOSE = "custody entry"
_MAC = ', "mac": "{}"}}'
_MAC_BYTES = len(_MAC.format(START))
#: Entries reach the disk itself at least this often, in seconds.
_FLUSH_S = 1.0
_TAIL_BYTES = 1 << 16


@dataclass(frozen=True)
class Head:
    """The number of entries, and the SHA-256 (hex) of the last one."""

    entries: int
    sha256: str

    @property
    def words(self) -> str:
        """For people: `12 entries, head 0123...`."""
        return f"{self.entries:,} entr{'y' if self.entries == 1 else 'ies'}, head {self.sha256}"


@dataclass(frozen=True)
class Who:
    """A user on a machine, as the system calls them."""

    user: str
    host: str

    @classmethod
    def is_here(cls) -> Who:
        try:
            user = getpass.getuser()
        except (OSError, KeyError):  # a container's user without a name
            user = str(os.getuid())
        return cls(user, socket.gethostname())


@dataclass(frozen=True)
class Tail:
    """The end of a log: its last complete entry, and an unfinished line after it, if any."""

    head: Head | None
    torn: bytes = b""


class NoEntryError(ValueError):
    """A line is no entry of a custody log."""


def head(output: Path) -> Head | None:
    """The head of an output folder's log; None where there is none.

    A line that a killed run left unfinished does not count.
    """
    return tail(output).head


def tail(output: Path) -> Tail:
    """The end of an output folder's log. Reads no more of it than needed."""
    try:
        descriptor = open_unlinked(output / CUSTODY)
    except OSError:
        return Tail(None)
    try:
        facts = os.fstat(descriptor)
        if not stat.S_ISREG(facts.st_mode):
            return Tail(None)
        return _tail(descriptor, facts.st_size)
    finally:
        os.close(descriptor)


def _tail(descriptor: int, size: int) -> Tail:
    """Read the last bytes, and more of them until they contain a complete entry."""
    length = _TAIL_BYTES
    while True:
        start = max(0, size - length)
        data = os.pread(descriptor, size - start, start)
        if start:  # the first line is whole only if it begins here
            data = data[data.find(b"\n") + 1 :] if b"\n" in data else b""
        end = len(data)
        while (stop := data.rfind(b"\n", 0, end)) >= 0:
            begin = data.rfind(b"\n", 0, stop) + 1
            with contextlib.suppress(NoEntryError):
                number = parse_entry(data[begin : stop + 1])["n"]
                return Tail(Head(number, sha256_of(data[begin : stop + 1])), data[stop + 1 :])
            end = stop
        if not start:
            return Tail(None, data)
        length *= 8


def sha256_of(line: bytes) -> str:
    """The hash of an entry: of its line, with the line end."""
    return hashlib.sha256(line).hexdigest()


def parse_entry(line: bytes) -> dict[str, Any]:
    """Parse a line.

    Raises:
        NoEntryError: it is no entry.
    """
    try:
        entry = parse_json(line)
        if (
            line.endswith(b"\n")
            and isinstance(entry, dict)
            and type(entry["n"]) is int
            and entry["n"] > 0
            and all(isinstance(entry[name], str) for name in ("at", "what", "prev"))
        ):
            return entry
    except (ValueError, KeyError):
        pass
    raise NoEntryError("not an entry of a custody log")


def split_mac(line: bytes) -> tuple[bytes, str | None]:
    """The bytes that the MAC of a line is of, and the MAC."""
    body, end = line[: -_MAC_BYTES - 1], line[-_MAC_BYTES - 1 : -1]
    found = re.fullmatch(rb', "mac": "([0-9a-f]{64})"\}', end)
    return (line, None) if found is None else (body, found[1].decode())


class Chain:
    """Adds entries to the log of an output folder.

    The folder must be open for writing (`gate.output`) and locked: one process adds entries. Each
    is with the system when `append` returns, so killing the process loses none, and on the disk
    within a second.
    """

    def __init__(self, out: Path, seal: Seal, recorded: Head | None = None) -> None:
        """The file is opened by the first entry. `recorded` is the head that the evidence of
        earlier runs has."""
        self._out = out
        self._seal = seal
        self._recorded = recorded
        self._who = Who.is_here()
        self._descriptor = -1
        self._flushed = time.monotonic()
        self._head: Head | None = None
        self._is_open = False
        #: Problems found in the log, for people.
        self.problems: list[str] = []

    @property
    def path(self) -> Path:
        return self._out / CUSTODY

    def append(self, what: str, **facts: Any) -> Head:
        """Add an entry.

        Args:
            what: `run`, `ingest`, `stage`, `export`, `finished` and so on: see docs/custody.md.
            facts: its further fields, as JSON has them.

        Raises:
            OSError: it cannot be written. What was written of it is noted by the next entry.
            NotOursError: a file that is not ours has the name of the log.
        """
        if not self._is_open:
            self._open()
        return self._write(what, facts)

    def flush(self) -> None:
        """Flush the entries so far to the disk. Raises OSError."""
        if self._descriptor >= 0:
            os.fsync(self._descriptor)
            self._flushed = time.monotonic()

    def close(self) -> None:
        """Raises OSError if the last entries may not have reached the disk."""
        try:
            self.flush()
        finally:
            self._shut()

    def _shut(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._descriptor, self._is_open, self._head = -1, False, None

    def _open(self) -> None:
        """Open the log, and record in it what a killed run or somebody else did to its end."""
        found = tail(self._out)
        self._descriptor = gate.open_appended(self.path)
        self._head, self._is_open = found.head, True
        try:
            if found.torn:
                end = b"" if found.torn.endswith(b"\n") else b"\n"
                if end and os.write(self._descriptor, end) != 1:
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.path))
                facts = {"bytes": len(found.torn), "sha256": sha256_of(found.torn)}
                self._write("torn", {"torn": facts})
                self.problems.append(
                    f"{self.path}: the last line was unfinished ({len(found.torn)} bytes); the run "
                    "that wrote it was killed, and the next entry says so"
                )
            self._note_break(found.head, self._recorded)
        except BaseException:
            self._shut()
            raise

    def _note_break(self, found: Head | None, recorded: Head | None) -> None:
        """Record that entries are missing that earlier evidence mentions."""
        entries = 0 if found is None else found.entries
        if recorded is None or entries > recorded.entries or found == recorded:
            return
        before = None if found is None else {"entries": found.entries, "head": found.sha256}
        self._write(
            "break",
            {"recorded": {"entries": recorded.entries, "head": recorded.sha256}, "found": before},
        )
        self.problems.append(
            f"{self.path}: the evidence is of {recorded.words}, but the log "
            f"{'is gone' if found is None else f'has {found.words}'}; somebody changed or cut it, "
            "and the next entry says so"
        )

    def _write(self, what: str, facts: Mapping[str, Any]) -> Head:
        before = self._head or Head(0, START)
        number = before.entries + 1
        values = {
            "n": number,
            "at": datetime.now(timezone.utc).isoformat(timespec="milliseconds"),
            "user": self._who.user,
            "host": self._who.host,
            "what": what,
            **facts,
            "key": self._seal.fingerprint,
            "prev": before.sha256,
        }
        body = json_text(values).removesuffix("}").encode()
        line = body + _MAC.format(self._seal.of(PURPOSE, body)).encode() + b"\n"
        if os.write(self._descriptor, line) != len(line):
            self._shut()  # the next entry finds what is there of it
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.path))
        self._head = Head(number, sha256_of(line))
        if time.monotonic() - self._flushed > _FLUSH_S:
            self.flush()
        return self._head
