"""Planning: find the recordings, their names, and what is already done."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, overload

from reelmill.artifacts import Artifact, RecordingSummary, summed_up
from reelmill.artifacts.summary import NOTHING, ExportedFile, Finding
from reelmill.core.recording import FileState, Identity, Recording
from reelmill.engine.execution.naming import Names
from reelmill.engine.pipeline import Pipeline
from reelmill.engine.stage import Stage
from reelmill.engine.state import artifact_store as store
from reelmill.engine.state.run_db import Ledger, Original, Result
from reelmill.engine.state.shelf import Shelf
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


_encoded = json.JSONEncoder(separators=(",", ":")).encode
_decode_at = json.JSONDecoder().raw_decode

#: For recordings on which no other engine worked.
DONE_HERE = Elsewhere()


@dataclass(slots=True)
class Facts:
    """What a run knows about a recording. Once the recording has ended, only reports need it.

    Attributes:
        original: the file, as the ledger has it.
        identity: of the file when it was hashed, or when it was planned if its hashes were known.
        seconds: how long the work on it took.
        failure: why it failed, if it did.
        changed: how the file changed during the run.
        changed_since: how its content differs from what an earlier run saw.
        summary: what its stages found out.
    """

    original: Original
    identity: Identity | None = None
    seconds: float = 0.0
    failure: Failure | None = None
    changed: Sequence[str] = ()
    changed_since: Sequence[str] = ()
    summary: RecordingSummary = field(default_factory=lambda: NOTHING)

    def told(self) -> list[Any]:
        """What reports say about it, as plain JSON types in the order of `_outcome`'s arguments."""
        failure, summary = self.failure, self.summary
        return [
            self.original.name,
            summary.media_seconds,
            self.seconds,
            None if failure is None else vars(failure),
            [*self.changed_since, *self.changed],
            summary.outputs,
            summary.language,
            summary.notes,
            [one.as_values() for one in summary.findings],
        ]

    def packed(self) -> bytes:
        """All of it as two pieces of JSON, for as long as the process lives: first what was told,
        which reports ask for again and again, then the rest."""
        identity, summary = self.identity, self.summary
        rest = (
            self.original.as_values(),
            None if identity is None else identity.as_values(),
            len(self.changed_since),
            [(one.path, one.sha256, one.size) for one in summary.exported],
            summary.removed,
        )
        return "".join(map(_encoded, (self.told(), rest))).encode("ascii")

    @classmethod
    def unpacked(cls, packed: bytes) -> Facts:
        """What was packed."""
        text = packed.decode("ascii")
        told, end = _decode_at(text)
        _, media_seconds, seconds, failure, changed, outputs, language, notes, findings = told
        (original, identity, since, exported, removed), _ = _decode_at(text, end)
        return cls(
            Original.of_values(original),
            None if identity is None else Identity(*identity),
            seconds,
            None if failure is None else Failure(**failure),
            changed[since:],
            changed[:since],
            RecordingSummary(
                media_seconds,
                language,
                outputs,
                [ExportedFile(*one) for one in exported],
                removed,
                notes,
                [Finding(*one) for one in findings],
            ),
        )


class Job:
    """The way of one recording through a run.

    A run may have very many, all of which it keeps to its end. Of one that has ended, hardly more
    is in memory than its path and where on the run's shelf the rest is. That is made anew each time
    it is asked for: ask once for `facts` to use several.
    """

    __slots__ = (
        "__weakref__", "_facts", "_shelf", "earlier", "elsewhere", "path_text", "reused", "size",
        "started", "status",
    )  # fmt: skip

    def __init__(
        self,
        original: Original,
        size: int,
        identity: Identity | None = None,
        earlier: FileState | None = None,
    ) -> None:
        """`earlier`: the state an earlier run saw, while it is unknown whether that still holds."""
        self.path_text = original.path
        self.size, self.earlier = size, earlier
        self.status, self.reused = "waiting", False
        self.started: float | None = None
        #: What another engine did for it.
        self.elsewhere = DONE_HERE
        self._facts: Facts | int = Facts(original, identity)
        self._shelf: Shelf | None = None

    @property
    def facts(self) -> Facts:
        """What is known about it. Do not change it when the recording has ended."""
        facts = self._facts
        if isinstance(facts, Facts):
            return facts
        assert self._shelf is not None
        return Facts.unpacked(self._shelf.get(facts))

    @property
    def original(self) -> Original:
        return self.facts.original

    @property
    def identity(self) -> Identity | None:
        return self.facts.identity

    @property
    def failure(self) -> Failure | None:
        return self.facts.failure

    @property
    def changed(self) -> Sequence[str]:
        return self.facts.changed

    @property
    def summary(self) -> RecordingSummary:
        return self.facts.summary

    @property
    def path(self) -> Path:
        return Path(self.path_text)

    def seen_elsewhere(self) -> FileState | None:
        """The file as another engine hashed it, if it has been the same since it was planned here;
        its content is checked when all is done."""
        before, identity = self.elsewhere.before, self.identity
        if before is None or identity is None:
            return None
        if (before.size, before.mtime_ns) != (identity.size, identity.mtime_ns):
            return None
        try:
            return before if Identity.of(os.stat(self.path_text)) == identity else None
        except OSError:
            return None

    def begin(self) -> None:
        """Work on it begins, or continues in another model's pass."""
        self.started = self.started or time.monotonic()

    def was_identified(self, state: FileState, identity: Identity) -> None:
        """Record the file's identity, and whether its content is that of an earlier run; a changed
        time alone is fine."""
        facts = self.facts
        facts.identity = identity
        if self.earlier is not None and self.earlier.sha256 != state.sha256:
            facts.changed_since = [
                f"since an earlier run, {text}" for text in self.earlier.differences(state)
            ]

    def fail(self, failure: Failure) -> None:
        """Record a failure; only the first one is reported."""
        facts = self.facts
        facts.failure = facts.failure or failure

    def give_up(self, failure: Failure) -> None:
        """An error of ours ended the work on it, whatever went wrong before."""
        self.facts.failure = failure
        self.end()

    def was_checked(self, state: FileState, identity: Identity) -> None:
        """Its content, and which file it is, after all work on it."""
        facts = self.facts
        assert facts.original.before is not None
        facts.changed = facts.original.before.differences(state)
        if facts.identity is not None and not facts.changed:
            facts.changed = facts.identity.differences(identity)

    def cannot_be_checked(self, why: str) -> None:
        """It cannot be read after the work."""
        self.facts.changed = [f"can no longer be read: {why}"]

    def end(self, summary: RecordingSummary | None = None) -> None:
        """Nothing more is done for it in this run; `summary`: what its stages found out."""
        facts = self.facts
        self.status = "failed" if facts.failure else "done"
        if self.started is not None:
            facts.seconds = self.elsewhere.seconds + time.monotonic() - self.started
        if summary is not None:
            facts.summary = summary

    def was_done_before(self, summary: RecordingSummary) -> None:
        """An earlier run did all of it, or found that its content is at fault."""
        facts, original = self.facts, self.original
        assert original.before is not None and original.after is not None
        facts.failure, self.reused = original.failure, True
        facts.changed = original.before.differences(original.after)
        self.end(summary)

    def shelve(self, shelf: Shelf) -> None:
        """Keep what is known about it on a shelf from now on. It has ended, and been reported."""
        if isinstance(self._facts, Facts):
            self._shelf = shelf
            self._facts = shelf.put(self._facts.packed())
            self.started = self.earlier = None
            self.elsewhere = DONE_HERE

    def outcome(self) -> FileOutcome:
        facts = self._facts
        if isinstance(facts, Facts):
            return self._outcome(*facts.told())
        assert self._shelf is not None
        return self._outcome(*_decode_at(self._shelf.get(facts).decode("ascii"))[0])

    def _outcome(
        self,
        name: str,
        media_seconds: float | None,
        seconds: float,
        failure: dict[str, Any] | None,
        changed: list[str],
        outputs: list[str],
        language: str | None,
        notes: list[str],
        findings: list[list[Any]],
    ) -> FileOutcome:
        return FileOutcome(
            path=self.path_text,
            name=name,
            status=self.status,
            media_seconds=media_seconds,
            seconds=seconds,
            reused=self.reused,
            failure=None if failure is None else Failure(**failure),
            changed=changed,
            outputs=outputs,
            language=language,
            notes=notes,
            findings=[Finding(*one) for one in findings],
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
    return _recording(job.facts, state, cache)


def _recording(facts: Facts, state: FileState, cache: Path) -> Recording:
    folder = store.recording_folder(cache, state.sha256)
    original = facts.original
    return Recording(Path(original.path), original.name, folder, state, facts.identity)


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
        facts = job.facts
        if facts.original.before is not None:
            recording = _recording(facts, facts.original.before, cache)
            key = keys.of(stage, recording)
            path = store.artifact_path(recording.folder, stage.name, key)
            found.append(Found(recording, store.Stored(path, key, recording.id)))
    return sorted(found, key=lambda one: one.recording.name)


def artifact_paths(
    job: Job, pipeline: Pipeline, keys: Keys, cache: Path
) -> dict[type[Artifact], store.Stored]:
    """The path of each stage's result for a recording; none for a recording that could not be
    read."""
    facts = job.facts
    if facts.original.before is None:
        return {}
    recording = _recording(facts, facts.original.before, cache)
    paths = {}
    for stage in pipeline.stages:
        key = keys.of(stage, recording)
        path = store.artifact_path(recording.folder, stage.name, key)
        if stage.named_outputs:
            path = store.named_path(cache, stage.name, recording.name)
        paths[stage.produces] = store.Stored(path, key, recording.id)
    keys.forget(recording)
    return paths
