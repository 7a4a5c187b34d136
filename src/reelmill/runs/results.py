"""The typed results of a run for each recording, one type per command."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, TypeVar

from reelmill.artifacts import (
    AlignedTranscript,
    Artifact,
    Clip,
    Clips,
    Diarization,
    Finding,
    HeardPersons,
    NamedPersons,
    Person,
    Persons,
    Segment,
    Sentences,
    SpeakingPersons,
    SpokenTranscript,
    Subtitles,
    SubtitleTrack,
    Transcript,
    Translations,
    Turn,
    Word,
)
from reelmill.core.keys import user_key
from reelmill.engine.execution.planning import Facts, Job
from reelmill.engine.pipeline import Pipeline
from reelmill.engine.state.artifact_store import Stored, load
from reelmill.errors import Failure, error_of
from reelmill.export.names import SpeakerName, named, named_turns, names_for

#: `ok`: done without remarks. `findings`: done, and `findings`, `notes` or `changed` need
#: attention. `failed`: see `error`. `skipped`: the run ended before this recording was processed.
Status = Literal["ok", "findings", "failed", "skipped"]

ArtifactT = TypeVar("ArtifactT", bound=Artifact)
ResultT = TypeVar("ResultT", bound="RecordingResult")


@dataclass(frozen=True)
class RecordingResult:
    """The outcome for one recording.

    Attributes:
        recording: absolute path of the original.
        name: the path of its results below the output folder, without suffix.
        status: see `Status`.
        error: why it failed: stage, kind, message, number of tries; None unless `failed`.
        files: absolute paths of the files written for it, in the order of their stages.
        notes: in plain words, for readers of the results.
        findings: what is damaged, guessed or left out, with severity and times.
        changed: differences in the original since it was first read; normally empty.
        media_seconds: its length in seconds; None if it could not be read.
        seconds: from the start of work on it to the end; 0 if nothing had to be done.
        reused: whether an earlier run on this output folder had finished it.
        artifacts: the file of each stage's result by the type of the result.
    """

    recording: Path
    name: str
    status: Status
    error: Failure | None
    files: tuple[Path, ...]
    notes: tuple[str, ...]
    findings: tuple[Finding, ...]
    changed: tuple[str, ...]
    media_seconds: float | None
    seconds: float
    reused: bool
    artifacts: Mapping[type[Artifact], Stored] = field(repr=False, compare=False)

    @classmethod
    def of(
        cls: type[ResultT],
        job: Job,
        out: Path,
        pipeline: Pipeline,
        artifacts: Mapping[type[Artifact], Stored],
    ) -> ResultT:
        """The result of a recording that is finished, or that was not processed."""
        outcome, facts = job.outcome(), job.facts
        return cls(
            recording=job.path,
            name=outcome.name,
            status=_status(job.status, facts),
            error=outcome.failure,
            files=tuple(out / file.path for file in facts.summary.exported),
            notes=tuple(outcome.notes),
            findings=tuple(outcome.findings),
            changed=tuple(outcome.changed),
            media_seconds=outcome.media_seconds,
            seconds=outcome.seconds,
            reused=outcome.reused,
            artifacts=artifacts,
            **cls._more(pipeline),
        )

    @classmethod
    def _more(cls, pipeline: Pipeline) -> dict[str, Any]:
        """The values that a command's own result takes from its pipeline."""
        return {}

    def raise_if_failed(self) -> None:
        """Raise the failure as an exception of its kind. Does nothing when the recording did not
        fail.

        Raises:
            InputError: the recording itself is at fault.
            TransientError: a cause that may pass; a later run may succeed.
            ResourceError: memory ran out.
            CrashError: a process died or hung while it worked on this recording.
        """
        if self.error is not None:
            raise error_of(self.error)

    def artifact(self, *kinds: type[ArtifactT]) -> ArtifactT | None:
        """The result of the first of these types that a stage produced; None if there is none.

        Raises:
            InputError: its file is damaged, or was changed by somebody else.
        """
        for kind in kinds:
            stored = self.artifacts.get(kind)
            if stored is not None and stored.path.exists():
                return load(stored, kind, user_key().seal)  # type: ignore[return-value]
        return None


@dataclass(frozen=True)
class TranscriptResult(RecordingResult):
    """A recording and its transcript, from `reelmill.transcribe`.

    Texts and times are read from the output folder's cache at first use. `given_names` are the
    names that users gave to speakers.
    """

    given_names: tuple[SpeakerName, ...] = field(default=(), repr=False, compare=False)

    @classmethod
    def _more(cls, pipeline: Pipeline) -> dict[str, Any]:
        from reelmill.stages.transcript.export import Export

        exports = (stage for stage in pipeline.stages if isinstance(stage, Export))
        return {"given_names": tuple(name for export in exports for name in export.names)}

    @cached_property
    def transcript(self) -> Transcript | None:
        """The most complete one: with speakers (`SpokenTranscript`), with the times of words
        (`AlignedTranscript`), or as recognized. Speakers have the names that users gave them.
        """
        found = self.artifact(SpokenTranscript, AlignedTranscript, Transcript)
        return None if found is None else named(found, self._names)

    @property
    def segments(self) -> list[Segment]:
        """Stretches of text with times in seconds, in order."""
        return [] if self.transcript is None else self.transcript.segments

    @property
    def words(self) -> list[Word]:
        """All words with times in seconds, in order."""
        return [word for segment in self.segments for word in segment.words]

    @property
    def text(self) -> str:
        """Everything said, as one line."""
        return " ".join(text for one in self.segments if (text := one.text.strip()))

    @property
    def language(self) -> str | None:
        """ISO 639-1."""
        return None if self.transcript is None else self.transcript.language

    @cached_property
    def turns(self) -> list[Turn]:
        """Who speaks when; turns of different speakers may overlap."""
        found = self.artifact(Diarization)
        return [] if found is None else named_turns(found.turns, self._names)

    @property
    def _names(self) -> dict[str, str]:
        return names_for(self.given_names, self.recording.name)


@dataclass(frozen=True)
class SubtitleResult(RecordingResult):
    """A recording and its subtitles in each target language; from `reelmill.subtitle`."""

    @cached_property
    def subtitles(self) -> Subtitles | None:
        """The subtitles; None if the recording failed before they were made."""
        return self.artifact(Subtitles)

    @property
    def tracks(self) -> dict[str, SubtitleTrack]:
        """The subtitles by language."""
        tracks = [] if self.subtitles is None else self.subtitles.tracks
        return {track.language: track for track in tracks}

    @property
    def language(self) -> str | None:
        """The spoken language, as ISO 639-1."""
        return None if self.sentences is None else self.sentences.language

    @cached_property
    def sentences(self) -> Sentences | None:
        """Everything said, as whole sentences."""
        return self.artifact(Sentences)

    @cached_property
    def translations(self) -> Translations | None:
        """Each sentence in each target language."""
        return self.artifact(Translations)

    @cached_property
    def transcript(self) -> Transcript | None:
        """The transcript as recognized, with word times if they were requested."""
        return self.artifact(AlignedTranscript, Transcript)


@dataclass(frozen=True)
class FacesResult(RecordingResult):
    """A video with its people and their clips, from `reelmill.cut_faces`."""

    @property
    def persons(self) -> list[Person]:
        """Who is seen when, with the person seen most first."""
        found = self._persons
        return [] if found is None else found.persons

    @property
    def clips(self) -> list[Clip]:
        """The clips; `path` is relative to the output folder."""
        found = self._clips
        return [] if found is None else found.clips

    @cached_property
    def transcript(self) -> Transcript | None:
        """What is said, and by whom; None unless it was asked for."""
        return self.artifact(SpokenTranscript, AlignedTranscript, Transcript)

    @cached_property
    def _persons(self) -> Persons | None:
        return self.artifact(NamedPersons, HeardPersons, SpeakingPersons, Persons)

    @cached_property
    def _clips(self) -> Clips | None:
        return self.artifact(Clips)


def _status(status: str, facts: Facts) -> Status:
    if status == "waiting":
        return "skipped"
    if facts.failure is not None:
        return "failed"
    said = facts.changed or facts.summary.notes or facts.summary.findings
    return "findings" if said else "ok"
