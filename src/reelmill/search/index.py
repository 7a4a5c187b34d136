"""The index of an output folder: SQLite's full-text search (FTS5), kept in the user's own cache.

It is not kept with the results, because somebody else could write to it there, and results on a
read-only disk could not be searched. A file is read again when its identity, size or time has
changed.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sqlite3
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from reelmill.core import gate
from reelmill.core.paths import user_cache
from reelmill.errors import InputError, UsageError, reason
from reelmill.search.results import Kind, read_result, result_files
from reelmill.search.tokens import expression, position, terms, tokens

#: Raised when a column changes its meaning. Older indexes are then rebuilt.
_VERSION = 3
#: The lines of a file are numbered from the file's number times this. No file that is read has as
#: many lines: a line takes at least 8 bytes, and a file has at most 256 MB.
_LINES = 1 << 26
_SCHEMA = """
CREATE TABLE files (id INTEGER PRIMARY KEY, path UNIQUE, stamp, name, sha256, problem);
CREATE TABLE lines (
    id INTEGER PRIMARY KEY, kind, start, "end", speaker, label, text, words
);
CREATE TABLE folders (name PRIMARY KEY, stamp);
CREATE VIRTUAL TABLE found USING fts5(tokens, tokenize="unicode61 remove_diacritics 0");
"""


@dataclass(frozen=True)
class Query:
    """A search query.

    Attributes:
        words: as `tokens.terms` reads them; empty for all lines that match the rest.
        speaker: the speaker of the lines, regardless of case.
        recording: a recording's name, or a pattern with `*` and `?`.
        start, end: seconds; lines that are at least partly between them.
        kinds: the kinds of lines; all if empty.
        limit: the most hits.
    """

    words: str = ""
    speaker: str | None = None
    recording: str | None = None
    start: float | None = None
    end: float | None = None
    kinds: tuple[Kind, ...] = ()
    limit: int = 200


@dataclass(frozen=True)
class Hit:
    """A line that matches.

    Attributes:
        recording: the recording's name.
        file: the result that has the line.
        kind: `speech`, `translation` or `finding`.
        at: the second of the original at which the first term begins, or the line if words have no
            times; None for a finding about the whole recording.
        start, end: the line's seconds.
    """

    recording: str
    file: str
    kind: str
    at: float | None
    start: float | None
    end: float | None
    speaker: str | None
    label: str | None
    text: str


class SearchIndex:
    """The index of one output folder."""

    def __init__(self, out: Path) -> None:
        """
        Args:
            out: the output folder, by any of its names.

        Raises:
            UsageError: there is no such folder, or the index cannot be kept.
        """
        if not out.is_dir():
            raise UsageError(f"{out}: no such folder; give a folder of results")
        self._out = out
        self._lines = IndexedLines(out)

    def close(self) -> None:
        self._lines.close()

    def update(self, results: Container[str] = ()) -> list[str]:
        """Index new and changed files below the folder, and remove those that are gone.

        Args:
            results: paths below the folder that are known to be results, so that one that can no
                longer be recognized as such is told.

        Returns:
            Messages about files that could not be searched.
        """
        with self._lines.transaction():
            self._lines.refresh(self._out, "", results)
        return self._lines.problems()

    def search(self, query: Query) -> list[Hit]:
        """The lines that contain all words of a query, by recording and time. If there are more
        than its limit, those of the recordings indexed first.

        Raises:
            UsageError: the query has no letter or digit to look for.
        """
        return sorted(self._lines.search(query), key=lambda hit: (hit.recording, hit.file))


class IndexedLines:
    """The database of an index: lines of results, with the names of their files."""

    def __init__(self, place: Path) -> None:
        """
        Args:
            place: the folder that is indexed, by any of its names.

        Raises:
            UsageError: the index cannot be kept.
        """
        name = hashlib.sha256(os.fsencode(os.path.realpath(place))).hexdigest()[:32]
        path = user_cache() / "search" / f"{name}.sqlite"
        try:
            gate.make_folder(path.parent, 0o700)
            self.db = sqlite3.connect(gate.database(path), isolation_level=None, timeout=60)
            self._begin()
        except (OSError, sqlite3.Error) as error:
            raise UsageError(
                f"{path}: the index of {place} cannot be kept ({reason(error)}); make room there, "
                "remove the file if it is damaged, or name another folder in REELMILL_CACHE"
            ) from error

    def _begin(self) -> None:
        (version,) = self.db.execute("PRAGMA user_version").fetchone()
        if version != _VERSION:
            for name in ("files", "lines", "found", "folders"):
                self.db.execute(f"DROP TABLE IF EXISTS {name}")
            self.db.executescript(_SCHEMA)
            self.db.execute(f"PRAGMA user_version={_VERSION}")

    def close(self) -> None:
        self.db.close()

    def problems(self) -> list[str]:
        """Messages about files that could not be searched."""
        rows = self.db.execute("SELECT problem FROM files WHERE problem IS NOT NULL ORDER BY path")
        return [problem for (problem,) in rows]

    def refresh(self, out: Path, prefix: str, results: Container[str] = ()) -> None:
        """Index new and changed files below a folder, in a transaction. Their names have the prefix
        before the path below the folder; other arguments as in `SearchIndex.update`."""
        rows = self.db.execute(_KNOWN, (prefix, prefix))
        known = {path: (number, stamp) for number, path, stamp in rows}
        for path in sorted(result_files(out)):
            below = _storable(os.path.relpath(path, out))
            number, before = known.pop(name := f"{prefix}{below}", (None, None))
            stamp = _stamp(path)
            if stamp != before:
                self._forget(number)
                self._add(path, name, stamp, is_ours=below in results)
        for number, _ in known.values():
            self._forget(number)

    def forget(self, prefix: str) -> None:
        """Remove all files whose names have a prefix, in a transaction."""
        for number, *_ in self.db.execute(_KNOWN, (prefix, prefix)).fetchall():
            self._forget(number)

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        self.db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self.db.execute("ROLLBACK")
            raise
        self.db.execute("COMMIT")

    def _forget(self, number: int | None) -> None:
        if number is None:
            return
        between = (number * _LINES, (number + 1) * _LINES - 1)
        self.db.execute("DELETE FROM found WHERE rowid BETWEEN ? AND ?", between)
        self.db.execute("DELETE FROM lines WHERE id BETWEEN ? AND ?", between)
        self.db.execute("DELETE FROM files WHERE id = ?", (number,))

    def _add(self, path: Path, name: str, stamp: str, *, is_ours: bool) -> None:
        problem = result = None
        try:
            result = read_result(path, is_ours=is_ours)
        except InputError as error:
            problem = str(error)
        source = (result.source.name, result.source.sha256) if result else (None, None)
        file = self.db.execute(
            "INSERT INTO files (path, stamp, name, sha256, problem) VALUES (?, ?, ?, ?, ?)",
            (name, stamp, *source, problem),
        ).lastrowid
        assert file is not None
        lines = sorted(result.lines(), key=lambda line: line.start or 0.0) if result else []
        for number, line in enumerate(lines, start=file * _LINES):
            words = json.dumps([[word.start, word.word] for word in line.words])
            row = (number, line.kind, line.start, line.end, line.speaker, line.label, line.text)
            self.db.execute(_ADD_LINE, (*row, words if line.words else None))
            text = " ".join(tokens(f"{line.label} {line.text}" if line.label else line.text))
            self.db.execute("INSERT INTO found (rowid, tokens) VALUES (?, ?)", (number, text))

    def search(self, query: Query, *, latest: bool = False) -> list[Hit]:
        """The lines that contain all words of a query, in the order of the index. If there are more
        than its limit, those of the files indexed first, or of the `latest`.

        Raises:
            UsageError: the query has no letter or digit to look for.
        """
        asked = terms(query.words)
        if query.words.strip() and not asked:
            raise UsageError(f"{query.words}: no word to look for; give letters or digits")
        where, values = _conditions(query, asked)
        tables, order = (_WITH_WORDS, "found.rowid") if asked else ("lines", "lines.id")
        statement = _SEARCH.format(tables, where, f"{order} DESC" if latest else order)
        rows = self.db.execute(statement, (*values, query.limit)).fetchall()
        return [_hit(row, asked) for row in (reversed(rows) if latest else rows)]


_KNOWN = "SELECT id, path, stamp FROM files WHERE substr(path, 1, length(?)) = ?"
_ADD_LINE = (
    'INSERT INTO lines (id, kind, start, "end", speaker, label, text, words) '
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)
# In the order of the index, so that the search stops as soon as there are enough.
_SEARCH = (
    'SELECT name, path, kind, start, "end", speaker, label, text, words FROM {} '
    f"JOIN files ON files.id = lines.id / {_LINES} WHERE {{}} ORDER BY {{}} LIMIT ?"
)
_WITH_WORDS = "found CROSS JOIN lines ON lines.id = found.rowid"


def _conditions(
    query: Query, asked: Sequence[tuple[list[str], bool]]
) -> tuple[str, list[str | float]]:
    parts: list[str] = []
    values: list[str | float] = []

    def add(condition: str, *given: str | float) -> None:
        parts.append(condition)
        values.extend(given)

    if asked:
        matching = expression(list(asked))
        add("found MATCH ?", matching)
    if query.speaker is not None:
        add("lower(speaker) = lower(?)", query.speaker)
    if query.recording is not None:
        # a name may be given with or without its extension
        pattern = query.recording.replace("[", "[[]")
        add("(name = ? OR name GLOB ? OR name GLOB ?)", query.recording, pattern, f"{pattern}.*")
    if query.start is not None:
        add('coalesce("end", start, 1e99) >= ?', query.start)
    if query.end is not None:
        add("coalesce(start, 0) <= ?", query.end)
    if query.kinds:
        add(f"kind IN ({','.join('?' * len(query.kinds))})", *query.kinds)
    return " AND ".join(parts) or "1", values


def _hit(row: Sequence[object], asked: Sequence[tuple[list[str], bool]]) -> Hit:
    name, path, kind, start, end, speaker, label, text, words = row
    at = start
    if words is not None and asked:
        timed = json.loads(str(words))
        places = [position([word for _, word in timed], term) for term in asked]
        found = [place for place in places if place is not None]
        if found:
            at = timed[min(found)][0]
    return Hit(name, path, kind, at, start, end, speaker, label, text)  # type: ignore[arg-type]


def _stamp(path: Path) -> str:
    """The facts that change when a file changes."""
    try:
        stat = os.lstat(path)
    except OSError:
        return "gone"
    return f"{stat.st_dev} {stat.st_ino} {stat.st_size} {stat.st_mtime_ns} {stat.st_ctime_ns}"


def _storable(path: str) -> str:
    """SQLite's text is UTF-8."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")
