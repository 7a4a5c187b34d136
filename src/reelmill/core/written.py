"""The record of the files that Reelmill wrote into an output folder, and may therefore replace.

A file is ours when it has content that we wrote under that name, for the same recording and
command. The line is written before the file gets its name. A run killed in between therefore leaves
no result that the next run would take for somebody else's. Several processes append to the record.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import hmac
import json
import os
import re
import stat as stat_module
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

#: The record's name in the output folder's cache.
RECORD = "written.jsonl"
#: The record is rewritten when it has at least this many lines that no longer matter.
_STALE_LINES = 2000
_CHUNK_BYTES = 1 << 20
#: The name in a line. Quotes inside names are escaped.
_NAME = re.compile(rb'"path":("(?:[^"\\]|\\.)*")')

#: Opens the record for reading and appending.
Appender = Callable[[], int]


@dataclass(frozen=True)
class Owner:
    """Who a result belongs to: a command and a recording. Reports on a whole run have neither.

    `source` is the recording's path relative to the output folder, `content` its SHA-256.
    """

    command: str = ""
    source: str = ""
    content: str = ""

    def is_same(self, other: Owner) -> bool:
        """A recording stays the same when it is moved, and when its content changes."""
        return self.command == other.command and (
            self.source == other.source or (bool(self.content) and self.content == other.content)
        )


@dataclass(frozen=True)
class Written:
    """A file as it was written: its name below the output folder, SHA-256 (hex), size in bytes.

    `original`: the file was later given to a run as a recording, and must never be replaced.
    """

    path: str
    sha256: str
    size: int
    owner: Owner = field(default_factory=Owner)
    original: bool = False


class Record:
    """The record of all runs on one output folder. `key` seals its lines."""

    def __init__(self, path: Path, key: bytes | None = None) -> None:
        self.path = path
        self._key = key
        self._read_to = 0
        self._count = 0
        #: Lines by the JSON form of their names. They are parsed only when needed: a run that has
        #: nothing to do parses none, even with ten thousand recordings.
        self._lines: dict[bytes, list[bytes]] = {}

    def entries(self, path: str) -> list[Written]:
        """The entries for a name since an original was last there, latest last."""
        self._catch_up()
        return _since_original(self._parsed_lines(json.dumps(path).encode()))

    def paths(self) -> list[str]:
        """All names in the record, whether or not their lines are valid."""
        self._catch_up()
        found = []
        for name in self._lines:
            with contextlib.suppress(ValueError):  # a damaged line
                found.append(json.loads(name))
        return found

    def is_ours(self) -> bool:
        """Whether the record contains anything that we wrote."""
        self._catch_up()
        return any(self._parsed_lines(name) for name in self._lines)

    def latest(self, path: str) -> Written | None:
        """The last entry for a name."""
        found = self.entries(path)
        return found[-1] if found else None

    def add(self, entries: Iterable[Written], append: Appender) -> None:
        """Add files before they get their names. Raises OSError when the record cannot be
        written."""
        data = b"".join(self._line(entry) for entry in entries)
        if not data:
            return
        descriptor = append()
        try:
            end = os.fstat(descriptor).st_size
            if end and os.pread(descriptor, 1, end - 1) != b"\n":  # a run was killed in mid-line
                data = b"\n" + data
            if os.write(descriptor, data) != len(data):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def compacted(self) -> bytes | None:
        """The record without entries that no longer matter; None while compacting is not
        worthwhile."""
        self._catch_up()
        if self._count < max(_STALE_LINES, 4 * len(self._lines)):
            return None
        kept = [one for name in self._lines for one in _essential(self._parsed_lines(name))]
        return b"".join(self._line(entry) for entry in kept)

    def reread(self) -> None:
        """Start over, because the file was rewritten."""
        self._read_to = self._count = 0
        self._lines.clear()

    def _catch_up(self) -> None:
        try:
            descriptor = os.open(self.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:  # no record yet, a link or no permission: nothing there is ours then
            return
        with os.fdopen(descriptor, "rb") as file:
            stat = os.fstat(descriptor)
            if not stat_module.S_ISREG(stat.st_mode):
                return
            if stat.st_size < self._read_to:
                self.reread()
            file.seek(self._read_to)
            data = file.read()
        whole = data.rfind(b"\n") + 1  # another process may still be writing the last line
        self._read_to += whole
        for line in data[:whole].splitlines():
            self._count += 1
            if (found := _NAME.search(line)) is not None:
                self._lines.setdefault(found[1], []).append(line)

    def _parsed_lines(self, name: bytes) -> list[Written]:
        found = map(self._parsed, self._lines.get(name, ()))
        return [entry for entry in found if entry is not None]

    def _line(self, entry: Written) -> bytes:
        body = json.dumps(asdict(entry), separators=(",", ":"), sort_keys=True)
        seal = "" if self._key is None else _seal(self._key, body.encode())
        return f"{seal} {body}\n".encode()

    def _parsed(self, line: bytes) -> Written | None:
        """Parse a line; None when it is damaged or not sealed with our key."""
        seal, _, body = line.partition(b" ")
        if self._key is not None and not hmac.compare_digest(seal, _seal(self._key, body).encode()):
            return None
        try:
            values = json.loads(body)
            owner = Owner(**values.pop("owner"))
            entry = Written(**values, owner=owner)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return None
        kinds = {"path": str, "sha256": str, "size": int, "original": bool}
        if all(isinstance(getattr(entry, name), kind) for name, kind in kinds.items()) and all(
            isinstance(getattr(owner, one.name), str) for one in fields(owner)
        ):
            return entry
        return None


def digest_of(descriptor: int) -> tuple[str, int]:
    """SHA-256 (hex) and size of an open file."""
    sha256, size = hashlib.sha256(), 0
    while data := os.pread(descriptor, _CHUNK_BYTES, size):
        sha256.update(data)
        size += len(data)
    return sha256.hexdigest(), size


def _since_original(entries: list[Written]) -> list[Written]:
    marks = [at for at, one in enumerate(entries) if one.original]
    return entries[marks[-1] + 1 :] if marks else entries


def _essential(entries: list[Written]) -> list[Written]:
    """The entries to keep: the last two, because a run may have been killed before the last file
    got its name."""
    marks = [one for one in entries if one.original]
    return marks[-1:] + _since_original(entries)[-2:]


def _seal(key: bytes, body: bytes) -> str:
    return hmac.digest(key, body, "sha256").hex()
