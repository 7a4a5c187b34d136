"""Runs as the server keeps them."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import sqlite3
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, get_args

from reelmill.engine.telemetry.metrics import FileOutcome
from reelmill.web.store import Store

#: `stopping`: it was told to, and what it has begun is being finished. `failed`: it could not
#: start, or could not go on.
State = Literal["queued", "running", "paused", "stopping", "done", "failed", "cancelled"]
STATES: tuple[State, ...] = get_args(State)
#: Those from which a run does not go on by itself.
OVER: frozenset[State] = frozenset({"done", "failed", "cancelled"})


@dataclass(frozen=True)
class Webhook:
    """Where a run's events are sent. `secret` is what they are signed with (base64 after
    `whsec_`)."""

    url: str
    secret: str = field(repr=False)
    events: tuple[str, ...] = ()


@dataclass(frozen=True)
class Figures:
    """What a run has come to: recordings by state, their length, and what people should know."""

    recordings: int = 0
    done: int = 0
    failed: int = 0
    findings: int = 0
    media_seconds: float = 0.0
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class QueuedRun:
    """A run in the queue, or one that is over.

    Attributes:
        number: its place among all runs, in the order they were made.
        owner: the name of who made it.
        title: for people.
        options: as `reelmill.Run` takes them.
        paths: the recordings, or folders of them.
        out: its output folder.
        created, started, ended: seconds since 1970.
        error: why it failed.
    """

    id: str
    number: int
    owner: str
    title: str
    task: str
    options: dict[str, Any]
    paths: tuple[str, ...]
    out: Path
    state: State = "queued"
    priority: int = 0
    created: float = 0.0
    started: float | None = None
    ended: float | None = None
    error: str | None = None
    figures: Figures = field(default_factory=Figures)
    webhook: Webhook | None = None


@dataclass(frozen=True)
class RunRecording:
    """A recording that is done or has failed. `number` counts them in the order they ended, `key`
    names it in addresses."""

    number: int
    key: str
    path: str
    name: str
    status: Literal["done", "failed"]
    media_seconds: float | None
    seconds: float
    language: str | None
    error: str | None
    findings: int
    outputs: tuple[str, ...]

    @classmethod
    def of(cls, number: int, outcome: FileOutcome) -> RunRecording:
        """A recording that has ended."""
        failure = outcome.failure
        return cls(
            number=number,
            key=key_of(outcome.path),
            path=outcome.path,
            name=outcome.name,
            status="failed" if outcome.status == "failed" else "done",
            media_seconds=outcome.media_seconds,
            seconds=outcome.seconds,
            language=outcome.language,
            error=None if failure is None else failure.message,
            findings=len(outcome.findings) + len(outcome.notes),
            outputs=tuple(outcome.outputs),
        )


class Records:
    """The runs of a server, on its disk."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def add(self, run: QueuedRun) -> QueuedRun:
        """Add a run. Its number is the next."""
        row = self._store.row("SELECT coalesce(max(number), 0) + 1 AS next FROM runs")
        assert row is not None
        run = replace(run, number=row["next"], created=time.time())
        columns = _columns(run)
        marks = ", ".join("?" * len(columns))
        self._store.execute(
            f"INSERT INTO runs ({', '.join(columns)}) VALUES ({marks})",
            *columns.values(),
        )
        return run

    def save(self, run: QueuedRun) -> None:
        """Keep what has changed about a run."""
        columns = _columns(run)
        names = ", ".join(f"{name} = ?" for name in columns)
        self._store.execute(f"UPDATE runs SET {names} WHERE id = ?", *columns.values(), run.id)

    def get(self, name: str) -> QueuedRun | None:
        """The run of that id."""
        row = self._store.row("SELECT * FROM runs WHERE id = ?", name)
        return None if row is None else _run(row)

    def all(self, states: Sequence[State] = STATES) -> list[QueuedRun]:
        """The runs in these states, the latest first."""
        marks = ", ".join("?" * len(states))
        rows = self._store.rows(
            f"SELECT * FROM runs WHERE state IN ({marks}) ORDER BY number DESC",
            *states,
        )
        return [_run(row) for row in rows]

    def page(self, states: Sequence[State], limit: int, offset: int) -> tuple[list[QueuedRun], int]:
        """Some of the runs in these states, the latest first, and how many there are."""
        marks = ", ".join("?" * len(states))
        where = f"FROM runs WHERE state IN ({marks})"
        rows = self._store.rows(
            f"SELECT * {where} ORDER BY number DESC LIMIT ? OFFSET ?",
            *states,
            limit,
            offset,
        )
        (count,) = self._store.rows(f"SELECT count(*) AS count {where}", *states)
        return [_run(row) for row in rows], count["count"]

    def remove(self, name: str) -> None:
        """Forget a run, its recordings and its webhooks."""
        with self._store.change():
            for table, column in (("runs", "id"), ("recordings", "run"), ("deliveries", "run")):
                self._store.execute(f"DELETE FROM {table} WHERE {column} = ?", name)

    def note(self, run: str, outcome: FileOutcome) -> RunRecording:
        """Keep the outcome of a recording in place of an earlier one."""
        with self._store.change():
            row = self._store.row(
                "SELECT coalesce(max(number), 0) + 1 AS next FROM recordings WHERE run = ?", run
            )
            assert row is not None
            recording = RunRecording.of(row["next"], outcome)
            self._store.execute(
                "INSERT OR REPLACE INTO recordings VALUES (?, ?, ?, ?)",
                run,
                recording.key,
                recording.number,
                json.dumps(asdict(recording)),
            )
        return recording

    def recordings(self, run: str, after: int = 0) -> list[RunRecording]:
        """The recordings of a run that have ended, those after a number only."""
        rows = self._store.rows(
            "SELECT outcome FROM recordings WHERE run = ? AND number > ? ORDER BY number",
            run,
            after,
        )
        return [_recording(json.loads(row["outcome"])) for row in rows]

    def recording(self, run: str, key: str) -> RunRecording | None:
        """A recording of a run that has ended, by its key."""
        row = self._store.row("SELECT outcome FROM recordings WHERE run = ? AND key = ?", run, key)
        return None if row is None else _recording(json.loads(row["outcome"]))


def key_of(path: str | os.PathLike[str]) -> str:
    """What names a recording in addresses; it does not tell where the recording is."""
    return hashlib.sha256(os.fsencode(os.path.realpath(path))).hexdigest()[:20]


def new_id() -> str:
    """An id that nobody can guess."""
    return secrets.token_hex(8)


def _columns(run: QueuedRun) -> dict[str, Any]:
    return {
        "id": run.id,
        "number": run.number,
        "owner": run.owner,
        "title": _stored(run.title),
        "task": run.task,
        "options": json.dumps(run.options),
        "paths": json.dumps(run.paths),
        "out": json.dumps(str(run.out)),
        "state": run.state,
        "priority": run.priority,
        "created": run.created,
        "started": run.started,
        "ended": run.ended,
        "error": None if run.error is None else _stored(run.error),
        "figures": json.dumps(asdict(run.figures)),
        "webhook": None if run.webhook is None else json.dumps(asdict(run.webhook)),
    }


def _run(row: sqlite3.Row) -> QueuedRun:
    values = dict(row)
    figures = json.loads(values.pop("figures"))
    webhook = values.pop("webhook")
    listed = ("notes", "warnings")
    values["figures"] = Figures(**{**figures, **{name: tuple(figures[name]) for name in listed}})
    if webhook is not None:
        given = json.loads(webhook)
        webhook = Webhook(**{**given, "events": tuple(given["events"])})
    values["options"] = json.loads(values["options"])
    values["paths"] = tuple(json.loads(values["paths"]))
    values["out"] = Path(json.loads(values["out"]))
    return QueuedRun(**values, webhook=webhook)


def _recording(values: dict[str, Any]) -> RunRecording:
    return RunRecording(**{**values, "outputs": tuple(values["outputs"])})


def _stored(text: str) -> str:
    """SQLite's text is UTF-8; file names need not be."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
