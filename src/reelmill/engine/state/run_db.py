"""The run database: what is done, failed and waiting. SQLite beside the artifacts.

It is read once at the start of a run. It is never needed for correctness: a result that was written
but not recorded is found by its file name. Every row carries a MAC under the user's key. A row that
is not ours, or was changed, is ignored. Paths of results are relative to the output folder, so that
a copied or moved folder works and touches nothing elsewhere.
"""

from __future__ import annotations

import contextlib
import hmac
import json
import os
import sqlite3
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from reelmill.artifacts.names import path_below
from reelmill.artifacts.summary import NOTHING, RecordingSummary
from reelmill.core import gate
from reelmill.core.keys import Seal, user_key
from reelmill.core.recording import FileState, Identity
from reelmill.engine.state.artifact_store import Stamps, Stored
from reelmill.errors import Failure, ForeignFolderError, UsageError, reason

#: Raised when a row changes its meaning or its seal. 0 is that of version 0.1.0.
VERSION = 3
_PURPOSE = "run database"
_COLUMNS = {
    "originals": (
        "path", "beside", "name", "inode", "size", "mtime_ns", "sha256", "md5", "hashed_at",
        "after", "checked_at", "outcome", "failure",
    ),
    "results": ("key", "stage", "recording", "files", "facts", "seconds", "at"),
    "notes": ("name", "value"),
}  # fmt: skip
#: No column types: SQLite returns values unchanged, so that MACs match.
_SCHEMA = """
CREATE TABLE IF NOT EXISTS originals (
    path PRIMARY KEY, beside, name NOT NULL UNIQUE, inode, size, mtime_ns,
    sha256, md5, hashed_at, after, checked_at, outcome, failure, mac
);
CREATE TABLE IF NOT EXISTS results (
    key PRIMARY KEY, stage, recording, files, facts, seconds, at, mac
);
CREATE TABLE IF NOT EXISTS notes (name PRIMARY KEY, value, mac);
"""
#: The owner of the database, present from its creation.
_MADE_BY = "made by"
#: Notes about a run that are not choices to keep.
_PASSING_NOTES = frozenset({"clean", _MADE_BY})
#: Takes a third of the time of `json.loads`, which matters for a hundred thousand rows. The content
#: was written here.
_decode_at = json.JSONDecoder().raw_decode
_COMMIT_EVERY_S = 0.5


@dataclass(slots=True)
class Original:
    """A source file in the ledger. `before` is its state when first hashed."""

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
    #: Why it failed permanently, if it did.
    failure: Failure | None = None
    #: Where it would be if it had been moved or copied together with the output folder.
    beside: str = field(default="", compare=False)

    def as_values(self) -> list[Any]:
        """The values as plain JSON types, without names, as `of_values` takes them."""
        before, after, failure = self.before, self.after, self.failure
        return [
            self.path, self.name, self.inode, self.size, self.mtime_ns,
            None if before is None else before.as_values(),
            self.hashed_at,
            None if after is None or after == before else after.as_values(),
            after is not None,
            self.checked_at, self.outcome,
            None if failure is None else vars(failure),
            self.beside,
        ]  # fmt: skip

    @classmethod
    def of_values(cls, values: Sequence[Any]) -> Original:
        """The original that has these values."""
        path, name, inode, size, mtime_ns, before, hashed_at, after, is_checked, *rest = values
        checked_at, outcome, failure, beside = rest
        first = None if before is None else FileState(*before)
        then = None if after is None else FileState(*after)
        return cls(
            path, name, inode, size, mtime_ns, first, hashed_at,
            first if is_checked and then is None else then,
            checked_at, outcome,
            None if failure is None else Failure(**failure),
            beside,
        )  # fmt: skip

    def has_become(self, identity: Identity) -> bool:
        """Look at the file: when it is not as it was, its hashes are not trusted. Whether that is
        so."""
        state = (identity.inode, identity.size, identity.mtime_ns)
        if state == (self.inode, self.size, self.mtime_ns):
            return False
        self.inode, self.size, self.mtime_ns = state
        self.before = self.after = self.outcome = None
        return True

    def is_gone(self) -> None:
        """The file is not there. What it was is not forgotten, but not relied on either."""
        self.before = self.outcome = None

    def is_at(self, path: str) -> None:
        """The file was moved, together with the output folder."""
        self.path = path

    def is_called(self, name: str) -> None:
        """Its results have another name."""
        self.name = name

    def is_unfinished(self) -> None:
        """The requested result is not done, or no longer done."""
        self.outcome = None

    def was_hashed(self, state: FileState, identity: Identity, at: float) -> None:
        """Its content as work on it begins."""
        self.before, self.hashed_at = state, at
        self.inode, self.size, self.mtime_ns = identity.inode, identity.size, identity.mtime_ns

    def was_checked(self, state: FileState, at: float) -> None:
        """Its content after all work on it."""
        self.after, self.checked_at = state, at

    def was_finished(self, outcome: str, failure: Failure | None) -> None:
        """The work on it is over; a failure for good ends it too, for trying again is vain."""
        if failure is None or failure.permanent:
            self.outcome = outcome
        self.failure = failure


@dataclass
class Result:
    """A stage's result for a recording. The first of `files` is the artifact itself."""

    key: str
    stage: str
    recording: str
    files: list[str] = field(default_factory=list)
    summary: RecordingSummary = field(default_factory=RecordingSummary)
    seconds: float = 0.0
    #: Read from the ledger rather than made in this run.
    from_before: bool = False
    #: The files beside the artifact as this run has seen them; empty for earlier results.
    stamps: Stamps = field(default_factory=dict)

    @property
    def stored(self) -> Stored:
        return Stored(Path(self.files[0]), self.key, self.recording, self.stamps)


class Ledger:
    """Reads everything at once. Writes are grouped, with a delay of at most half a second."""

    def __init__(self, path: Path, seal: Seal | None = None, root: Path | None = None) -> None:
        """
        Args:
            path: the database; made when it is not there.
            seal: of the key that rows are marked with; the user's when not given.
            root: the folder that paths of results are relative to; the one above the database's.

        Raises:
            UsageError: it cannot be written, is damaged, or was not made with this key.
        """
        self._path = path
        self._seal = seal or user_key().seal
        self._root = str(root or path.parent.parent)
        self._open_since: float | None = None
        #: The number of rows that were not ours or were changed.
        self.refused = 0
        with self._reading():
            self._db = sqlite3.connect(
                gate.database(path), isolation_level=None, check_same_thread=False
            )
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=NORMAL")
            if is_empty(self._db):
                self._begin()
        self._check_ours()

    def _begin(self) -> None:
        self._db.executescript(_SCHEMA)
        self._db.execute(f"PRAGMA user_version={VERSION}")
        self.put_note(_MADE_BY, self._seal.fingerprint)
        self.commit()

    def _check_ours(self) -> None:
        try:
            why = whose_database(self._db, self._seal)
        except sqlite3.DatabaseError as error:
            raise _damaged(self._path, error) from error
        if why is not None:
            self._db.close()
            raise ForeignFolderError(not_ours(self._path, why))

    def close(self) -> None:
        """If a full disk prevents a note, the next run finds the result itself."""
        with contextlib.suppress(sqlite3.OperationalError):
            self.commit()
        self._db.close()

    @contextlib.contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except (OSError, sqlite3.OperationalError) as error:
            raise UsageError(
                f"{self._path}: cannot be written ({reason(error)}); free some space there, or "
                "choose another folder with -o"
            ) from error
        except sqlite3.DatabaseError as error:
            raise _damaged(self._path, error) from error

    def originals(self) -> dict[str, Original]:
        """All known source files, by path."""
        rows = self._rows("originals")
        return {(one := _original(self._root, values)).path: one for values in rows}

    def results(self) -> dict[str, Result]:
        """All known results, by key."""
        found = {}
        for key, stage, recording, files, facts, seconds, _ in self._rows("results"):
            paths = [_below(self._root, file) for file in _decode_at(files)[0]]
            summary = NOTHING
            if facts != "{}":
                summary = RecordingSummary.from_json(_decode_at(facts)[0])
            found[key] = Result(key, stage, recording, paths, summary, seconds, from_before=True)
        return found

    def put_original(self, original: Original) -> None:
        before, after = original.before, original.after
        self._put(
            "originals",
            _storable(original.path),
            _storable(os.path.relpath(original.path, self._root)),
            _storable(original.name),
            str(original.inode),  # as text, because SQLite's integers end at 2^63
            str(original.size),
            str(original.mtime_ns),
            before.sha256 if before else None,
            before.md5 if before else None,
            original.hashed_at,
            json.dumps(asdict(after)) if after else None,
            original.checked_at,
            original.outcome,
            _failure_text(original.failure),
        )

    def put_result(self, result: Result) -> None:
        files = [_relative(file, self._root) for file in result.files]
        self._put(
            "results",
            result.key,
            result.stage,
            result.recording,
            json.dumps(files),
            json.dumps(result.summary.as_json()),
            result.seconds,
            time.time(),
        )

    def forget_original(self, path: str) -> None:
        """Remove a source file that now has another path."""
        self._write("DELETE FROM originals WHERE path = ?", (_storable(path),))

    def note(self, name: str) -> str | None:
        """A choice that an earlier run on this output folder stored."""
        found = list(self._rows("notes", "WHERE name = ?", (name,)))
        return str(found[0][1]) if found else None

    def put_note(self, name: str, value: str) -> None:
        self._put("notes", name, value)

    def _rows(self, table: str, where: str = "", values: tuple[Any, ...] = ()) -> Iterator[Any]:
        """The valid rows of a table, without their MACs."""
        key = self._seal.key_for(_PURPOSE)
        with self._reading():
            for *row, mac in self._db.execute(_select(table, where), values):
                if _mac(key, table, row) == mac:
                    yield row
                else:
                    self.refused += 1

    def _put(self, table: str, *values: Any) -> None:
        row = (*values, _mac(self._seal.key_for(_PURPOSE), table, values))
        marks = ",".join("?" * len(row))
        self._write(f"INSERT OR REPLACE INTO {table} VALUES ({marks})", row)

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


def not_ours(path: Path, why: str) -> str:
    """The message about a folder that somebody else worked in."""
    return (
        f"{path.parent.parent}: what is kept in {path.parent.name} there was {why}, so its "
        "contents cannot be trusted; choose another folder with -o, trust it with --adopt, or "
        "replace it by computing everything again with --adopt --fresh"
    )


def is_empty(db: sqlite3.Connection) -> bool:
    """Whether nothing was ever stored in a database."""
    (tables,) = db.execute("SELECT count(*) FROM sqlite_master").fetchone()
    return bool(tables == 0)


def whose_database(db: sqlite3.Connection, seal: Seal) -> str | None:
    """Why a database is not ours; None if it is.

    Raises:
        sqlite3.DatabaseError: it is damaged.
    """
    (version,) = db.execute("PRAGMA user_version").fetchone()
    if version != VERSION:
        by = "Reelmill 0.1.0" if version == 0 else f"another version of Reelmill (format {version})"
        return f"made by {by}, which did not mark its results with a key"
    for *row, mac in db.execute(_select("notes", "WHERE name = ?"), (_MADE_BY,)):
        if _mac(seal.key_for(_PURPOSE), "notes", row) == mac:
            return None
        if isinstance(row[1], str):
            return f"made with another key ({row[1][:16]}) than yours ({seal.fingerprint})"
    return f"not made with your key ({seal.fingerprint})"


def whose(database: Path, seal: Seal) -> str | None:
    """Why a run database is not ours; None if there is none or it is ours."""
    if not database.exists():
        return None
    try:
        with contextlib.closing(sqlite3.connect(gate.database(database))) as db:
            return None if is_empty(db) else whose_database(db, seal)
    except sqlite3.DatabaseError as error:
        raise _damaged(database, error) from error


def empty(database: Path) -> None:
    """Empty a database, so that it is like new."""
    with contextlib.closing(sqlite3.connect(gate.database(database), isolation_level=None)) as db:
        names = [
            (str(kind), str(name))
            for kind, name in db.execute(
                "SELECT type, name FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'"
            )
        ]
        for kind, name in names:
            quoted = name.replace('"', '""')
            db.execute(f'DROP {kind} IF EXISTS "{quoted}"')
        db.execute("PRAGMA user_version=0")
        db.execute("VACUUM")


def read_foreign(database: Path) -> tuple[dict[str, str], dict[str, str]]:
    """The names of recordings by path, and the stored choices."""
    names: dict[str, str] = {}
    notes: dict[str, str] = {}
    try:
        with contextlib.closing(sqlite3.connect(gate.database(database))) as db:
            for path, name in db.execute("SELECT path, name FROM originals"):
                names[os.fsdecode(path)] = path_below(os.fsdecode(name))
            for note, value in db.execute("SELECT name, value FROM notes"):
                if isinstance(note, str) and isinstance(value, str) and note not in _PASSING_NOTES:
                    notes[note] = value
    except (sqlite3.DatabaseError, TypeError, ValueError):
        pass  # results in other tables are not needed; they are found by their names
    return names, notes


def _damaged(path: Path, error: Exception) -> UsageError:
    return UsageError(
        f"{path}: damaged ({reason(error)}); move it elsewhere and run the same command again. "
        "Finished work is found without it"
    )


def _select(table: str, where: str = "") -> str:
    return f"SELECT {', '.join(_COLUMNS[table])}, mac FROM {table} {where}"


def _mac(key: bytes, table: str, values: Sequence[Any]) -> str:
    data = repr((table, *values)).encode("utf-8", "backslashreplace")
    return hmac.digest(key, data, "sha256").hex()


def _relative(file: str, root: str) -> str:
    """The path of a file from a folder."""
    inside = f"{root}{os.sep}"
    if file.startswith(inside) and not any(part in file for part in ("/../", "//", "/./")):
        return file[len(inside) :]  # as all of ours are
    return os.path.relpath(file, root)


def _below(root: str, relative: str) -> str:
    """Raise UsageError for a path that leads out of the output folder. Ours never do."""
    if ".." not in relative and not relative.startswith("/"):
        return f"{root}/{relative}"  # as all of ours are
    path = os.path.normpath(f"{root}/{relative}")
    if not path.startswith(root.rstrip(os.sep) + os.sep):
        raise UsageError(f"{root}: its run database names {relative}, which lies elsewhere")
    return path


def _original(root: str, row: tuple[Any, ...]) -> Original:
    path, beside, name, inode, size, mtime_ns, sha256, md5, *rest = row
    hashed_at, after, checked_at, outcome, failure = rest
    return Original(
        os.fsdecode(path),
        os.fsdecode(name),
        int(inode),
        int(size),
        int(mtime_ns),
        FileState(sha256, md5, int(size), int(mtime_ns)) if sha256 else None,
        hashed_at,
        FileState(**json.loads(after)) if after else None,
        checked_at,
        outcome,
        _failure(failure),
        os.path.normpath(f"{root}/{os.fsdecode(beside)}"),
    )


def _storable(path: str) -> str | bytes:
    """SQLite's text is UTF-8. A path that is not UTF-8 is stored as bytes."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return os.fsencode(path)
    return path


def _integer(value: int) -> int | bytes:
    """SQLite's integers are signed 64-bit. Times after 2262 in nanoseconds and inodes of some file
    systems are larger, and are stored as digits."""
    return value if -(1 << 63) <= value < 1 << 63 else b"%d" % value


def _failure_text(failure: Failure | None) -> str | None:
    return json.dumps(vars(failure)) if failure else None


def _failure(text: str | None) -> Failure | None:
    return Failure(**json.loads(text)) if text else None
