"""A submitter's side of a store: recordings are sent to it once, and results come from it."""

from __future__ import annotations

import contextlib
import secrets
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path

from reelmill.core import gate
from reelmill.core.atomic import write_text
from reelmill.core.keys import Seal
from reelmill.core.printable import printable
from reelmill.core.recording import FileState, Hashing, Identity, Original, Recording
from reelmill.core.retries import retry
from reelmill.engine.execution.planning import Keys
from reelmill.errors import Failure, NotOursError, NotTrustedError, ReelmillError
from reelmill.report.wording import count
from reelmill.runs.run import Run
from reelmill.scale.executor import RecordingEnded, RecordingMissed
from reelmill.scale.handover import size_of
from reelmill.scale.job import JOBS
from reelmill.scale.messages import Place, ShardRecording, ShardTask
from reelmill.scale.roots import Roots
from reelmill.scale.store import Store, StoreError, StoreFullError
from reelmill.scale.stored import (
    Endings,
    StoredResults,
    called,
    card_object,
    recording_place,
)
from reelmill.scale.worker import made_by_workers

#: Recordings that are hashed and sent at a time, and requests for results at a time.
_HASHED, _SENT, _REQUESTS = 2, 4, 16
_IDENTITY = "identity"
_MB = 1 << 20


class StoreHandover:
    """Recordings and results by a store. Recordings below roots are not sent."""

    def __init__(self, run: Run, roots: Roots | None, store: Store, seal: Seal) -> None:
        """For a run that holds its recordings, and a store that was checked."""
        self._run, self._roots, self._store, self._seal = run, roots, store, seal
        self._results = StoredResults(store, seal)
        self._paths: dict[Place, tuple[str, Identity]] = {}
        self._sender = ThreadPoolExecutor(_SENT, "reelmill sending")
        self._getter = ThreadPoolExecutor(_REQUESTS, "reelmill gathering")
        self._sending: dict[Place, Future[None]] = {}
        self._is_over = threading.Event()
        self._guard = threading.Lock()
        self._sent = self._sent_bytes = self._there = 0
        self._keys: Keys | None = None

    @property
    def identity(self) -> str:
        """See `Handover`. Other machines may have an output folder of the same name."""
        path = self._run.out / gate.CACHE / JOBS / _IDENTITY
        with contextlib.suppress(OSError):
            return path.read_text("ascii", "replace")
        identity = secrets.token_hex(16)
        write_text(path, identity)
        return identity

    def out(self) -> Place | None:
        """See `Handover`."""
        return None

    def placed(self, paths: Sequence[str]) -> dict[str, ShardRecording]:
        """See `Handover`. Hashes what is to be sent."""
        with ThreadPoolExecutor(_HASHED, "reelmill hashing") as pool:
            placed = dict(zip(paths, pool.map(self._placed, paths), strict=True))
        return {path: one for path, one in placed.items() if one is not None}

    def there(self, place: Place) -> str:
        """See `Handover`."""
        return called(place)

    def publish(self, job: str, card: bytes) -> None:
        """See `Handover`."""
        self._store.write(card_object(job), card)

    def begin(self, tasks: Sequence[ShardTask]) -> None:
        """See `Handover`."""
        for task in tasks:
            for one in task.recordings:
                self._begin(one, task, is_damaged=False)

    def missed(self, event: RecordingMissed, task: ShardTask) -> None:
        """See `Handover`. Another one is sent, unless it is on its way."""
        one = task.recordings[event.index]
        if event.damage:
            self._run.warn(
                f"{self._store.name}/{one.place.path}: {event.damage}; worker {event.worker} has "
                "refused it, and it is sent again"
            )
        if (before := self._sending.get(one.place)) is None or before.done():
            self._begin(one, task, is_damaged=bool(event.damage))

    def gather(self, event: RecordingEnded, task: ShardTask, path: str) -> None:
        """See `Handover`."""
        if event.sha256 is None:
            return
        name = Path(task.recordings[event.index].place.path).stem
        recording = Recording(Path(path), name, Path(), FileState(event.sha256, "", 0, 0))
        self._keys = self._keys or Keys(self._run.pipeline)
        keys = self._keys.of_all(recording)
        wanted = [one.name for one in made_by_workers(self._run.pipeline) if not one.temporary]
        bring = partial(self._bring, sha256=event.sha256, path=path)
        list(self._getter.map(bring, wanted, [keys[stage] for stage in wanted]))
        self._keys.forget(recording)
        self._paths.pop(task.recordings[event.index].place, None)
        self._sending.pop(task.recordings[event.index].place, None)

    def close(self) -> None:
        """See `Handover`."""
        self._is_over.set()
        self._sender.shutdown(cancel_futures=True)
        self._getter.shutdown(cancel_futures=True)
        if self._sent or self._there:
            self._run.note(
                f"{count(self._sent, 'recording')} sent to the store "
                f"({self._sent_bytes / _MB:,.1f} MB), {self._there:,} were there"
            )

    # -- sending

    def _placed(self, path: str) -> ShardRecording | None:
        if self._roots is not None and (place := self._roots.place(Path(path))) is not None:
            return ShardRecording(place, size_of(path))
        try:
            with Hashing(Path(path)) as hashing:
                while not hashing.go_on(16 * _MB):
                    if self._run.was_stopped:
                        return None
                state, identity = hashing.state(), hashing.identity
        except ReelmillError as error:
            self._run.note(f"{printable(str(error))}; it is looked at here once more")
            return None
        place = recording_place(state.sha256, Path(path).suffix)
        self._paths[place] = (path, identity)
        return ShardRecording(place, state.size, state.sha256)

    def _begin(self, one: ShardRecording, task: ShardTask, *, is_damaged: bool) -> None:
        if one.place in self._paths and not self._is_over.is_set():
            self._sending[one.place] = self._sender.submit(self._send, one, task, is_damaged)

    def _send(self, one: ShardRecording, task: ShardTask, is_damaged: bool) -> None:
        path, identity = self._paths[one.place]
        try:
            self._patiently(partial(self._put, one, Path(path), identity, is_damaged))
        except StoreError as error:
            self._run.stop(str(error))
        except ReelmillError as error:  # of the file; workers need not wait for it
            failure = Failure("identify", error.kind, str(error).replace(path, called(one.place)))
            at = task.recordings.index(one)
            ending = RecordingEnded(task.shard, "submitter", at, one.sha256, failure=failure)
            with contextlib.suppress(StoreError):
                Endings(self._store, task, self._seal).write(one, ending)

    def _put(self, one: ShardRecording, path: Path, identity: Identity, is_damaged: bool) -> None:
        is_there = not is_damaged and self._store.size(one.place.path) == one.size
        if not is_there:
            with Original(path, identity):
                self._store.send(path, one.place.path)
        with self._guard:
            self._there += is_there
            self._sent += not is_there
            self._sent_bytes += 0 if is_there else one.size

    def _patiently(self, attempt: Callable[[], object]) -> None:
        """Try for a minute more than the libraries do. Raises StoreError."""
        retry(
            attempt,
            transient=lambda error: (
                isinstance(error, StoreError)
                and not isinstance(error, StoreFullError)
                and not self._is_over.is_set()
            ),
            failed=lambda error, wait: self._run.warn(f"{error}; trying again in {wait:.0f} s"),
            sleep=self._pause,
        )

    def _pause(self, seconds: float) -> None:
        self._is_over.wait(seconds)

    # -- gathering

    def _bring(self, stage: str, key: str, *, sha256: str, path: str) -> None:
        cache = self._run.out / gate.CACHE
        try:
            self._patiently(lambda: self._results.bring(stage, key, sha256, cache, path) and None)
        except NotTrustedError as error:
            self._run.warn(f"{error}; it is made again")
        except StoreError as error:
            self._run.stop(str(error))
        except (OSError, NotOursError):
            return  # made here, or brought by the next run if this one has ended
