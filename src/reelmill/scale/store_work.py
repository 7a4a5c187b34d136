"""A worker's side of a store: recordings come from it, and results go to it.

Everything local is below a scratch folder in the user's cache. A recording is there from shortly
before it is worked on until it has ended; what a shard fetches ahead is limited.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import queue
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TypeVar

from reelmill.core import gate
from reelmill.core.keys import Seal
from reelmill.core.paths import user_cache
from reelmill.core.recording import FileState, Recording, read_state
from reelmill.engine.execution.planning import Keys
from reelmill.engine.state import artifact_store
from reelmill.engine.state.lock import FolderLock
from reelmill.engine.telemetry.events import StageKept
from reelmill.errors import NotTrustedError, ReelmillError, TransientError, UsageError, reason
from reelmill.runs.run import Run
from reelmill.scale.exchange import FolderExchange
from reelmill.scale.executor import RecordingEnded, RecordingMissed, ResultRefused
from reelmill.scale.job import card_in
from reelmill.scale.messages import AnyEvent, ShardRecording, ShardTask, shortened_reason
from reelmill.scale.open_work import OpenWork
from reelmill.scale.roots import Roots
from reelmill.scale.store import Store, StoreError, open_store
from reelmill.scale.stored import (
    STORE,
    Endings,
    StoredResults,
    called,
    card_object,
    check_place,
    fetch_recording,
)

_log = logging.getLogger(__name__)
_T = TypeVar("_T")
_numbers = itertools.count(1)

#: The folder of scratch folders, below the user's cache.
SCRATCH = "scratch"
#: The most bytes of recordings that a shard has here, unless a single one is longer.
_MOST_BYTES = 1 << 30
#: Requests at a time, for results of all shards.
_REQUESTS = 8
#: How often the card of a job is read, in seconds.
_CARD_EVERY_S = 3.0
#: How long a recording that is not in the store is waited for: the submitter may still be sending
#: others. How often it is looked for, and how often the submitter is told, in seconds.
_PATIENCE_S, _LOOK_EVERY_S, _TELL_EVERY_S = 600.0, (0.2, 0.5, 1.0, 2.0, 5.0), 10.0


class Scratch:
    """The scratch folder of one worker. Those of workers that are gone are removed."""

    def __init__(self, worker: str) -> None:
        """Make the folder.

        Raises:
            UsageError: it cannot be made, or locked.
        """
        self._all = user_cache().absolute() / SCRATCH
        self.folder = self._all / worker
        self._lock = FolderLock(self.folder / "lock")
        self._lock.acquire()
        for other in self._all.iterdir():
            if other != self.folder:
                self._remove_abandoned(other)

    def remove(self) -> None:
        """Remove it with everything in it."""
        gate.discard_folder(self.folder)
        self._lock.release()

    def _remove_abandoned(self, folder: Path) -> None:
        lock = FolderLock(folder / "lock")
        with contextlib.suppress(UsageError, ReelmillError):
            lock.acquire()
            gate.discard_folder(folder)
            lock.release()


@dataclass
class StoreSide:
    """What the shards of one worker share.

    Attributes:
        store: checked.
        worker: its name.
        roots: of this machine, for recordings that need not come from the store.
        seal: of the key that is shared.
        lease_s: for so long, not being able to read a job's card does not end its work.
    """

    store: Store
    worker: str
    roots: Roots
    seal: Seal
    lease_s: float
    scratch: Scratch = field(init=False)
    pool: ThreadPoolExecutor = field(init=False)
    active: set[tuple[str, str, str]] = field(default_factory=set)
    outboxes: dict[Path, Outbox] = field(default_factory=dict)
    _cards: dict[str, tuple[float, bytes | None]] = field(default_factory=dict)
    guard: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.scratch = Scratch(self.worker)
        self.pool = ThreadPoolExecutor(_REQUESTS, "reelmill store")

    def workplace(self, task: ShardTask) -> StoreWorkplace:
        """Where a shard is worked on. Raises MessageError for a place that is none."""
        return StoreWorkplace(self, task)

    def card(self, job: str) -> bytes | None:
        """The card of a job, as it was a few seconds ago.

        Raises:
            StoreError: it cannot be read, and could not for the time of a lease.
        """
        with self.guard:
            read_at, card = self._cards.get(job, (0.0, None))
        age = time.monotonic() - read_at
        if card is not None and age < _CARD_EVERY_S:
            return card
        try:
            card = self.store.read(card_object(job))
        except StoreError as error:
            if card is None or age > self.lease_s:
                raise
            _log.warning("the card of job %s cannot be read: %s", job, error)
            return card
        with self.guard:
            self._cards[job] = (time.monotonic(), card)
        return card

    def forget(self, folder: Path) -> None:
        """The run in `folder` has ended: remove what is left of it."""
        self.outboxes.pop(folder, None)
        gate.discard_folder(folder)
        gate.discard_folder(_originals(folder))

    def close(self) -> None:
        """Remove everything local."""
        self.pool.shutdown()
        self.scratch.remove()


def store_side(
    url: str | None, worker: str, roots: Roots, seal: Seal, lease_s: float
) -> StoreSide | None:
    """A worker's side of the store at `url`, which is checked; None without an address.

    Raises:
        UsageError: the store cannot be used.
    """
    if url is None:
        return None
    store = open_store(url)
    store.check()
    return StoreSide(store, worker, roots, seal, lease_s)


class Outbox:
    """Puts the results of a run into the store as they are made."""

    def __init__(self, side: StoreSide, run: Run) -> None:
        """For a run that was started."""
        self._side = side
        self._results = StoredResults(side.store, side.seal)
        self._passing = {stage.name for stage in run.pipeline.stages if stage.temporary}
        self._names: dict[str, str] = {}
        self._known: set[Path] = set()
        self._made: dict[str, dict[Path, StageKept]] = {}
        self._sending: dict[Path, Future[None]] = {}

    def expect(self, path: str, name: str, known: Sequence[Path]) -> None:
        """A recording is about to be worked on. `name` is what it is called between machines;
        `known` are the results of it that are in the store."""
        self._names[path] = name
        self._known |= set(known)

    def kept(self, kept: StageKept) -> None:
        """A result was made, or found."""
        path = str(kept.recording.path)
        is_there = kept.file in self._known and kept.is_adopted
        if kept.stage in self._passing or is_there or path not in self._names:
            return
        self._made.setdefault(path, {})[kept.file] = kept
        self._sending[kept.file] = self._put(kept, path)

    def flush(self, path: str) -> None:
        """Wait until all results of a recording are in the store. Those that could not be put there
        are put again when this is called again.

        Raises:
            ReelmillError, OSError: one could not be put.
        """
        made = self._made.get(path, {})
        sent = {file: self._sending.pop(file, None) for file in made}
        for file, kept in list(made.items()):
            (sent[file] or self._put(kept, path)).result()
            del made[file]
        self._made.pop(path, None)
        self._names.pop(path, None)

    def _put(self, kept: StageKept, path: str) -> Future[None]:
        return self._side.pool.submit(self._results.put, kept, self._names[path])


class StoreWorkplace:
    """One shard, on a store. See `Workplace`."""

    def __init__(self, side: StoreSide, task: ShardTask) -> None:
        """Raises MessageError for a recording that is neither in the store nor below a root."""
        self._side, self._task = side, task
        for one in task.recordings:
            if one.place.root == STORE:
                check_place(one)
            else:
                side.roots.path(one.place)
        self._endings = Endings(side.store, task, side.seal)
        self._results = StoredResults(side.store, side.seal)
        self._arrived: queue.SimpleQueue[tuple[str, int]] = queue.SimpleQueue()
        self._told: queue.SimpleQueue[AnyEvent] = queue.SimpleQueue()
        self._room = threading.Condition()
        self._bytes = 0
        self._is_over = threading.Event()
        self._error: ReelmillError | None = None
        self._thread: threading.Thread | None = None
        self._what = (task.job, task.submission, task.shard)
        self._folder: Path
        self._outbox: Outbox

    def new_folder(self, number: int) -> Path:
        """See `Workplace`."""
        return self._side.scratch.folder / f"run{next(_numbers)}"

    @contextlib.contextmanager
    def opened(self) -> Iterator[None]:
        """Bring nothing further when the block ends."""
        try:
            yield
        finally:
            self._is_over.set()
            with self._room:
                self._room.notify_all()
            if self._thread is not None:
                self._thread.join()

    def is_wanted(self) -> bool:
        """See `Workplace`.

        Raises:
            StoreError: there is no card in this store.
        """
        data = self._side.card(self._task.job)
        card = None if data is None else card_in(data, self._task.job, self._side.seal)
        if card is None:
            raise StoreError(
                f"the store {self._side.store.name} knows nothing of this job; give all workers "
                "the submitter's --store"
            )
        return card.is_for(self._task)

    def claim(self, stopping: threading.Event) -> bool:
        """Whether this worker does not have the shard already. Another one may have it too: that
        costs time and nothing else."""
        with self._side.guard:
            is_new = self._what not in self._side.active
            self._side.active.add(self._what)
        return is_new

    @property
    def is_done(self) -> bool:
        """See `Workplace`. What is done is found out recording by recording."""
        return False

    def renew(self) -> None:
        """See `Workplace`. The broker is told."""

    def release(self, *, done: bool) -> None:
        """See `Workplace`."""
        self._side.active.discard(self._what)

    def new_exchange(self, number: int) -> None:
        """See `Workplace`. Sharing a recording needs claims, and a store has none."""

    def begun(self, run: Run, exchange: FolderExchange | None, number: int) -> OpenWork:
        """See `Workplace`."""
        outbox = self._side.outboxes[run.out] = Outbox(self._side, run)
        run.on_kept = outbox.kept
        return OpenWork(run, None, partial(self._side.forget, run.out), number)

    def begin(self, work: OpenWork) -> None:
        """See `Workplace`."""
        self._folder = work.run.out
        self._outbox = self._side.outboxes[self._folder]
        name = f"reelmill shard {self._task.shard}"
        self._thread = threading.Thread(target=self._bring_all, args=[work], name=name, daemon=True)
        self._thread.start()

    def arrived(self) -> dict[str, int]:
        """See `Workplace`."""
        if self._error is not None:
            raise self._error
        return dict(_all_of(self._arrived))

    def told(self) -> Sequence[AnyEvent]:
        """See `Workplace`."""
        return _all_of(self._told)

    @property
    def is_all_there(self) -> bool:
        """See `Workplace`."""
        return self._thread is not None and not self._thread.is_alive() and self._error is None

    def ended(self, event: RecordingEnded, path: str) -> RecordingEnded:
        """See `Workplace`. Its results are in the store when this returns, and nothing of it is
        here any more."""
        one = self._task.recordings[event.index]
        if (failure := event.failure) is not None:
            message = failure.message.replace(path, called(one.place))
            event = replace(event, failure=replace(failure, message=message))
        try:
            self._outbox.flush(path)
        except (OSError, NotTrustedError) as error:
            raise TransientError(f"a result was lost here: {reason(error)}") from error
        self._endings.write(one, event)
        if event.sha256 is not None:
            cache = self._folder / gate.CACHE
            gate.sweep(artifact_store.recording_folder(cache, event.sha256), artifact_store.OURS)
        if one.place.root == STORE:
            gate.discard_folder(Path(path).parent)
            with self._room:
                self._bytes -= one.size
                self._room.notify_all()
        return event

    # -- bringing recordings, in a thread

    def _bring_all(self, work: OpenWork) -> None:
        try:
            for at, one in enumerate(self._task.recordings):
                if self._is_over.is_set():
                    return
                self._bring(at, one, work)
        except ReelmillError as error:
            self._error = error
        except OSError as error:
            self._error = TransientError(f"a recording cannot be brought: {reason(error)}")

    def _bring(self, at: int, one: ShardRecording, work: OpenWork) -> None:
        if self._has_ended(at, one):
            return
        if one.place.root != STORE:
            path = self._side.roots.path(one.place)
            sha256 = read_state(path).sha256
        else:
            sha256 = one.sha256 or ""
            path = _originals(self._folder) / sha256 / Path(one.place.path).name
            self._wait_for_room(one.size)
            if not self._fetched(at, one, path):
                return
        known = self._known(work.run, sha256, str(path))
        self._outbox.expect(str(path), called(one.place), known)
        self._arrived.put((str(path), at))

    def _has_ended(self, at: int, one: ShardRecording) -> bool:
        ending = self._endings.read(one)
        if ending is None:
            return False
        name = self._side.worker
        self._told.put(replace(ending, shard=self._task.shard, worker=name, index=at))
        return True

    def _wait_for_room(self, size: int) -> None:
        with self._room:
            self._room.wait_for(
                lambda: (
                    not self._bytes or self._bytes + size <= _MOST_BYTES or self._is_over.is_set()
                )
            )
            self._bytes += size

    def _fetched(self, at: int, one: ShardRecording, path: Path) -> bool:
        """Fetch a recording. Returns whether it is here; otherwise it is not needed any more.

        Raises:
            StoreError: the store cannot be used, or does not get the recording.
        """
        began, told, tries = time.monotonic(), 0.0, 0
        while not self._is_over.is_set():
            gate.discard_folder(path.parent)
            damage = fetch_recording(self._side.store, one, path)
            if damage is None:
                return True
            now = time.monotonic()
            if now - told > _TELL_EVERY_S and (damage or tries):
                told = now
                if damage:
                    _log.error("%s/%s: %s", self._side.store.name, one.place.path, damage)
                self._told.put(RecordingMissed(self._task.shard, self._side.worker, at, damage))
            if now - began > _PATIENCE_S:
                raise StoreError(f"{self._side.store.name}/{one.place.path}: does not come")
            self._is_over.wait(_LOOK_EVERY_S[min(tries, len(_LOOK_EVERY_S) - 1)])
            tries += 1
            if self._has_ended(at, one):
                break
        with self._room:
            self._bytes -= one.size
        return False

    def _known(self, run: Run, sha256: str, path: str) -> list[Path]:
        """Bring the results of a recording that are in the store already."""
        recording = Recording(Path(path), Path(path).stem, Path(), FileState(sha256, "", 0, 0))
        keys = Keys(run.pipeline).of_all(recording)
        wanted = [stage.name for stage in run.pipeline.stages if not stage.temporary]
        cache = self._folder / gate.CACHE
        brought = [
            self._side.pool.submit(self._brought, name, keys[name], sha256, cache, path)
            for name in wanted
        ]
        return [found for task in brought if (found := task.result()) is not None]

    def _brought(self, stage: str, key: str, sha256: str, cache: Path, path: str) -> Path | None:
        try:
            return self._results.bring(stage, key, sha256, cache, path)
        except NotTrustedError as error:
            _log.error("%s; it is made again", error)
            told = shortened_reason(str(error))
            self._told.put(ResultRefused(self._task.shard, self._side.worker, told))
            return None


def _originals(folder: Path) -> Path:
    """Where the recordings of a run are: beside its folder, because nothing in there may be a
    recording."""
    return folder.with_name(f"{folder.name}.in")


def _all_of(waiting: queue.SimpleQueue[_T]) -> list[_T]:
    found: list[_T] = []
    with contextlib.suppress(queue.Empty):
        while True:
            found.append(waiting.get_nowait())
    return found
