"""`evidence.json`: what is known of each original and each result, over all runs on a folder."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from reelmill import __version__
from reelmill.core.atomic import write_text
from reelmill.core.recording import FileState
from reelmill.errors import InputError
from reelmill.export.jsontext import json_text

EVIDENCE = "evidence.json"
SCHEMA = "reelmill.evidence/1"


@dataclass(frozen=True)
class OriginalRecord:
    """An original before and after the work on it; times are seconds since 1970.

    `after` is None when it was not hashed again: `problem` says why when it could not be.
    """

    path: Path
    before: FileState
    before_at: float
    after: FileState | None = None
    after_at: float | None = None
    problem: str | None = None

    @property
    def differences(self) -> list[str]:
        """What differs after the work; each entry is an error. Empty when nothing does."""
        if self.problem is not None:
            return [self.problem]
        return self.before.differences(self.after) if self.after is not None else []


@dataclass(frozen=True)
class ResultRecord:
    """A result as it was written: SHA-256 (hex) and size in bytes."""

    sha256: str
    size: int


@dataclass
class Evidence:
    """Originals and results by their names relative to the output folder.

    `originals` hold the JSON form of the latest record, whose `earlier` lists those of other
    content or time before it.
    """

    originals: dict[str, dict[str, Any]] = field(default_factory=dict)
    results: dict[str, ResultRecord] = field(default_factory=dict)

    def add_original(self, name: str, record: OriginalRecord) -> None:
        """Take in what a run saw; what an earlier one saw stays on record when it differs."""
        entry, known = _entry(record), self.originals.get(name)
        if known is None:
            self.originals[name] = entry
            return
        earlier = known.get("earlier", [])
        latest = {key: value for key, value in known.items() if key != "earlier"}
        if latest["before"] != entry["before"] or latest["differences"]:
            if latest != entry:
                earlier = [*earlier, latest]
        elif record.after is None and record.problem is None:
            entry = latest  # nothing new was seen
        else:
            entry["before_at"] = latest["before_at"]  # seen first when it was seen first
        self.originals[name] = {**entry, "earlier": earlier} if earlier else entry

    def state(self, name: str) -> FileState:
        """What an original was when its results were made."""
        return FileState(**self.originals[name]["before"])

    def write(self, out: Path) -> str:
        """Write `evidence.json` into `out`, an entry a line, and return its text."""
        text = (
            f'{{"schema": {json_text(SCHEMA)}, "version": {json_text(__version__)},\n'
            f'"originals": {_lines(self.originals)},\n'
            f'"results": {_lines({n: vars(r) for n, r in self.results.items()})}}}\n'
        )
        write_text(out / EVIDENCE, text)
        return text


def read_evidence(out: Path) -> Evidence:
    """The evidence of the runs on `out`.

    Raises:
        InputError: it is not there, cannot be read, is damaged or of another schema.
    """
    path = out / EVIDENCE
    try:
        content = json.loads(path.read_bytes())
        if content["schema"] != SCHEMA:
            raise InputError(f"{path}: written by another version ({content['schema']})")
        evidence = Evidence(
            dict(content["originals"]),
            {name: ResultRecord(**values) for name, values in content["results"].items()},
        )
        for name in evidence.originals:
            evidence.state(name)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path}: damaged ({error!r}); was it edited?") from error
    return evidence


def moment(seconds: float | None) -> str | None:
    """A time as ISO 8601 in UTC."""
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, tz=timezone.utc).isoformat(timespec="seconds")


def _entry(record: OriginalRecord) -> dict[str, Any]:
    return {
        "before": dict(vars(record.before)),
        "before_at": moment(record.before_at),
        "after": dict(vars(record.after)) if record.after is not None else None,
        "after_at": moment(record.after_at),
        "differences": record.differences,
    }


def _lines(entries: dict[str, Any]) -> str:
    """A JSON object with an entry a line: readable, and differences show by the file."""
    body = ",\n".join(f"{json_text(name)}: {json_text(entries[name])}" for name in sorted(entries))
    return f"{{\n{body}\n}}" if body else "{}"
