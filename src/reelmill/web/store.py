"""What the server remembers: one SQLite file in its data folder, which survives a kill."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from reelmill.core import gate
from reelmill.engine.state.lock import FolderLock
from reelmill.errors import NotOursError, UsageError, reason

#: Raised when a column changes its meaning.
_VERSION = 1
_SCHEMA = """
CREATE TABLE IF NOT EXISTS sessions (
    id PRIMARY KEY, name NOT NULL, role NOT NULL, stamp NOT NULL, expires NOT NULL
);
CREATE TABLE IF NOT EXISTS uploads (
    id PRIMARY KEY, owner NOT NULL, name NOT NULL, size NOT NULL, at NOT NULL, run
);
CREATE TABLE IF NOT EXISTS runs (
    id PRIMARY KEY, number INTEGER NOT NULL, owner NOT NULL, title NOT NULL, task NOT NULL,
    options NOT NULL, paths NOT NULL, out NOT NULL, state NOT NULL, priority INTEGER NOT NULL,
    created NOT NULL, started, ended, error, figures NOT NULL, webhook
);
CREATE TABLE IF NOT EXISTS recordings (
    run NOT NULL, key NOT NULL, number INTEGER NOT NULL, outcome NOT NULL, PRIMARY KEY (run, key)
);
CREATE TABLE IF NOT EXISTS deliveries (
    id PRIMARY KEY, run NOT NULL, event NOT NULL, body NOT NULL, tries INTEGER NOT NULL,
    due NOT NULL
);
CREATE TABLE IF NOT EXISTS scripts (hash PRIMARY KEY, version NOT NULL, at NOT NULL);
"""


class Store:
    """The database. Its methods can be called from any thread; each change is on the disk when it
    returns."""

    def __init__(self, data: Path) -> None:
        """
        Args:
            data: the server's data folder, opened for writing.

        Raises:
            UsageError: it cannot be written, another server uses it, or a newer version made it.
        """
        self.data = gate.own(Path(os.path.abspath(data)))
        self._mutex = threading.RLock()
        self._lock = FolderLock(self.data / "server" / "lock")
        try:
            gate.make_folder(self.data / "server")
            gate.make_private(self.data)
            self._lock.acquire()
            path = gate.database(self.data / "server" / "server.sqlite")
            self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        except UsageError as error:
            raise UsageError(
                f"{data}: another server uses this folder; use that one, or choose another folder "
                "with --data"
            ) from error
        except (OSError, sqlite3.Error, NotOursError) as error:
            raise UsageError(
                f"{data}: the server cannot keep its data there ({reason(error)}); choose another "
                "folder with --data"
            ) from error
        self._db.row_factory = sqlite3.Row
        self._begin()

    def _begin(self) -> None:
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=10000"):
            self._db.execute(f"PRAGMA {pragma}")
        (version,) = self._db.execute("PRAGMA user_version").fetchone()
        if version > _VERSION:
            raise UsageError(
                f"{self.data}: a newer version of Reelmill made this; install that version, or "
                "choose another folder with --data"
            )
        self._db.executescript(_SCHEMA)
        self._db.execute(f"PRAGMA user_version={_VERSION}")

    def close(self) -> None:
        with self._mutex:
            self._db.close()
            self._lock.release()

    @contextlib.contextmanager
    def change(self) -> Iterator[Store]:
        """Everything in the block happens, or nothing of it."""
        with self._mutex:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def execute(self, statement: str, *values: Any) -> int:
        """Change something; the number of rows changed."""
        with self._mutex:
            return self._db.execute(statement, values).rowcount

    def rows(self, statement: str, *values: Any) -> list[sqlite3.Row]:
        """What a query finds."""
        with self._mutex:
            return self._db.execute(statement, values).fetchall()

    def row(self, statement: str, *values: Any) -> sqlite3.Row | None:
        """The first row that a query finds."""
        return next(iter(self.rows(statement, *values)), None)

    def many(self, statement: str, values: Iterable[tuple[Any, ...]]) -> None:
        """Change something for each of these values."""
        with self._mutex:
            self._db.executemany(statement, values)
