"""Earlier work on a folder: recordings that moved or are gone, results that `--fresh` removes, and
files that a killed run left."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from reelmill.core import atomic, gate
from reelmill.core.recording import Recording
from reelmill.engine.execution.moved import LostOriginals
from reelmill.engine.execution.planning import Job, Keys, recording_of
from reelmill.engine.pipeline import Pipeline
from reelmill.engine.state import artifact_store as store
from reelmill.engine.state.run_db import Original, Result


def sweep(cache: Path) -> None:
    """Remove unfinished files of a killed run."""
    gate.sweep(cache / gate.TEMPORARY, atomic.LEFTOVER)
    gate.sweep(store.artifacts(cache), atomic.LEFTOVER, deep=True)
    gate.sweep(store.artifacts(cache), store.SPILL_FILE, deep=True)


class EarlierWork:
    """Learns about the work of earlier runs as the recordings of this run are identified.

    `known` are the recordings of earlier runs by path, `results` their results by key. With
    `fresh`, earlier results of this run's recordings are ignored. Those of other recordings in the
    folder are left alone.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        cache: Path,
        known: dict[str, Original],
        results: dict[str, Result],
        *,
        fresh: bool,
    ) -> None:
        self.known = known
        self.lost = LostOriginals(known.values())
        self._pipeline = pipeline
        self._cache = cache
        self._results = results
        self._fresh = fresh
        self._keys = Keys(pipeline)
        self._contents: set[str] = set()
        self._names: set[str] = set()

    def planned(self, jobs: Iterable[Job]) -> None:
        """Register recordings that become part of the run."""
        for job in jobs if self._fresh else ():
            job.original.is_unfinished()
            if job.original.before is not None:
                self.entered(recording_of(job, job.original.before, self._cache))

    def entered(self, recording: Recording) -> None:
        """Called when work on a recording starts and its content is known."""
        if not self._fresh:
            return
        new_content = recording.id not in self._contents
        new_name = recording.name not in self._names
        if new_content:
            gate.sweep(recording.folder, store.OURS)
        for stage in self._pipeline.stages:
            if new_name if stage.named_outputs else new_content:
                self._results.pop(self._keys.of(stage, recording), None)
                if stage.named_outputs:
                    gate.remove(store.named_path(self._cache, stage.name, recording.name))
        self._keys.forget(recording)
        self._contents.add(recording.id)
        self._names.add(recording.name)
