"""The recordings of a run: planned, compared with those of earlier runs, and looked up."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial

from reelmill.core import atomic, gate
from reelmill.engine.config import EngineConfig
from reelmill.engine.execution.earlier import EarlierWork
from reelmill.engine.execution.naming import Names
from reelmill.engine.execution.planning import Job, Keys, Source, done_before, plan
from reelmill.engine.execution.run_recorder import RunRecorder
from reelmill.engine.pipeline import Pipeline
from reelmill.engine.state.run_db import Ledger
from reelmill.engine.state.shelf import Shelf
from reelmill.errors import Failure


class RunRecordings:
    """The recordings given at the start, and those added later."""

    def __init__(
        self, pipeline: Pipeline, config: EngineConfig, ledger: Ledger, recorder: RunRecorder
    ) -> None:
        self._pipeline = pipeline
        self._config = config
        self._ledger = ledger
        self._recorder = recorder
        self._names = Names(config.out, pipeline, config.reserved)
        self._jobs: dict[str, Job] = {}
        #: What is known about recordings that have ended.
        self._shelf = Shelf(partial(atomic.nameless_file, config.cache / "ended"))
        #: Results of earlier runs, by key.
        self.results = ledger.results()
        self.earlier = EarlierWork(
            pipeline, config.cache, ledger.originals(), self.results, fresh=config.fresh
        )

    @property
    def jobs(self) -> Sequence[Job]:
        """All recordings, with what is known about their originals."""
        return list(self._jobs.values())

    def job(self, path: str) -> Job:
        """The recording at an absolute path."""
        return self._jobs[path]

    def new(self, sources: Sequence[Source]) -> list[Source]:
        """The `sources` that the run does not have yet."""
        return [one for one in sources if os.path.abspath(one.path) not in self._jobs]

    def plan(self, sources: Sequence[Source]) -> list[Job]:
        """Add recordings to the run, and return those that need work."""
        gate.protect(self._config.out, [source.path for source in sources])
        jobs = plan(sources, self.earlier.known, self._ledger, self._names)
        self._jobs.update((job.path_text, job) for job in jobs)
        self.earlier.planned(jobs)
        keys, cache = Keys(self._pipeline), self._config.cache
        waiting = [
            job for job in jobs if not done_before(job, self._pipeline, keys, self.results, cache)
        ]
        for job in waiting:
            if job.original.outcome is not None:  # this outcome is about to be replaced
                job.original.is_unfinished()
                self._ledger.put_original(job.original)
        self._ledger.commit()
        self._recorder.planned(jobs)
        for job in jobs:
            if job.reused:
                self.ended(job)
        self._tell_what_was_found()
        return [job for job in waiting if not self._is_refused(job)]

    def _tell_what_was_found(self) -> None:
        if self._ledger.refused:
            self._recorder.warn(
                f"{self._config.cache / 'ledger.sqlite'}: {self._ledger.refused} entries were "
                "changed by somebody else; they are ignored, and what they described is checked "
                "again"
            )
            self._ledger.refused = 0
        while self._names.notes:
            self._recorder.note(self._names.notes.pop(0))

    def _is_refused(self, job: Job) -> bool:
        """Fail a recording at once if its results would replace other people's files. Returns
        whether it did."""
        why = self._names.obstacle(job.original)
        if why is not None:
            job.fail(Failure("plan", "input", f"{job.path}: {why}"))
            job.end()
            self._recorder.finished(job)
            self.ended(job)
        return why is not None

    def ended(self, job: Job) -> None:
        """Nothing more is done for a recording, and that was reported: it leaves memory."""
        self.earlier.known.pop(job.path_text, None)
        job.shelve(self._shelf)

    def tell_of_lost(self) -> None:
        """Report recordings of earlier runs that can no longer be found."""
        unfinished, finished = self.earlier.lost.sentences(self._jobs.keys())
        if unfinished is not None:
            self._recorder.warn(unfinished)
        if finished is not None:
            self._recorder.note(finished)
