"""Writes the custody log of a run from its events, as they happen."""

from __future__ import annotations

import contextlib
import functools
import os
import platform
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from reelmill.artifacts import ExportedFile
from reelmill.core import gate
from reelmill.core.keys import Seal
from reelmill.core.recording import FileState, read_state
from reelmill.core.walk import walk
from reelmill.engine.pipeline import Pipeline
from reelmill.engine.stage import ModelStage
from reelmill.engine.state.artifact_store import artifacts
from reelmill.engine.telemetry.events import (
    Detail,
    Event,
    Identified,
    RecordingFinished,
    StageKept,
)
from reelmill.engine.telemetry.metrics import FileOutcome, RunSummary
from reelmill.errors import NotOursError, describe
from reelmill.evidence.custody.chain import SCHEMA, Chain, head
from reelmill.evidence.manifest import manifest_sha256
from reelmill.evidence.paths import Folder
from reelmill.evidence.record import recorded_head
from reelmill.runs.libraries import libraries
from reelmill.settings import Settings

#: Files in one entry about those that were taken over.
_IN_AN_ENTRY = 500
#: Recordings whose names are remembered: about as many as are worked on at a time.
_NAMES_KEPT = 128


class Custodian:
    """The custody log of one run.

    Nothing is written until work is done: a run that finds all its recordings finished does not
    change the log. Entries that cannot be written are kept and tried again with the next one.
    """

    def __init__(self, out: Path, seal: Seal, beginning: Callable[[], Mapping[str, Any]]) -> None:
        """`beginning`: gives the facts of the run's first entry."""
        self._out = out
        self._chain = Chain(out, seal, recorded_head(out))
        self._folder = Folder(out)
        #: The names of recordings, each of which is asked for with every stage.
        self._named = functools.lru_cache(maxsize=_NAMES_KEPT)(self._folder.name)
        self._beginning = beginning
        self._run: int | None = None
        self._waiting: deque[tuple[str, dict[str, Any]]] = deque()
        self._problem: str | None = None
        self._told = 0

    def hear(self, event: Event | Detail) -> None:
        """Write an entry for an event, if it belongs in the log."""
        match event:
            case Identified():
                self._add("checked" if event.again else "ingest", **self._original(event))
            case StageKept():
                self._add("stage", **self._stage(event))
                if event.exported:
                    self.exported(event.exported, event.recording.path)
            case RecordingFinished(outcome) if not outcome.reused:
                self._add("finished", **self._outcome(outcome))

    def exported(self, files: Iterable[ExportedFile], source: Path | None = None) -> None:
        """Add the files that were written for people."""
        written = [asdict(file) for file in files]
        if written:
            of = {} if source is None else {"recording": self._named(source)}
            self._add("export", **of, results=written)

    def ended(self, summary: RunSummary) -> None:
        """Add how the run ended, if it did anything."""
        if self._run is not None or self._waiting:
            counts = {name: summary.count(name) for name in ("done", "failed", "waiting")}
            self._add("ended", **counts, stopped=summary.stopped)

    def reports(self, paths: Iterable[Path]) -> None:
        """Add the reports of the run, by their paths below the output folder."""
        written = []
        for path in paths:
            with contextlib.suppress(Exception):  # the evidence will say so
                state, name = read_state(path), path.relative_to(self._out).as_posix()
                written.append(ExportedFile(name, state.sha256, state.size))
        self.exported(written)

    def problems(self) -> list[str]:
        """Problems with the log that have not been reported yet, for people."""
        found, self._told = self._chain.problems[self._told :], len(self._chain.problems)
        return found

    @property
    def unwritten(self) -> str | None:
        """Why entries are missing; None if none is."""
        return self._problem if self._waiting else None

    def close(self) -> None:
        """Flush everything to the disk."""
        try:
            self._chain.close()
        except OSError as error:
            self._problem = describe(error)

    # -- entries

    def _add(self, what: str, **facts: Any) -> None:
        self._waiting.append((what, facts))
        try:
            if self._run is None:
                self._run = self._chain.append("run", **self._beginning()).entries
            while self._waiting:
                name, values = self._waiting[0]
                self._chain.append(name, run=self._run, **values)
                self._waiting.popleft()
        except (OSError, NotOursError) as error:
            self._problem = describe(error)

    def _original(self, event: Identified) -> dict[str, Any]:
        return {
            "recording": self._named(event.path),
            "name": event.name,
            "source": _state(event.state),
        }

    def _stage(self, event: StageKept) -> dict[str, Any]:
        facts: dict[str, Any] = {
            "recording": self._named(event.recording.path),
            "source": {"sha256": event.recording.id},
            "stage": event.stage,
            "version": event.version,
            "from": event.sources,
            "artifact": {"path": self._folder.name(event.file), "sha256": event.sha256},
        }
        if event.beside:
            beside = event.recording.folder
            facts["beside"] = [
                {"path": self._folder.name(beside / name), "sha256": sha256}
                for name, sha256 in event.beside.items()
            ]
        if event.is_adopted:
            facts["made_by"] = "earlier work"
        return facts

    def _outcome(self, outcome: FileOutcome) -> dict[str, Any]:
        facts: dict[str, Any] = {
            "recording": self._folder.name(os.path.abspath(outcome.path)),
            "status": outcome.status,
        }
        if outcome.failure is not None:
            facts["failure"] = asdict(outcome.failure)
        if outcome.changed:
            facts["changed"] = outcome.changed
        return facts


def beginning(
    pipeline: Pipeline, settings: Settings, out: Path, device: str, *, fresh: bool
) -> dict[str, Any]:
    """The facts of a run's first entry: what is done, how, and with what."""
    return {
        "schema": SCHEMA,
        "command": pipeline.name,
        "arguments": list(sys.argv),
        "fresh": fresh,
        "device": device,
        "settings": settings.model_dump(mode="json"),
        "stages": {
            stage.name: {"version": stage.version, "settings": stage.fingerprint()}
            for stage in pipeline.stages
        },
        "models": dict(_models(pipeline)),
        "libraries": libraries(),
        "system": platform.platform(),
        "manifest_sha256": manifest_sha256(out),
    }


def _models(pipeline: Pipeline) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each model with what identifies its weights and their use."""
    for stage in pipeline.stages:
        if isinstance(stage, ModelStage):
            spec = stage.model
            facts = {"identity": spec.identity, "python": spec.python}
            yield spec.display_name, {k: v for k, v in facts.items() if v is not None}


def _state(state: FileState) -> dict[str, Any]:
    return {
        "sha256": state.sha256,
        "md5": state.md5,
        "size": state.size,
        "mtime_ns": state.mtime_ns,
    }


def note_adoption(out: Path, seal: Seal) -> None:
    """Note in an existing log that results of others were taken over (`--adopt`): they carry the
    user's mark from now on, so that their hashes are other ones.

    Raises:
        OSError: the log cannot be written.
    """
    if head(out) is None:
        return
    chain, folder = Chain(out, seal, recorded_head(out)), Folder(out)
    found = []
    for at, _, names in walk(artifacts(out / gate.CACHE)):
        for path in (Path(at, name) for name in sorted(names)):
            if path.is_file() and not path.is_symlink():
                found.append({"path": folder.name(path), "sha256": read_state(path).sha256})
    for start in range(0, len(found), _IN_AN_ENTRY):
        chain.append("adopted", artifacts=found[start : start + _IN_AN_ENTRY])
    chain.close()
