"""What every executor of shards offers, and the events that come back while they are executed."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Literal, Protocol

from pydantic import ConfigDict, Field

from reelmill.errors import Failure

if TYPE_CHECKING:
    from reelmill.scale.messages import AnyEvent, ShardTask

#: The most characters of a text, and of one that tells people why something failed.
MOST_TEXT, MOST_REASON = 4096, 20_000
#: The most recordings in a shard.
MOST_RECORDINGS = 1000
#: The most workers that share a recording, times the shards that each takes at a time.
MOST_SHARES = 32
#: How long to wait for workers to stop after a cancellation, in seconds.
GRACE_S = 30.0
#: A shard that was lost or given back so often is not sent again.
MOST_ATTEMPTS = 10

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.@~+-]{0,254}$")]
Text = Annotated[str, Field(max_length=MOST_TEXT)]
Reason = Annotated[str, Field(max_length=MOST_REASON)]
Seconds = Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Checked:
    """Events and messages come from other machines: every field is checked, none is ignored."""

    __pydantic_config__ = ConfigDict(extra="forbid", strict=True)


@dataclass(frozen=True)
class ShardEvent(Checked):
    """What happened to a shard.

    Attributes:
        shard: its identity.
        worker: who reports it.
    """

    shard: Name
    worker: Name


@dataclass(frozen=True)
class ShardStarted(ShardEvent):
    """A worker has the shard now. `device` is what its models run on."""

    device: Text = ""
    kind: Literal["started"] = "started"


@dataclass(frozen=True)
class ShardProgressed(ShardEvent):
    """A sign of life, several times in the time of a lease. `done` recordings have ended."""

    done: Annotated[int, Field(ge=0, le=MOST_RECORDINGS)] = 0
    kind: Literal["progressed"] = "progressed"


@dataclass(frozen=True)
class Hashed(Checked):
    """The file of a recording as the worker saw it when its work began, besides the SHA-256.

    Attributes:
        md5: of its content.
        size: in bytes.
        mtime_ns: when it was last written to, in nanoseconds since 1970.
        at: when it was hashed, in seconds since 1970.
    """

    md5: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
    size: Annotated[int, Field(ge=0, le=1 << 60)]
    mtime_ns: Annotated[int, Field(ge=-(1 << 63), lt=1 << 63)]
    at: Annotated[float, Field(ge=0, le=1e11, allow_inf_nan=False)]


@dataclass(frozen=True)
class RecordingEnded(ShardEvent):
    """A recording is done or has failed for good, by the rules of the engine.

    Attributes:
        index: its place in the shard.
        sha256: of its content, which names the folder of its results; None if it was not read.
        media_seconds: its length, if known.
        seconds: from the start of work on it to its end.
        failure: why it failed; None if it is done.
        run: which of the worker's runs of the job has its results, counted from 0.
        hashed: the file that the worker has read; None if it was not read.
    """

    index: Annotated[int, Field(ge=0, lt=MOST_RECORDINGS)]
    sha256: Sha256 | None = None
    media_seconds: Seconds | None = None
    seconds: Seconds = 0.0
    failure: Failure | None = None
    run: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    hashed: Hashed | None = None
    kind: Literal["recording"] = "recording"


@dataclass(frozen=True)
class ShardDone(ShardEvent):
    """All recordings of the shard have ended.

    Attributes:
        stage_seconds: by digest of a stage, how long it worked in this worker's run so far.
        media_seconds: how much sound and video this worker's run finished so far.
    """

    stage_seconds: Annotated[dict[Name, Seconds], Field(max_length=200)] = field(
        default_factory=dict
    )
    media_seconds: Seconds = 0.0
    kind: Literal["done"] = "done"


@dataclass(frozen=True)
class ShardFailed(ShardEvent):
    """No worker can execute this shard as it is: other version, model missing, path outside the
    roots. It is not tried again."""

    reason: Reason = ""
    kind: Literal["failed"] = "failed"


@dataclass(frozen=True)
class ShardLost(ShardEvent):
    """The worker gave the shard back, or gave no sign of life for longer than a lease. It goes to
    another worker."""

    reason: Reason = ""
    kind: Literal["lost"] = "lost"


@dataclass(frozen=True)
class RecordingMissed(ShardEvent):
    """A recording is not in the store. The worker waits until it is.

    Attributes:
        index: its place in the shard.
        damage: what is wrong with the object that is there instead; empty where there is none.
    """

    index: Annotated[int, Field(ge=0, lt=MOST_RECORDINGS)]
    damage: Text = ""
    kind: Literal["missed"] = "missed"


@dataclass(frozen=True)
class ResultRefused(ShardEvent):
    """A result in the store is not what it should be. It is made again."""

    reason: Reason = ""
    kind: Literal["refused"] = "refused"


class Cancellation:
    """Whether an executor was told to cancel, and whether it was told again."""

    def __init__(self) -> None:
        self._cancelled, self._at_once = threading.Event(), threading.Event()

    def cancel(self) -> None:
        """Cancel; if called again, wait for nothing. From any thread."""
        if self._cancelled.is_set():
            self._at_once.set()
        self._cancelled.set()

    @property
    def is_asked(self) -> bool:
        """Whether nothing further is to be started."""
        return self._cancelled.is_set()

    @property
    def is_urgent(self) -> bool:
        """Whether nothing is to be waited for."""
        return self._at_once.is_set()

    def wait(self, seconds: float) -> None:
        """Wait for so long, but not once nothing is to be waited for."""
        self._at_once.wait(seconds)


class Executor(Protocol):
    """Executes shards on other machines or in other processes: Celery, Ray.

    It only moves messages: which recordings are done, what their results are and what is left is
    known by the submitter, which gathers the results.
    """

    @property
    def name(self) -> str:
        """How people call it."""

    def submit(self, tasks: Sequence[ShardTask], sent: Collection[str] = ()) -> Iterator[AnyEvent]:
        """Execute shards, those first that come first.

        A shard whose worker is lost is given to another one. The same shard may be executed twice;
        results are named by what determines them, so this is harmless.

        Args:
            tasks: what is to be done.
            sent: shards of these that an earlier submitter of the same job has sent already. They
                may be waiting, or in work; an executor that keeps nothing sends them again.

        Yields:
            What happens, until every shard has ended with `ShardDone` or `ShardFailed`, or soon
            after `cancel` was called.

        Raises:
            UsageError: it cannot be reached.
        """

    def forget(self, shard: str) -> None:
        """Nobody needs a shard any more; no event of it is yielded after this. Only between two
        events of `submit`."""

    def cancel(self) -> None:
        """Start no further shard; `submit` ends when those being executed have stopped, which takes
        a few seconds, or at once if this is called again. Workers stop by themselves, because the
        job's card says so. Returns at once; can be called from any thread."""
