"""The record of what this program wrote into an output folder: what is in it may be replaced.

A file is ours when its content is one that we wrote under that name, for the same recording and
command. The line is written before the file gets its name, so that a run killed in between has not
left a result which the next run takes for somebody else's. Several processes append to the file.
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

#: Below the output folder's cache.
RECORD = "written.jsonl"
#: Lines of a record that are no longer of use before it is written anew.
_STALE_LINES = 2000
_CHUNK_BYTES = 1 << 20
#: A line's name: quotes within other names are escaped.
_NAME = re.compile(rb'"path":("(?:[^"\\]|\\.)*")')

#: Opens the record for reading and appending.
Appender = Callable[[], int]


@dataclass(frozen=True)
class Owner:
    """Whose result a file is: a command's, of a recording. Reports on a whole run have neither.

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

    `original`: since then it was given to a run as a recording; it is nobody's to replace.
    """

    path: str
    sha256: str
    size: int
    owner: Owner = field(default_factory=Owner)
    original: bool = False


class Record:
    """What was written into one output folder, by any run; `key` seals its lines."""

    def __init__(self, path: Path, key: bytes | None = None) -> None:
        self.path = path
        self._key = key
        self._read_to = 0
        self._count = 0
        #: Lines by the JSON form of their names. They are looked into when they are asked for: of
        #: ten thousand recordings' results a run that has nothing to do asks for none.
        self._lines: dict[bytes, list[bytes]] = {}

    def entries(self, path: str) -> list[Written]:
        """What was written under a name since an original lay there, the latest last."""
        self._catch_up()
        return _since_original(self._parsed_lines(json.dumps(path).encode()))

    def paths(self) -> list[str]:
        """All names that were ever written, by whoever wrote the record."""
        self._catch_up()
        found = []
        for name in self._lines:
            with contextlib.suppress(ValueError):  # a damaged line
                found.append(json.loads(name))
        return found

    def is_ours(self) -> bool:
        """Whether there is a record with anything in it that we wrote."""
        self._catch_up()
        return any(self._parsed_lines(name) for name in self._lines)

    def latest(self, path: str) -> Written | None:
        """What was written last under a name."""
        found = self.entries(path)
        return found[-1] if found else None

    def add(self, entries: Iterable[Written], append: Appender) -> None:
        """Take in files before they get their names. Raises OSError when that cannot be noted."""
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
        """The record without what no longer matters; None while that is not worth it."""
        self._catch_up()
        if self._count < max(_STALE_LINES, 4 * len(self._lines)):
            return None
        kept = [one for name in self._lines for one in _essential(self._parsed_lines(name))]
        return b"".join(self._line(entry) for entry in kept)

    def reread(self) -> None:
        """The file was written anew."""
        self._read_to = self._count = 0
        self._lines.clear()

    def _catch_up(self) -> None:
        try:
            descriptor = os.open(self.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:  # none yet; or a link or no permission: then nothing there is ours
            return
        with os.fdopen(descriptor, "rb") as file:
            stat = os.fstat(descriptor)
            if not stat_module.S_ISREG(stat.st_mode):
                return
            if stat.st_size < self._read_to:
                self.reread()
            file.seek(self._read_to)
            data = file.read()
        whole = data.rfind(b"\n") + 1  # the last line may still be being written
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
        """A line that is damaged, or was not sealed with our key, is nobody's word."""
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
    """The last two: a run may have been killed before the last one got its name."""
    marks = [one for one in entries if one.original]
    return marks[-1:] + _since_original(entries)[-2:]


def _seal(key: bytes, body: bytes) -> str:
    return hmac.digest(key, body, "sha256").hex()
