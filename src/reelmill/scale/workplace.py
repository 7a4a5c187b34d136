"""Where a shard is worked on: where its recordings come from, and where its results go.

`SharedFolder` is a file system that all machines have. A store, for machines that share none, is
`StoreWorkplace` in `store_work.py`.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

from reelmill.core import gate
from reelmill.core.keys import WRITTEN, Seal
from reelmill.engine.state.adoption import check_private
from reelmill.runs.run import Run
from reelmill.scale.claims import Claims
from reelmill.scale.exchange import FolderExchange
from reelmill.scale.executor import RecordingEnded
from reelmill.scale.job import read_card
from reelmill.scale.messages import AnyEvent, MessageError, ShardTask
from reelmill.scale.open_work import OpenWork
from reelmill.scale.roots import Roots
from reelmill.scale.worker import WorkerPlace, folder_of

#: How often it is looked whether another worker that has the shard gives a sign of life.
_LOOK_EVERY_S = 0.5


class Workplace(Protocol):
    """What a worker has to do with the world around one shard."""

    def new_folder(self, number: int) -> Path:
        """The output folder of a run that is to work on the job, the `number`-th of this worker
        counted from 0."""

    def opened(self) -> contextlib.AbstractContextManager[None]:
        """While the block goes on, the shard can be worked on."""

    def is_wanted(self) -> bool:
        """Whether the job goes on. Raises StoreError where nobody can tell any more."""

    def claim(self, stopping: threading.Event) -> bool:
        """Whether this worker is to do the shard; waits if that is not clear."""

    @property
    def is_done(self) -> bool:
        """Whether somebody else is known to have done the shard."""

    def renew(self) -> None:
        """Give a sign of life."""

    def release(self, *, done: bool) -> None:
        """The shard is done, or somebody else is to do it."""

    def new_exchange(self, number: int) -> FolderExchange | None:
        """For that run: where it finds what others make of recordings that they share; None
        where none is shared."""

    def begun(self, run: Run, exchange: FolderExchange | None, number: int) -> OpenWork:
        """That run was started; its results are to be handed over."""

    def begin(self, work: OpenWork) -> None:
        """Begin to bring the recordings of the shard."""

    def arrived(self) -> dict[str, int]:
        """Recordings that have come since the last call: their paths, with their places in the
        shard.

        Raises:
            ReelmillError: no more will come.
        """

    def told(self) -> Sequence[AnyEvent]:
        """What the submitter is to be told that did not happen in the run."""

    @property
    def is_all_there(self) -> bool:
        """Whether nothing further will arrive."""

    def ended(self, event: RecordingEnded, path: str) -> RecordingEnded:
        """A recording has ended: hand over what was made of it. Returns what to tell the submitter.

        Raises:
            ReelmillError: that was not possible.
        """


class SharedFolder:
    """An output folder that submitter and workers share, and recordings below roots."""

    def __init__(
        self, task: ShardTask, roots: Roots, worker: str, seal: Seal, lease_s: float
    ) -> None:
        """Look where the shard is.

        Args:
            task: the shard.
            roots: of this machine.
            worker: its name.
            seal: of the key that is shared.
            lease_s: a worker that gave no sign of life for so long is gone.

        Raises:
            MessageError: a path leads out of the roots.
        """
        self._task, self._seal = task, seal
        self._originals = [roots.path(one.place) for one in task.recordings]
        if task.work.out is None:
            raise MessageError(
                "its results go to a store, and this worker has none: start it with --store"
            )
        self._out, self._worker = roots.path(task.work.out), worker
        self._claims = Claims(self._place(0).claims, worker, lease_s)
        self._what = f"{task.job}\n{task.submission}\n{task.shard}"
        self._exchange: FolderExchange | None = None
        self._coming = {str(path): at for at, path in enumerate(self._originals)}

    def new_folder(self, number: int) -> Path:
        """See `Workplace`."""
        return self._place(number).folder

    @contextlib.contextmanager
    def opened(self) -> Iterator[None]:
        """Open the shared output folder, for claims."""
        out = self._out
        with gate.output(out, "", self._originals, self._seal.key_for(WRITTEN)):
            check_private(out / gate.CACHE)
            yield

    def is_wanted(self) -> bool:
        """See `Workplace`."""
        card = read_card(self._out / gate.CACHE, self._task.job, self._seal)
        return card is not None and card.is_for(self._task)

    def claim(self, stopping: threading.Event) -> bool:
        """Claim the shard. If another worker has claimed it, wait until it either gives a sign of
        life or is found to be gone: brokers send a shard again as soon as a connection breaks."""
        last_sign = self._claims.renewed_at(self._what)
        while not self._claims.take(self._what):
            renewed = self._claims.renewed_at(self._what)
            is_alive = renewed is not None and renewed != last_sign
            if self.is_done or is_alive or stopping.wait(_LOOK_EVERY_S):
                return False
        return True

    @property
    def is_done(self) -> bool:
        """See `Workplace`."""
        return self._claims.state(self._what) == "done"

    def renew(self) -> None:
        """See `Workplace`."""
        self._claims.renew()
        if self._exchange is not None:
            self._exchange.renew()

    def release(self, *, done: bool) -> None:
        """See `Workplace`."""
        if done:
            self._claims.done(self._what)
        self._claims.release(self._what)

    def new_exchange(self, number: int) -> FolderExchange:
        """See `Workplace`."""
        place = self._place(number)
        return FolderExchange(
            self._out / gate.CACHE,
            place.folder / gate.CACHE,
            Claims(place.claims, place.name, self._claims.lease_s),
            self._seal,
        )

    def begun(self, run: Run, exchange: FolderExchange | None, number: int) -> OpenWork:
        """See `Workplace`. The submitter looks into the run's folder."""
        return OpenWork(run, exchange, number=number)

    def begin(self, work: OpenWork) -> None:
        """See `Workplace`. Everything is there."""
        self._exchange = work.exchange
        if self._task.share is not None and work.exchange is not None:
            work.exchange.share(self._coming)

    def arrived(self) -> dict[str, int]:
        """See `Workplace`."""
        coming, self._coming = self._coming, {}
        return coming

    def told(self) -> Sequence[AnyEvent]:
        """See `Workplace`."""
        return ()

    @property
    def is_all_there(self) -> bool:
        """See `Workplace`."""
        return not self._coming

    def ended(self, event: RecordingEnded, path: str) -> RecordingEnded:
        """See `Workplace`."""
        return event

    def _place(self, number: int) -> WorkerPlace:
        return WorkerPlace(self._out, folder_of(self._worker, self._task.job, number))
