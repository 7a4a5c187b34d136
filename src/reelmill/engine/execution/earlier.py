"""Earlier work on a folder: recordings that moved or are gone, what `--fresh` takes away, and what
a killed run left."""

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
    """Remove what a run that was killed left half-written."""
    gate.sweep(cache / gate.TEMPORARY, atomic.LEFTOVER)
    gate.sweep(store.artifacts(cache), atomic.LEFTOVER, deep=True)
    gate.sweep(store.artifacts(cache), store.SPILL_FILE, deep=True)


class EarlierWork:
    """What a run finds out about the work of earlier ones as its recordings come along.

    `known` are the recordings of earlier runs by their paths, `results` by their keys. With
    `fresh` nothing that was made of this run's recordings before is found any more; that of other
    recordings in the same folder is left alone.
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
        """Recordings become part of the run."""
        for job in jobs if self._fresh else ():
            job.original.is_unfinished()
            if job.original.before is not None:
                self.entered(recording_of(job, job.original.before, self._cache))

    def entered(self, recording: Recording) -> None:
        """Work on a recording, whose content is known now, begins."""
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
