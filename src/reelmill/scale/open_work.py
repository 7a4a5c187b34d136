"""The run of a job on a worker, which stays open while shards of the job come."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from reelmill.engine.execution.planning import Source
from reelmill.engine.state.artifact_store import stage_digest
from reelmill.engine.telemetry.events import RecordingFinished, RunEnded
from reelmill.engine.telemetry.metrics import FileOutcome
from reelmill.errors import ReelmillError
from reelmill.runs.run import Run
from reelmill.scale.exchange import FolderExchange


class OpenWork:
    """A run, who needs it, and which recordings have ended in it."""

    def __init__(
        self,
        run: Run,
        exchange: FolderExchange | None = None,
        on_closed: Callable[[], None] = lambda: None,
        number: int = 0,
    ) -> None:
        """Listen to a run that was started and is open for recordings.

        Args:
            run: the run.
            exchange: of the run.
            on_closed: called when the run has ended.
            number: which run of the job it is on this worker, counted from 0.
        """
        self.run, self._on_closed, self.number = run, on_closed, number
        #: How many recordings the shards have that needed it.
        self.taken = 0
        self.exchange = exchange
        #: The outcomes of recordings, by absolute path.
        self.ended: dict[str, FileOutcome] = {}
        self._changed = threading.Condition()
        self._needed_by = 0
        self._idle_since = time.monotonic()
        self._stopped: str | None = None
        self._is_over = False
        self._listener = threading.Thread(target=self._listen, name="reelmill shards", daemon=True)
        self._listener.start()

    def add(self, paths: Sequence[str]) -> None:
        """Give the run recordings; those that it has already are ignored.

        Raises:
            RunClosedError: it ended meanwhile.
        """
        self.run.add([Source(Path(path), Path(path).stem) for path in paths])

    def wait(self, paths: Iterable[str], seconds: float) -> None:
        """Wait until all of these recordings or the run have ended, at most for `seconds`. Without
        recordings, wait for the whole time."""
        waited = list(paths)
        with self._changed:
            self._changed.wait_for(
                lambda: self._is_over or (waited and all(path in self.ended for path in waited)),
                seconds,
            )

    def enter(self, recordings: int) -> None:
        """One more shard, of so many recordings, needs the run."""
        self._needed_by += 1
        self.taken += recordings

    def leave(self) -> None:
        """A shard no longer needs it."""
        self._needed_by -= 1
        self._idle_since = time.monotonic()

    def is_idle(self, seconds: float) -> bool:
        """Whether no shard has needed it for so long."""
        return self._needed_by == 0 and time.monotonic() - self._idle_since >= seconds

    def why_it_ended(self) -> str:
        """Why the run ended although a shard needed it."""
        try:
            self.run.wait(0)
        except (ReelmillError, OSError) as error:
            return str(error)
        return self._stopped or "the run ended"

    def costs(self) -> tuple[dict[str, float], float]:
        """How long each stage worked so far, by digest, and on how much recording, in seconds.
        Nothing, if other workers did a share of the work."""
        progress = self.run.progress
        if progress is None or (self.exchange is not None and self.exchange.is_used):
            return {}, 0.0
        digests = {stage.name: stage_digest(stage) for stage in self.run.pipeline.stages}
        worked = {
            digests[one.name]: one.cpu_seconds + one.model_seconds
            for one in progress.stages
            if one.done and one.name in digests
        }
        return worked, progress.media_seconds

    def close(self) -> None:
        """Close the run, and wait for its end."""
        self.run.close()
        self.run.join()
        self._on_closed()

    def _listen(self) -> None:
        for event in self.run.events():
            with self._changed:
                if isinstance(event, RecordingFinished):
                    self.ended[event.outcome.path] = event.outcome
                elif isinstance(event, RunEnded):
                    self._stopped = event.summary.stopped
                else:
                    continue
                self._changed.notify_all()
        with self._changed:
            self._is_over = True
            self._changed.notify_all()
