"""The ledger: what is done, failed and waiting; SQLite beside the artifacts.

It is read once at the start of a run. What it says is never needed for correctness: a result that
was written but not yet noted is found by its file name.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from reelmill.core import gate
from reelmill.core.recording import FileState
from reelmill.errors import Failure, UsageError

_SCHEMA = """
CREATE TABLE IF NOT EXISTS originals (
    path TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, inode INTEGER NOT NULL,
    size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,
    sha256 TEXT, md5 TEXT, hashed_at REAL, after TEXT, checked_at REAL, outcome TEXT, failure TEXT
);
CREATE TABLE IF NOT EXISTS results (
    key TEXT PRIMARY KEY, stage TEXT NOT NULL, recording TEXT NOT NULL,
    files TEXT NOT NULL, facts TEXT NOT NULL, seconds REAL NOT NULL, at REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS notes (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""
_COMMIT_EVERY_S = 0.5


@dataclass
class Original:
    """A source file as the ledger knows it; `before` is what it was when first hashed."""

    path: str
    name: str
    inode: int
    size: int
    mtime_ns: int
    before: FileState | None = None
    hashed_at: float | None = None
    after: FileState | None = None
    checked_at: float | None = None
    #: The key of the work last finished on it (every end stage's key), None while unfinished.
    outcome: str | None = None
    #: Why it failed for good, when it did.
    failure: Failure | None = None


@dataclass
class Result:
    """A stage's result for a recording. The first of `files` is the artifact itself."""

    key: str
    stage: str
    recording: str
    files: list[str] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)
    seconds: float = 0.0
    #: Read from the ledger, not made in this run.
    from_before: bool = False


class Ledger:
    """Reads everything at once; writes are grouped, at most half a second behind."""

    def __init__(self, path: Path) -> None:
        """Raises UsageError when it cannot be written or is damaged."""
        self._open_since: float | None = None
        try:
            self._db = sqlite3.connect(gate.database(path), isolation_level=None)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=NORMAL")
            self._db.executescript(_SCHEMA)
        except (OSError, sqlite3.OperationalError) as error:
            raise UsageError(
                f"{path}: cannot be written ({error}); make room there, or choose another folder "
                "with -o"
            ) from error
        except sqlite3.DatabaseError as error:
            raise UsageError(
                f"{path}: damaged ({error}); move it away and give the same command again, "
                "finished work is found without it"
            ) from error

    def close(self) -> None:
        """What a full disk keeps from being noted, the next run finds by itself."""
        with contextlib.suppress(sqlite3.OperationalError):
            self.commit()
        self._db.close()

    def originals(self) -> dict[str, Original]:
        """All known source files, by path."""
        rows = self._db.execute(
            "SELECT path, name, inode, size, mtime_ns, sha256, md5, hashed_at, after, checked_at,"
            " outcome, failure FROM originals"
        )
        return {original.path: original for original in map(_original, rows)}

    def results(self) -> dict[str, Result]:
        """All known results, by key."""
        rows = self._db.execute("SELECT key, stage, recording, files, facts, seconds FROM results")
        return {
            key: Result(
                key,
                stage,
                recording,
                json.loads(files),
                json.loads(facts),
                seconds,
                from_before=True,
            )
            for key, stage, recording, files, facts, seconds in rows
        }

    def put_original(self, original: Original) -> None:
        before, after = original.before, original.after
        self._write(
            "INSERT OR REPLACE INTO originals VALUES (?,?,?,?,?,?,?,?,?,?,?,?)",
            (
                _storable(original.path),
                _storable(original.name),
                _integer(original.inode),
                original.size,
                _integer(original.mtime_ns),
                before.sha256 if before else None,
                before.md5 if before else None,
                original.hashed_at,
                json.dumps(vars(after)) if after else None,
                original.checked_at,
                original.outcome,
                _failure_text(original.failure),
            ),
        )

    def put_result(self, result: Result) -> None:
        self._write(
            "INSERT OR REPLACE INTO results VALUES (?,?,?,?,?,?,?)",
            (
                result.key,
                result.stage,
                result.recording,
                json.dumps(result.files),
                json.dumps(result.facts),
                result.seconds,
                time.time(),
            ),
        )

    def forget_original(self, path: str) -> None:
        """Drop a source file that is known under another path now."""
        self._write("DELETE FROM originals WHERE path = ?", (_storable(path),))

    def note(self, name: str) -> str | None:
        """A remembered choice of an earlier run on this output folder."""
        row = self._db.execute("SELECT value FROM notes WHERE name = ?", (name,)).fetchone()
        return str(row[0]) if row else None

    def put_note(self, name: str, value: str) -> None:
        self._write("INSERT OR REPLACE INTO notes VALUES (?,?)", (name, value))

    def _write(self, statement: str, values: tuple[Any, ...]) -> None:
        if self._open_since is None:
            if not self._db.in_transaction:
                self._db.execute("BEGIN")
            self._open_since = time.monotonic()
        self._db.execute(statement, values)
        if time.monotonic() - self._open_since > _COMMIT_EVERY_S:
            self.commit()

    def commit(self) -> None:
        if self._open_since is None:
            return
        self._open_since = None
        try:
            self._db.execute("COMMIT")
        except sqlite3.OperationalError:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise


def _original(row: tuple[Any, ...]) -> Original:
    path, name, inode, size, mtime_ns, sha256, md5, *rest = row
    inode, mtime_ns = int(inode), int(mtime_ns)
    hashed_at, after, checked_at, outcome, failure = rest
    return Original(
        os.fsdecode(path),
        os.fsdecode(name),
        inode,
        size,
        mtime_ns,
        FileState(sha256, md5, size, mtime_ns) if sha256 else None,
        hashed_at,
        FileState(**json.loads(after)) if after else None,
        checked_at,
        outcome,
        _failure(failure),
    )


def _storable(path: str) -> str | bytes:
    """SQLite's text is UTF-8; a path that is none is kept as its bytes."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return os.fsencode(path)
    return path


def _integer(value: int) -> int | bytes:
    """SQLite's integers have 64 bits with sign, which a time after 2262 in nanoseconds and some
    file systems' inodes exceed: those are kept as their digits."""
    return value if -(1 << 63) <= value < 1 << 63 else b"%d" % value


def _failure_text(failure: Failure | None) -> str | None:
    return json.dumps(vars(failure)) if failure else None


def _failure(text: str | None) -> Failure | None:
    return Failure(**json.loads(text)) if text else None
