"""Planning: find the recordings, their names, and what is already done."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import overload

from reelmill.artifacts import Artifact, RecordingSummary, summed_up
from reelmill.core.recording import FileState, Identity, Recording
from reelmill.engine.execution.naming import Names
from reelmill.engine.pipeline import Pipeline
from reelmill.engine.stage import Stage
from reelmill.engine.state import artifact_store as store
from reelmill.engine.state.run_db import Ledger, Original, Result
from reelmill.engine.telemetry.metrics import FileOutcome
from reelmill.errors import Failure


@dataclass(frozen=True)
class Source:
    """A file to process, and the name wanted for its results below the output folder."""

    path: Path
    wanted_name: str


@dataclass(frozen=True)
class Elsewhere:
    """What another engine did for a recording: how long it worked, and why it failed, if it did.

    `failure` is of a stage, and holds for this run as if the stage had been tried here. All that
    the other engine made is found in this run's cache. `before` is the file as it hashed it at the
    time `hashed_at`; None where it had another copy of it, or did not read it.
    """

    seconds: float = 0.0
    failure: Failure | None = None
    before: FileState | None = None
    hashed_at: float = 0.0


#: For recordings on which no other engine worked.
DONE_HERE = Elsewhere()
_NOTHING = RecordingSummary().packed()


@dataclass(eq=False, slots=True)
class Job:
    """The way of one recording through a run.

    A run may have very many, all of which it keeps to its end: what is long is packed.
    """

    original: Original
    size: int
    #: The identity of the file when it was hashed, or when it was planned if its hashes were known.
    identity: Identity | None = None
    status: str = "waiting"
    reused: bool = False
    started: float | None = None
    seconds: float = 0.0
    failure: Failure | None = None
    changed: Sequence[str] = ()
    #: The state an earlier run saw, while it is unknown whether that still holds.
    earlier: FileState | None = None
    #: What another engine did for it.
    elsewhere: Elsewhere = DONE_HERE
    #: How its content differs from that state.
    changed_since: Sequence[str] = ()
    _summary: bytes = _NOTHING

    @property
    def summary(self) -> RecordingSummary:
        """What its stages found out; a new object each time."""
        return RecordingSummary.unpacked(self._summary)

    @property
    def path(self) -> Path:
        return Path(self.original.path)

    def seen_elsewhere(self) -> FileState | None:
        """The file as another engine hashed it, if it has been the same since it was planned here;
        its content is checked when all is done."""
        before, identity = self.elsewhere.before, self.identity
        if before is None or identity is None:
            return None
        if (before.size, before.mtime_ns) != (identity.size, identity.mtime_ns):
            return None
        try:
            return before if Identity.of(os.stat(self.original.path)) == identity else None
        except OSError:
            return None

    def begin(self) -> None:
        """Work on it begins, or continues in another model's pass."""
        self.started = self.started or time.monotonic()

    def was_identified(self, state: FileState, identity: Identity) -> None:
        """Record the file's identity, and whether its content is that of an earlier run; a changed
        time alone is fine."""
        self.identity = identity
        if self.earlier is not None and self.earlier.sha256 != state.sha256:
            self.changed_since = [
                f"since an earlier run, {text}" for text in self.earlier.differences(state)
            ]

    def fail(self, failure: Failure) -> None:
        """Record a failure; only the first one is reported."""
        self.failure = self.failure or failure

    def give_up(self, failure: Failure) -> None:
        """An error of ours ended the work on it, whatever went wrong before."""
        self.failure = failure
        self.end()

    def was_checked(self, state: FileState, identity: Identity) -> None:
        """Its content, and which file it is, after all work on it."""
        assert self.original.before is not None
        self.changed = self.original.before.differences(state)
        if self.identity is not None and not self.changed:
            self.changed = self.identity.differences(identity)

    def cannot_be_checked(self, why: str) -> None:
        """It cannot be read after the work."""
        self.changed = [f"can no longer be read: {why}"]

    def end(self, summary: RecordingSummary | None = None) -> None:
        """Nothing more is done for it in this run; `summary`: what its stages found out."""
        self.status = "failed" if self.failure else "done"
        if self.started is not None:
            self.seconds = self.elsewhere.seconds + time.monotonic() - self.started
        if summary is not None:
            self._summary = summary.packed()

    def was_done_before(self, summary: RecordingSummary) -> None:
        """An earlier run did all of it, or found that its content is at fault."""
        original = self.original
        assert original.before is not None and original.after is not None
        self.failure, self.reused = original.failure, True
        self.changed = original.before.differences(original.after)
        self.end(summary)

    def outcome(self) -> FileOutcome:
        summary = self.summary
        return FileOutcome(
            path=self.original.path,
            name=self.original.name,
            status=self.status,
            media_seconds=summary.media_seconds,
            seconds=self.seconds,
            reused=self.reused,
            failure=self.failure,
            changed=[*self.changed_since, *self.changed],
            outputs=summary.outputs,
            language=summary.language,
            notes=summary.notes,
            findings=summary.findings,
        )


class Outcomes(Sequence[FileOutcome]):
    """The outcomes of jobs as they are when they are asked for: each is made anew, because all
    together would take more memory than the jobs."""

    def __init__(self, jobs: Sequence[Job]) -> None:
        self._jobs = jobs

    def __len__(self) -> int:
        return len(self._jobs)

    @overload
    def __getitem__(self, at: int) -> FileOutcome: ...

    @overload
    def __getitem__(self, at: slice) -> Outcomes: ...

    def __getitem__(self, at: int | slice) -> FileOutcome | Outcomes:
        found = self._jobs[at]
        return found.outcome() if isinstance(found, Job) else Outcomes(found)

    def __iter__(self) -> Iterator[FileOutcome]:
        return (job.outcome() for job in self._jobs)

    def __eq__(self, other: object) -> bool:
        return list(self) == list(other) if isinstance(other, Sequence) else NotImplemented

    __hash__ = None  # type: ignore[assignment]  # as that of a list


class Keys:
    """Result keys, by content, stages and settings."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._ends = [stage.name for stage in pipeline.ends]
        self._steps = [
            (
                stage.name,
                store.stage_digest(stage),
                stage.named_outputs,
                [maker.name for maker in pipeline.makers(stage)],
                stage.own_key,
            )
            for stage in pipeline.stages
        ]
        self._known: dict[tuple[str, str], dict[str, str]] = {}

    def of(self, stage: Stage, recording: Recording) -> str:
        return self.of_all(recording)[stage.name]

    def of_all(self, recording: Recording) -> dict[str, str]:
        """The keys of all stages' results by stage name, in order."""
        at = (recording.id, recording.name)
        keys = self._known.get(at)
        if keys is None:
            keys = self._known[at] = {}
            for stage, digest, named_outputs, makers, own_key in self._steps:
                name = recording.name if named_outputs else ""
                sources = [keys[maker] for maker in makers] or [recording.id]
                own = own_key(recording)
                keys[stage] = store.result_key(digest, [name, *sources, *([own] if own else [])])
        return keys

    def forget(self, recording: Recording) -> None:
        """The keys of a finished recording are not needed again; dropping them keeps memory
        constant."""
        self._known.pop((recording.id, recording.name), None)

    def of_all_ends(self, recording: Recording) -> str:
        """An original's `outcome` if everything requested is done."""
        keys = self.of_all(recording)
        return store.result_key("", [keys[end] for end in self._ends])


def plan(
    sources: Iterable[Source], known: dict[str, Original], ledger: Ledger, names: Names
) -> list[Job]:
    """A job for each source. A source `known` by its path keeps its earlier name. New ones are
    added to `known` and to the ledger."""
    moved = {original.beside: original for original in known.values()}
    names.keep(original.name for original in known.values())
    jobs = []
    for source in sources:
        path = os.path.abspath(source.path)
        original = known.get(path)
        found = moved.get(path) if original is None else None
        if found is not None and known.pop(found.path, None) is not None:
            original = known[path] = found
            original.is_at(path)
        if original is None:
            name = names.choose(Path(path), source.wanted_name)
            original = known[path] = Original(path, name, 0, -1, 0)
        # The user may have replaced a file that failed.
        earlier = original.before if original.failure is None else None
        identity, changed = _refresh(original)
        earlier = earlier if original.before is None else None
        size = identity.size if identity else 0
        jobs.append(Job(original, size, identity, earlier=earlier))
        if changed or found is not None:
            ledger.put_original(original)
    return in_good_order(jobs)


def _refresh(original: Original) -> tuple[Identity | None, bool]:
    """Look at the file once. Gives its identity and whether there is something new to note; that a
    file is gone is this run's failure, and nothing to note."""
    try:
        identity = Identity.of(os.stat(original.path))
    except OSError:
        original.is_gone()
        return None, False
    return identity, original.has_become(identity)


def in_good_order(jobs: Sequence[Job]) -> list[Job]:
    """Order the work: a few small recordings first so that the models start early, then the longest
    first so that none of them runs alone at the end."""
    by_size = sorted(jobs, key=lambda job: job.size)
    first = by_size[:2]
    return first + sorted(by_size[2:], key=lambda job: -job.size)


def is_whole(result: Result) -> bool:
    return all(os.path.exists(file) for file in result.files)


def recording_of(job: Job, state: FileState, cache: Path) -> Recording:
    folder = store.recording_folder(cache, state.sha256)
    return Recording(job.path, job.original.name, folder, state, job.identity)


def done_before(
    job: Job, pipeline: Pipeline, keys: Keys, results: dict[str, Result], cache: Path
) -> bool:
    """Whether an earlier run did everything requested. If so, the job takes over its outcome."""
    original = job.original
    if original.before is None or original.after is None or original.outcome is None:
        return False
    recording = recording_of(job, original.before, cache)
    ends = [results.get(keys.of(stage, recording)) for stage in pipeline.ends]
    same = original.outcome == keys.of_all_ends(recording)
    summary = summary_of(recording, keys, results)
    keys.forget(recording)
    whole = all(result is not None and is_whole(result) for result in ends)
    if not same or not (whole or original.failure):
        return False
    job.was_done_before(summary)
    return True


def summary_of(recording: Recording, keys: Keys, results: dict[str, Result]) -> RecordingSummary:
    """The summary of what all stages found out about a recording."""
    found = map(results.get, keys.of_all(recording).values())
    return summed_up(result.summary for result in found if result is not None)


@dataclass(frozen=True)
class Found:
    """What one stage found out about a recording. `artifact` does not exist if the stage failed."""

    recording: Recording
    stored: store.Stored

    @property
    def artifact(self) -> Path:
        return self.stored.path


def found_in(
    jobs: Iterable[Job], pipeline: Pipeline, kind: type[Artifact], cache: Path
) -> list[Found]:
    """The results of one type for all readable recordings, in order of their names."""
    keys = Keys(pipeline)
    stage = next(stage for stage in pipeline.stages if stage.produces is kind)
    found = []
    for job in jobs:
        if job.original.before is not None:
            recording = recording_of(job, job.original.before, cache)
            key = keys.of(stage, recording)
            path = store.artifact_path(recording.folder, stage.name, key)
            found.append(Found(recording, store.Stored(path, key, recording.id)))
    return sorted(found, key=lambda one: one.recording.name)


def artifact_paths(
    job: Job, pipeline: Pipeline, keys: Keys, cache: Path
) -> dict[type[Artifact], store.Stored]:
    """The path of each stage's result for a recording; none for a recording that could not be
    read."""
    if job.original.before is None:
        return {}
    recording = recording_of(job, job.original.before, cache)
    paths = {}
    for stage in pipeline.stages:
        key = keys.of(stage, recording)
        path = store.artifact_path(recording.folder, stage.name, key)
        if stage.named_outputs:
            path = store.named_path(cache, stage.name, recording.name)
        paths[stage.produces] = store.Stored(path, key, recording.id)
    keys.forget(recording)
    return paths
