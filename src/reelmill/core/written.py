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
from array import array
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

#: The record's name in the output folder's cache.
RECORD = "written.jsonl"
#: The record is rewritten when it has at least this many lines that no longer matter.
_STALE_LINES = 2000
_CHUNK_BYTES = 1 << 20
#: The record is read in pieces of this size; a line alone in the other, as nearly all are shorter.
_READ_BYTES, _LINE_BYTES = 1 << 16, 1 << 10
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


class _LineIndex:
    """Where in the record the lines of each name are, in some 20 bytes for each line: there may be
    very many. A table with open addressing, which may also give lines of other names."""

    #: A slot has so many bits of the name's hash, and the place after these; 0 where it is free.
    _OF_HASH = 28
    _OF_PLACE = 64 - _OF_HASH
    _LEAST_SLOTS = 1 << 10

    def __init__(self) -> None:
        self._slots = array("Q", bytes(8 * self._LEAST_SLOTS))
        self.lines = self.names = 0

    def add(self, name: bytes, at: int) -> None:
        """Add a line that begins at a place in the record."""
        if 3 * self.lines >= 2 * len(self._slots):
            self._grow()
        slot, is_new = self._free(self._tag(name))
        self._slots[slot] = self._tag(name) << self._OF_PLACE | (at + 1)
        self.lines += 1
        self.names += is_new

    def places(self, name: bytes) -> list[int]:
        """The places of the lines that may be of a name, in their order."""
        tag, mask = self._tag(name), len(self._slots) - 1
        found, slot = [], self._first(tag)
        while value := self._slots[slot]:
            if value >> self._OF_PLACE == tag:
                found.append((value & ((1 << self._OF_PLACE) - 1)) - 1)
            slot = (slot + 1) & mask
        return sorted(found)

    def _tag(self, name: bytes) -> int:
        return hash(name) & ((1 << self._OF_HASH) - 1)

    def _first(self, tag: int) -> int:
        return tag * 0x9E3779B1 & (len(self._slots) - 1)

    def _free(self, tag: int) -> tuple[int, bool]:
        """The slot for a line, and whether there is none of the same name yet."""
        slots, slot, is_new = self._slots, self._first(tag), True
        mask = len(slots) - 1
        while value := slots[slot]:
            is_new = is_new and value >> self._OF_PLACE != tag
            slot = (slot + 1) & mask
        return slot, is_new

    def _grow(self) -> None:
        before, self._slots = self._slots, array("Q", bytes(16 * len(self._slots)))
        for value in before:
            if value:
                self._slots[self._free(value >> self._OF_PLACE)[0]] = value


class Record:
    """The record of all runs on one output folder. `key` seals its lines."""

    def __init__(self, path: Path, key: bytes | None = None) -> None:
        self.path = path
        self._key = key
        self._read_to = 0
        self._file: tuple[int, int] | None = None
        #: Lines are read and parsed only when needed: a run that has nothing to do parses none,
        #: even with ten thousand recordings.
        self._index = _LineIndex()

    def entries(self, path: str) -> list[Written]:
        """The entries for a name since an original was last there, latest last."""
        with self._opened() as descriptor:
            self._catch_up(descriptor)
            return _since_original(self._of_name(descriptor, json.dumps(path).encode()))

    def paths(self) -> Iterator[str]:
        """All names in the record, whether or not their lines are valid; a name may come twice."""
        with self._opened() as descriptor:
            for _, line in _lines(descriptor, 0):
                if (name := _NAME.search(line)) is not None:
                    with contextlib.suppress(ValueError):  # a damaged line
                        yield json.loads(name[1])

    def is_ours(self) -> bool:
        """Whether the record contains anything that we wrote."""
        with self._opened() as descriptor:
            return any(self._parsed(line) is not None for _, line in _lines(descriptor, 0))

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
        with self._opened() as descriptor:
            self._catch_up(descriptor)
            if self._index.lines < max(_STALE_LINES, 4 * self._index.names):
                return None
            kept: list[bytes] = []
            for at, line in _lines(descriptor, 0):
                name = _NAME.search(line)
                if name is not None and at == next(self._lines_of(descriptor, name[1]), (-1,))[0]:
                    entries = _essential(self._of_name(descriptor, name[1]))
                    kept.extend(map(self._line, entries))
            return b"".join(kept)

    def reread(self) -> None:
        """Start over, because the file was rewritten."""
        self._read_to, self._index = 0, _LineIndex()

    @contextlib.contextmanager
    def _opened(self) -> Iterator[int | None]:
        """The record, open for reading. None where there is none yet, a link or no permission:
        nothing there is ours then."""
        try:
            descriptor = os.open(self.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            yield None
            return
        try:
            yield descriptor if stat_module.S_ISREG(os.fstat(descriptor).st_mode) else None
        finally:
            os.close(descriptor)

    def _catch_up(self, descriptor: int | None) -> None:
        """Learn where the lines are that were added meanwhile."""
        if descriptor is None:
            return
        stat = os.fstat(descriptor)
        if stat.st_size < self._read_to or self._file not in (None, (stat.st_dev, stat.st_ino)):
            self.reread()
        self._file = stat.st_dev, stat.st_ino
        for at, line in _lines(descriptor, self._read_to):
            self._read_to = at + len(line) + 1
            if (found := _NAME.search(line)) is not None:
                self._index.add(found[1], at)

    def _of_name(self, descriptor: int | None, name: bytes) -> list[Written]:
        """The entries for the JSON form of a name."""
        found = (self._parsed(line) for _, line in self._lines_of(descriptor, name))
        return [entry for entry in found if entry is not None]

    def _lines_of(self, descriptor: int | None, name: bytes) -> Iterator[tuple[int, bytes]]:
        for at in self._index.places(name) if descriptor is not None else ():
            _, line = next(_lines(descriptor, at, _LINE_BYTES), (at, b""))
            found = _NAME.search(line)
            if found is not None and found[1] == name:
                yield at, line

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


def _lines(
    descriptor: int | None, start: int, chunk: int = _READ_BYTES
) -> Iterator[tuple[int, bytes]]:
    """The whole lines of a file from a place on, without their ends, with the places where they
    begin. Another process may still be writing the last one."""
    rest, at = b"", start
    while descriptor is not None and (
        data := os.pread(descriptor, max(chunk, len(rest)), at + len(rest))
    ):
        *whole, rest = (rest + data).split(b"\n")
        for line in whole:
            yield at, line
            at += len(line) + 1


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
