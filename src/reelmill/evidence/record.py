"""`evidence.json`: what is known about each original and each result, over all runs on a folder."""

from __future__ import annotations

import heapq
import itertools
import os
import re
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from reelmill import __version__
from reelmill.core.atomic import write_pieces
from reelmill.core.opening import open_unlinked
from reelmill.core.recording import FileState
from reelmill.evidence.custody.chain import Head
from reelmill.evidence.paths import Folder
from reelmill.export.jsontext import json_text

EVIDENCE = "evidence.json"
SCHEMA = "reelmill.evidence/1"

#: The facts of a file that are recorded and compared.
_STATE = ("sha256", "md5", "size", "mtime_ns")
#: The head of the custody log, in one of the first lines.
_CUSTODY = '"custody": {{"entries": {}, "head": "{}"}},\n'
_HEAD = re.compile(rb'"custody": \{"entries": (\d{1,12}), "head": "([0-9a-f]{64})"\}')


@dataclass(frozen=True, slots=True)
class OriginalRecord:
    """An original before and after a run. Times are seconds since 1970.

    `after` is None if it was not hashed again; `problem` says why if it could not be.
    """

    path: Path | str
    before: FileState
    before_at: float
    after: FileState | None = None
    after_at: float | None = None
    problem: str | None = None

    @property
    def differences(self) -> list[str]:
        """The differences after the run; each entry is an error. Empty if nothing differs."""
        if self.problem is not None:
            return [self.problem]
        return self.before.differences(self.after) if self.after is not None else []


@dataclass(frozen=True, slots=True)
class ResultRecord:
    """A result as written: SHA-256 (hex) and size in bytes."""

    sha256: str
    size: int


class Originals(MutableMapping[str, dict[str, Any]]):
    """The entries of originals, in the form that the JSON has.

    Those that a run adds are made when they are asked for, from what it saw: there may be very
    many, and an entry takes several times the memory. Change one by assigning another.
    """

    def __init__(self, entries: Mapping[str, dict[str, Any]]) -> None:
        #: Entries, or the places of what is made into entries.
        self._kept: dict[str, dict[str, Any] | int] = dict(entries)
        self._links: dict[str, list[str]] = {}
        #: What the run saw, each asked for anew.
        self.seen: Sequence[OriginalRecord] = ()

    def add(self, name: str, at: int, links: Sequence[str]) -> None:
        """Add an original that is new. `at`: its place in `seen`."""
        self._kept[name] = at
        if links:
            self._links[name] = list(links)

    def sha256(self, name: str) -> str:
        """Of the content that the results are of."""
        kept = self._kept[name]
        if isinstance(kept, int):
            return self.seen[kept].before.sha256
        return str(kept["before"]["sha256"])

    def __getitem__(self, name: str) -> dict[str, Any]:
        kept = self._kept[name]
        if isinstance(kept, int):
            return _entry(self.seen[kept], self._links.get(name, []))
        return kept

    def __setitem__(self, name: str, entry: dict[str, Any]) -> None:
        self._kept[name] = entry

    def __delitem__(self, name: str) -> None:
        del self._kept[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._kept)

    def __len__(self) -> int:
        return len(self._kept)

    def __contains__(self, name: object) -> bool:
        return name in self._kept


@dataclass
class Evidence:
    """Originals and results by their names relative to the output folder.

    `originals` hold the JSON form of the latest record, whose `earlier` lists those of other
    content, time or name before it, and whose `links` are the steps on the way to it that were
    symbolic links. Records of version 0.1.0 have no `links`. `custody` is the head of the custody
    log when the evidence was written.
    """

    originals: Originals = field(default_factory=lambda: Originals({}))
    results: dict[str, ResultRecord] = field(default_factory=dict)
    custody: Head | None = None

    def see(self, records: Sequence[OriginalRecord], folder: Folder) -> list[str]:
        """Add what a run saw of originals, and return their names. What an earlier run saw of one
        stays on record if it differs."""
        self.originals.seen = records
        names = []
        for at, record in enumerate(records):
            name = folder.name(os.path.abspath(record.path))
            if name in self.originals:
                self._add_known(name, record, folder.links_to(name))
            else:
                self.originals.add(name, at, folder.links_to(name))
            names.append(name)
        return names

    def _add_known(self, name: str, record: OriginalRecord, links: Sequence[str]) -> None:
        entry = _entry(record, links)
        *earlier, latest = self._history(name)
        same_way = latest.get("links", entry["links"]) == entry["links"]
        if latest["before"] != entry["before"] or latest["differences"] or not same_way:
            if latest != entry:
                earlier.append(latest)
        elif record.after is None and record.problem is None:
            entry = {**latest, "links": entry["links"]}  # nothing new was seen
        else:
            entry["before_at"] = latest["before_at"]  # seen first when it was seen first
        self.originals[name] = {**entry, "earlier": earlier} if earlier else entry

    def take_over(self, name: str, lost: str) -> None:
        """Record that an original was moved: the record under its earlier name, which is lost,
        becomes its past."""
        *earlier, latest = self._history(lost)
        del self.originals[lost]
        past = [*earlier, {**latest, "name": lost}]
        entry = self.originals[name]
        self.originals[name] = {**entry, "earlier": [*past, *entry.get("earlier", [])]}

    def _history(self, name: str) -> list[dict[str, Any]]:
        """All records of an original, latest last."""
        entry = self.originals[name]
        latest = {key: value for key, value in entry.items() if key != "earlier"}
        return [*entry.get("earlier", []), latest]

    def state(self, name: str) -> FileState:
        """The state of an original when its results were made."""
        before = self.originals[name]["before"]
        return FileState(**{key: before[key] for key in _STATE})

    def hashes(self, sha256: str) -> Iterator[tuple[str, str]]:
        """All names with the SHA-256 of their content, in order. `sha256` is that of
        `evidence.json`."""
        names = heapq.merge(sorted(self.originals), sorted(self.results), [EVIDENCE])
        for name, _ in itertools.groupby(names):
            if name == EVIDENCE:
                yield name, sha256
            elif name in self.results:
                yield name, self.results[name].sha256
            else:
                yield name, self.originals.sha256(name)

    def write(self, out: Path) -> str:
        """Write `evidence.json` into `out` with one entry per line, and return its SHA-256."""
        return write_pieces(out / EVIDENCE, self._pieces())

    def _pieces(self) -> Iterator[str]:
        head = self.custody
        custody = "" if head is None else _CUSTODY.format(head.entries, head.sha256)
        yield f'{{"schema": {json_text(SCHEMA)}, "version": {json_text(__version__)},\n{custody}'
        yield '"originals": '
        yield from _lines(self.originals, lambda entry: entry)
        yield ',\n"results": '
        yield from _lines(self.results, lambda one: {"sha256": one.sha256, "size": one.size})
        yield "}\n"


def recorded_head(out: Path) -> Head | None:
    """The head of the custody log that `evidence.json` has. Reads only its first lines."""
    try:
        with os.fdopen(open_unlinked(out / EVIDENCE), "rb") as file:
            found = _HEAD.search(file.read(1024))
    except OSError:
        return None
    return None if found is None else Head(int(found[1]), found[2].decode())


def moment(seconds: float | None) -> str | None:
    """A time as ISO 8601 in UTC; None if no calendar has it."""
    if seconds is None:
        return None
    try:
        time = datetime.fromtimestamp(seconds, tz=timezone.utc)
    except (ValueError, OverflowError, OSError):
        return None
    return time.isoformat(timespec="seconds")


def _entry(record: OriginalRecord, links: Sequence[str]) -> dict[str, Any]:
    before = _state(record.before)
    after = before if record.after == record.before else None  # one of both, for there may be many
    if after is None and record.after is not None:
        after = _state(record.after)
    return {
        "before": before,
        "before_at": moment(record.before_at),
        "after": after,
        "after_at": moment(record.after_at),
        "differences": record.differences,
        "links": list(links),
    }


def _state(state: FileState) -> dict[str, Any]:
    return {key: getattr(state, key) for key in _STATE}


def _lines(entries: Mapping[str, Any], values: Callable[[Any], dict[str, Any]]) -> Iterator[str]:
    """A JSON object with one entry per line, readable and easy to compare."""
    before = "{\n"
    for name in sorted(entries):
        yield f"{before}{json_text(name)}: {json_text(values(entries[name]))}"
        before = ",\n"
    yield "\n}" if entries else "{}"
