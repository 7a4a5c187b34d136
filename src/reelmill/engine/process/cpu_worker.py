"""The work of a process in the CPU pool: identify, run, split, merge. Runs in the worker
process."""

from __future__ import annotations

import os
import resource
import sys
import threading
import time
import traceback
from array import array
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

from reelmill.artifacts import Artifact, RecordingSummary
from reelmill.core import gate, progress
from reelmill.core.garbage import collect_from_now_on
from reelmill.core.keys import Seal
from reelmill.core.recording import FileState, Hashing, Identity, Recording
from reelmill.engine.pipeline import Pipeline
from reelmill.engine.process import spill
from reelmill.engine.process.arena import Block, Packed
from reelmill.engine.process.channel import Channel
from reelmill.engine.stage import (
    FileStage,
    Inputs,
    ModelStage,
    Stage,
    StageContext,
)
from reelmill.engine.state import artifact_store as store
from reelmill.errors import (
    InputError,
    Kind,
    ReelmillError,
    ResourceError,
    describe,
    is_disk_full,
    is_out_of_memory,
    kind_of,
)

#: A part of a recording has a spill file for each model worker. With more of them than this, they
#: are not read in turn.
_MOST_SPOOLS_OPEN = 64

#: How often the coordinator is told that a task is progressing.
_BEAT_SECONDS = 1.0

#: Tasks follow others only while these took less CPU time than this. What takes longer is worth a
#: message, so that several processes can work on a long recording.
_FOLLOW_SECONDS = 0.25


@dataclass(frozen=True)
class Keys:
    """The user's seal, for what is kept, and the run's, for spill files."""

    seal: Seal
    spill_key: bytes = field(default=b"", repr=False)


@dataclass(frozen=True)
class Begin:
    """A run whose tasks follow: its number, its pipeline's stages, the keys, and where it may
    write."""

    run: int
    stages: Sequence[Stage]
    keys: Keys
    places: tuple[gate.Place, ...]


@dataclass(frozen=True)
class End:
    """A run is over; nothing of it is needed any more."""

    run: int


@dataclass(frozen=True)
class Setup:
    """The first message to a worker: the memory limit in MB (None: no limit), and if it was started
    early, its log file and the environment variables of its run."""

    memory_mb: int | None = None
    log: Path | None = None
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Identify:
    """Hash at most `most` more bytes of a source file, of which `hashed` were hashed before."""

    path: Path
    hashed: int = 0
    most: int | None = None


@dataclass(frozen=True)
class StageTask:
    """A stage's CPU work on one recording. `sources` are the artifact files it reads."""

    stage: int
    recording: Recording
    sources: tuple[store.Stored, ...]
    key: str
    target: Path
    #: The part of the recording to process; None if the stage has no parts of its own.
    part: Any = None


@dataclass(frozen=True)
class Run(StageTask):
    """Make a FileStage's artifact of a recording with a single part."""


@dataclass(frozen=True)
class Parts(StageTask):
    """Determine the parts of a recording."""


@dataclass(frozen=True)
class RunPart(StageTask):
    """Make a FileStage's piece for one part."""


@dataclass(frozen=True)
class Join(StageTask):
    """Make the artifact from the pieces of all parts."""

    pieces: tuple[Any, ...] = ()


@dataclass(frozen=True)
class Split(StageTask):
    """Send the items of a part, one by one, as room in the arena allows."""


@dataclass(frozen=True)
class Merge(StageTask):
    """Make the artifact from outputs in spill files. `places` are spill file, offset, size, spill
    file, offset, size and so on, in the order of the items."""

    spill_files: tuple[Path, ...] = ()
    places: array[int] = field(default_factory=lambda: array("q"))
    #: The values that `split` returned, by part.
    handed: tuple[Any, ...] = ()


Task = Identify | Parts | Run | RunPart | Join | Split | Merge


@dataclass(frozen=True)
class Order:
    """A task of a run that has begun, and those that may follow it in the same process: further
    stages of the recording, which read nothing that is not there by then. The last one may be a
    split."""

    run: int
    task: Task
    then: tuple[Run | Split, ...] = ()


@dataclass(frozen=True)
class Ask:
    """A split needs room for an item. The answer is a Block, `Skip`, or None if it is to stop."""

    size: int


@dataclass(frozen=True)
class Skip:
    """Another engine infers the item: go on with the next one."""


@dataclass(frozen=True)
class Sent:
    """An item is in its block."""

    index: int
    cost: float
    block: Block


@dataclass(frozen=True)
class Made:
    """A task is over. `files` must exist for the artifact to be whole."""

    cpu_seconds: float
    #: How long it took, if it followed another task.
    seconds: float | None = None
    #: The answers to the tasks that followed, as far as they were carried out.
    then: tuple[Made | Failed, ...] = ()
    state: FileState | None = None
    identity: Identity | None = None
    #: How much of a file is hashed, if not all of it.
    hashed: int = 0
    items: int = 0
    stopped: bool = False
    files: list[str] = field(default_factory=list)
    #: The artifact as it was written.
    saved: store.Saved = field(default_factory=lambda: store.Saved(""))
    summary: RecordingSummary = field(default_factory=RecordingSummary)
    parts: tuple[Any, ...] = ()
    piece: Any = None
    handed: Any = None


@dataclass(frozen=True)
class Failed:
    kind: Kind
    message: str
    trace: str
    cpu_seconds: float
    disk_full: bool = False
    #: The content is at fault, rather than an unexpected error.
    permanent: bool = False
    #: An artifact that the task reads and that cannot be read.
    damaged: Path | None = None
    #: Memory ran out, so the process must not receive another task.
    spent: bool = False


@dataclass(frozen=True)
class Begun:
    """The first task has arrived; if the process dies now, the task may be the cause. A later task
    has arrived if it was read from the connection."""


@dataclass(frozen=True)
class Beat:
    """The task is progressing: something was read, decoded, written or merged since the last
    one."""


class Stopped(Exception):
    """A split was told to stop."""


class Damaged(Exception):
    """An artifact of an earlier stage cannot be used. The message names it."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(reason)
        self.path = path


@dataclass(frozen=True)
class _Worker:
    """What the worker knows of a run, and its connection to the coordinator."""

    begin: Begin
    pipeline: Pipeline
    channel: Channel


def serve(channel: Channel) -> None:
    """Process tasks until the parent is gone."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    setup: Setup = channel.receive()
    os.environ.update(setup.environment)
    runs: dict[int, _Worker] = {}
    _begin(channel.receive(), runs, channel)
    if setup.log is not None:
        with gate.append(setup.log) as log:
            os.dup2(log.fileno(), 1)
            os.dup2(log.fileno(), 2)
    if setup.memory_mb is not None:
        limit_memory(setup.memory_mb)
    threading.Thread(target=_tell_progress, args=(channel,), daemon=True).start()
    collect_from_now_on()
    is_proven = False
    while True:
        message: Begin | End | Order = channel.receive()
        if isinstance(message, Begin):
            _begin(message, runs, channel)
        elif isinstance(message, End):
            gate.leave(runs.pop(message.run).begin.places)
        else:
            if not is_proven:
                channel.send(Begun())
                is_proven = True
            channel.send(_answers(message, runs[message.run], setup.memory_mb))


def _begin(begin: Begin, runs: dict[int, _Worker], channel: Channel) -> None:
    gate.enter(begin.places)
    runs[begin.run] = _Worker(begin, Pipeline("", begin.stages), channel)


def _answers(order: Order, worker: _Worker, memory_mb: int | None) -> Made | Failed:
    """The answer to a task, with those to the ones that followed it. These end with the first
    failure; the coordinator has the others carried out by themselves."""
    first = last = _answer(order.task, worker, memory_mb)
    followed: list[Made | Failed] = []
    stamps: dict[str, store.Stamps] = {}
    done, used = order.task, first.cpu_seconds
    for task in order.then:
        if not isinstance(last, Made) or used > _FOLLOW_SECONDS:
            break
        assert not isinstance(done, Identify)
        stamps[done.key] = last.saved.stamps
        at = time.monotonic()
        last, done = _answer(_stamped(task, stamps), worker, memory_mb), task
        if isinstance(last, Made):
            last = replace(last, seconds=time.monotonic() - at)
        used += last.cpu_seconds
        followed.append(last)
    return replace(first, then=tuple(followed)) if isinstance(first, Made) else first


def _stamped(task: Run | Split, stamps: Mapping[str, store.Stamps]) -> Run | Split:
    """A task that knows the files beside what it reads from the tasks before it."""
    sources = [
        replace(one, stamps=stamps[one.key]) if one.key in stamps else one for one in task.sources
    ]
    return replace(task, sources=tuple(sources))


def _answer(task: Task, worker: _Worker, memory_mb: int | None) -> Made | Failed:
    started = time.process_time()
    try:
        return _do(task, worker, started)
    except Stopped:
        return Made(time.process_time() - started, stopped=True)
    except Exception as error:  # noqa: BLE001 (every failure is reported to the coordinator)
        return failed(error, task, memory_mb, time.process_time() - started)


def failed(
    error: Exception, task: Task | StageTask, memory_mb: int | None = None, seconds: float = 0.0
) -> Failed:
    """The answer for a task that raised an error. Call it where the error is handled."""
    trace = traceback.format_exc()
    if memory_mb is not None and _is_short_of_memory(error):
        text = (
            f"{path_of(task)}: needs more than the {memory_mb} MB of memory allowed per worker; "
            f"--worker-memory raises the limit ({describe(error)})"
        )
        return Failed("input", text, trace, seconds, spent=True)
    return Failed(
        kind_of(error),
        str(error) if isinstance(error, Damaged) else describe(error),
        trace,
        seconds,
        is_disk_full(error),
        isinstance(error, InputError),
        error.path if isinstance(error, Damaged) else None,
    )


def path_of(task: Task | StageTask) -> Path:
    """The original of a task."""
    return task.path if isinstance(task, Identify) else task.recording.path


def limit_memory(megabytes: int) -> None:
    """Limit the memory of this process, so that further allocations raise MemoryError in its task
    instead of exhausting the machine's memory.

    The limit applies to the process's own memory (RLIMIT_DATA), not to mapped files or the arena.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    wanted = megabytes << 20
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (wanted, hard))


def _is_short_of_memory(error: Exception) -> bool:
    return is_out_of_memory(error) and not isinstance(error, ReelmillError)


def _tell_progress(channel: Channel) -> None:
    told = progress.ticks()
    while True:
        time.sleep(_BEAT_SECONDS)
        if (now := progress.ticks()) != told:
            told = now
            try:
                channel.send(Beat())
            except OSError:  # the parent is gone, and this process ends in a moment
                return


#: Files hashed in slices that are not finished.
_hashing: dict[Path, Hashing] = {}


def _identify(task: Identify, started: float) -> Made:
    hashing = _hashing.pop(task.path, None)
    if hashing is not None and hashing.done != task.hashed:
        hashing.close()
        hashing = None
    hashing = hashing or Hashing(task.path)
    try:
        whole = hashing.go_on(task.most or sys.maxsize)
        if not whole:
            made = Made(time.process_time() - started, hashed=hashing.done)
            _hashing[task.path] = hashing
            return made
        state = hashing.state()
        return Made(time.process_time() - started, state=state, identity=hashing.identity)
    finally:
        if task.path not in _hashing:
            hashing.close()


def _do(task: Task, worker: _Worker, started: float) -> Made:
    if isinstance(task, Identify):
        return _identify(task, started)
    keys = worker.begin.keys
    stage = worker.pipeline.stages[task.stage]
    kinds = [maker.produces for maker in worker.pipeline.makers(stage)] if task.sources else []
    inputs = Inputs(map(partial(_source, keys.seal), task.sources, kinds))
    context = _context(task, stage)
    if isinstance(task, Parts):
        parts = tuple(stage.parts(context, inputs))
        return Made(time.process_time() - started, parts=parts)
    if isinstance(task, RunPart):
        assert isinstance(stage, FileStage)
        gate.make_folder(task.target.parent)
        piece = stage.run(context, inputs)
        return Made(time.process_time() - started, piece=piece)
    if isinstance(task, Split):
        assert isinstance(stage, ModelStage)
        gate.make_folder(task.target.parent)  # the model workers' spill files lie there too
        items, handed = _send(stage.split(context, inputs), worker.channel)
        return Made(time.process_time() - started, items=items, handed=handed)
    artifact = _artifact(task, stage, context, inputs, keys.spill_key)
    # The coordinator flushes it, so that the next task does not wait for the disk.
    saved = store.save(
        task.target, stage, task.key, task.recording, artifact, keys.seal, task.sources,
        durable=False,
    )  # fmt: skip
    files = [str(path) for path in stage.files(task.recording, artifact)]
    seconds = time.process_time() - started
    return Made(seconds, files=files, saved=saved, summary=artifact.summary())


def _context(task: StageTask, stage: Stage) -> StageContext:
    handed = task.handed if isinstance(task, Merge) else ()
    return StageContext(task.recording, stage.name, task.key, task.part, handed)


def _artifact(
    task: Run | Join | Merge, stage: Stage, context: StageContext, inputs: Inputs, spill_key: bytes
) -> Artifact:
    if isinstance(task, Merge):
        assert isinstance(stage, ModelStage)
        with closing(_outputs(task.spill_files, task.places, spill_key)) as outputs:
            return stage.merge(context, inputs, outputs)
    assert isinstance(stage, FileStage)
    if isinstance(task, Join):
        return stage.join(context, inputs, task.pieces)
    return stage.join(context, inputs, [stage.run(context, inputs)])


def _source(seal: Seal, stored: store.Stored, kind: type[Artifact]) -> Artifact:
    try:
        return store.load(stored, kind, seal)
    except InputError as error:
        raise Damaged(stored.path, str(error)) from error


def _outputs(
    spill_files: Sequence[Path], places: array[int], spill_key: bytes
) -> Generator[Any, None, None]:
    """Read the outputs in order. Spill files are opened when needed: a model worker that died may
    never have written one, and a video of several hours has thousands, of which few are in use at a
    time."""
    opened: dict[int, BinaryIO] = {}
    with ExitStack() as stack:
        for spill_file, offset, size in zip(places[::3], places[1::3], places[2::3], strict=True):
            if spill_file not in opened:
                if len(opened) >= _MOST_SPOOLS_OPEN:
                    stack.close()
                    opened.clear()
                opened[spill_file] = stack.enter_context(spill_files[spill_file].open("rb"))
            opened[spill_file].seek(offset)
            progress.tick()
            data = opened[spill_file].read(size)
            yield spill.unpack(spill.unsealed(spill_key, spill_files[spill_file], offset, data))


def _send(items: Iterator[Any], channel: Channel) -> tuple[int, Any]:
    """Send the items, and return their number and what their generator returned."""
    count = 0
    while True:
        try:
            item = next(items)
        except StopIteration as end:
            return count, end.value
        packed = Packed(item)
        if packed.size > channel.arena.size:
            raise ResourceError(
                f"an item of {packed.size >> 20} MB does not fit the arena of "
                f"{channel.arena.size >> 20} MB; give a larger --arena"
            )
        channel.send(Ask(packed.size))
        block: Block | Skip | None = channel.receive()
        if block is None:
            raise Stopped
        if isinstance(block, Block):
            channel.arena.write(block, packed)
            channel.send(Sent(count, float(item.cost), block))
        count += 1
        del item, packed  # before the next one is made: two would be in memory


def adopt(task: StageTask, stage: Stage, seal: Seal) -> Made | None:
    """The artifact that an interrupted run wrote but did not record; None if it does not exist or
    is incomplete.

    Raises:
        InputError: what is there is damaged, or not ours.
    """
    stored = store.Stored(task.target, task.key, task.recording.id)
    found = store.load_whole(stored, stage, task.recording, seal)
    if found is None:
        return None
    artifact, files = found
    saved = store.saved_as(task.target)
    return Made(0.0, files=files, saved=saved, summary=artifact.summary())
