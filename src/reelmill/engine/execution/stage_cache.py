"""The known results of stages: from earlier runs, from an interrupted run, and from this one."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from reelmill.core import gate
from reelmill.core.recording import Recording
from reelmill.engine.config import EngineConfig
from reelmill.engine.execution.planning import Keys, is_whole
from reelmill.engine.execution.run_recorder import RunRecorder
from reelmill.engine.pipeline import Pipeline
from reelmill.engine.process import cpu_worker
from reelmill.engine.stage import Stage
from reelmill.engine.state import artifact_store as store
from reelmill.engine.state.run_db import Ledger, Result
from reelmill.engine.telemetry.events import StageKept
from reelmill.errors import InputError, NotOursError


class StageCache:
    """Finds, adopts, keeps and discards the results of stages."""

    def __init__(
        self,
        pipeline: Pipeline,
        config: EngineConfig,
        ledger: Ledger,
        recorder: RunRecorder,
        results: dict[str, Result],
        on_disk_full: Callable[[], None],
    ) -> None:
        """`results`: those of earlier runs, by key."""
        self.keys = Keys(pipeline)
        self.results = results
        self._pipeline = pipeline
        self._config = config
        self._ledger = ledger
        self._recorder = recorder
        self._on_disk_full = on_disk_full
        self._found_foreign = False

    def known(self, recording: Recording, stage: Stage, *, adopt: bool) -> Result | None:
        """A stage's result if it exists: either recorded, or written by an interrupted run and
        usable."""
        key = self.keys.of(stage, recording)
        known = self.results.get(key)
        if known is not None and not self._replaceable(known, stage) and is_whole(known):
            if known.from_before:
                known.from_before = False
                self._recorder.reused(stage.name)
            return known
        if not adopt:
            return None
        task = self.task(recording, stage)
        adopted = self._adopt(task, stage)
        return None if adopted is None else self.keep(task, stage, adopted, None)

    def keep(
        self,
        task: cpu_worker.StageTask,
        stage: Stage,
        made: cpu_worker.Made,
        seconds: float | None,
    ) -> Result:
        """Record the result of a stage. `seconds`: how long it took; None if an interrupted run
        made it."""
        files = [str(task.target), *made.files]
        result = Result(
            task.key,
            stage.name,
            task.recording.id,
            files,
            made.summary,
            seconds or 0.0,
            stamps=dict(made.saved.stamps),
        )
        self.results[task.key] = result
        self._recorder.kept(self._kept(task, stage, made, is_adopted=seconds is None))
        self.note(partial(self._ledger.put_result, result))
        return result

    def _kept(
        self, task: cpu_worker.StageTask, stage: Stage, made: cpu_worker.Made, *, is_adopted: bool
    ) -> StageKept:
        makers = self._pipeline.makers(stage)
        return StageKept(
            task.recording,
            stage.name,
            stage.version,
            task.target,
            made.saved.sha256,
            dict(made.saved.beside),
            [f"{one.name}-{self.keys.of(one, task.recording)[:16]}" for one in makers],
            made.summary.exported,
            is_adopted,
        )

    @staticmethod
    def _replaceable(known: Result, stage: Stage) -> bool:
        """Whether files of an earlier run named after the recording may by now belong to other
        content or settings. The artifact beside them says whose they are."""
        return stage.named_outputs and known.from_before

    def discard(self, path: Path, reason: str, sources: Sequence[Result]) -> None:
        """Remove an unusable artifact, so that it is made again."""
        self._recorder.warn(f"{reason}; it is computed again")
        self.remove(path)
        for source in sources:
            if source.files[0] == str(path):
                self.results.pop(source.key, None)

    def task(self, recording: Recording, stage: Stage) -> cpu_worker.StageTask:
        """The instructions for a worker to make a stage's result, except for its inputs."""
        key = self.keys.of(stage, recording)
        if stage.named_outputs:
            target = store.named_path(self._config.cache, stage.name, recording.name)
        else:
            target = store.artifact_path(recording.folder, stage.name, key)
        return cpu_worker.StageTask(self._pipeline.position(stage), recording, (), key, target)

    def _adopt(self, task: cpu_worker.StageTask, stage: Stage) -> cpu_worker.Made | None:
        """A result that an interrupted run wrote but did not record."""
        try:
            made = cpu_worker.adopt(task, stage, self._config.seal)
            if made is None:
                return None
            # that run may have been killed before it did
            store.flush(store.files_of(task.target, task.recording.folder, made.saved))
        except InputError as error:
            self._tell_foreign(error)
            return None
        except OSError:
            return None
        self._recorder.reused(stage.name)
        return made

    def _tell_foreign(self, error: InputError) -> None:
        """There may be thousands more. The first one is announced, the others are logged."""
        self._recorder.line({"event": "not ours", "message": str(error)})
        if not self._found_foreign:
            self._found_foreign = True
            self._recorder.warn(f"{error}; this and all others like it are computed again")

    def remove_temporary(self, recording: Recording) -> None:
        """Remove the files of temporary stages when nobody works on the recording any more."""
        if self._config.keep_temporary:
            return
        for stage in self._pipeline.stages:
            result = self.results.get(self.keys.of(stage, recording)) if stage.temporary else None
            for file in result.files[1:] if result else ():
                self.remove(Path(file))

    def forget(self, recording: Recording, *, is_last: bool) -> None:
        """Drop a finished recording's results from memory, so that memory does not grow with items
        or stages."""
        if is_last:
            for stage in self._pipeline.stages:
                self.results.pop(self.keys.of(stage, recording), None)
        self.keys.forget(recording)

    def clear(self, task: cpu_worker.StageTask, stage: Stage) -> None:
        """Called before a stage writes. From then on files named after the recording are incomplete
        and belong to no result."""
        if stage.named_outputs:
            self.remove(task.target)

    def remove(self, path: Path) -> None:
        """Remove a file of the cache. If it is not ours, it stays, with a warning."""
        try:
            gate.remove(path)
        except NotOursError as error:
            self._recorder.warn(str(error))

    def note(self, write: Callable[[], None]) -> None:
        """Write to the ledger. If that fails, the next run finds the artifacts by their names."""
        try:
            write()
        except sqlite3.OperationalError:
            self._on_disk_full()
