"""What comes out of a run for each recording: one typed result per command."""

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
from reelmill.engine.execution.planning import Job
from reelmill.engine.pipeline import Pipeline
from reelmill.engine.state.artifact_store import Stored, load
from reelmill.errors import Failure, error_of
from reelmill.export.transcript.names import SpeakerName, named, named_turns, names_for

#: `ok`: done, and nothing to remark. `findings`: done, and `findings`, `notes` or `changed` say
#: what should be looked at. `failed`: `error` says why. `skipped`: the run ended before this
#: recording's turn.
Status = Literal["ok", "findings", "failed", "skipped"]

ArtifactT = TypeVar("ArtifactT", bound=Artifact)
ResultT = TypeVar("ResultT", bound="RecordingResult")


@dataclass(frozen=True)
class RecordingResult:
    """What became of one recording.

    Attributes:
        recording: absolute path of the original.
        name: of its results below the output folder, without suffix.
        status: see `Status`.
        error: why it failed: stage, kind, message, number of tries; None unless `failed`.
        files: absolute paths of the files written for it, in the order of their stages.
        notes: in plain words, what whoever reads the results should know.
        findings: what is damaged, guessed or left out, with severity and times.
        changed: what differs in the original since it was first read; empty as it should be.
        media_seconds: its length in seconds, None where it could not be read.
        seconds: from the first work on it to the last, 0 when nothing had to be done.
        reused: an earlier run on this output folder had finished it.
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
        """The result of a recording that is finished, or that the run did not come to."""
        outcome = job.outcome()
        return cls(
            recording=job.path,
            name=outcome.name,
            status=_status(job),
            error=outcome.failure,
            files=tuple(out / file.path for file in job.summary.exported),
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
        """What a command's own result takes from its pipeline."""
        return {}

    def raise_if_failed(self) -> None:
        """Turn a failure into the exception of its kind.

        Raises:
            InputError: the recording itself is at fault.
            TransientError: a cause that may pass; a later run may succeed.
            ResourceError: memory ran out.
            CrashError: a process died or hung while it worked on this recording.
        """
        if self.error is not None:
            raise error_of(self.error)

    def artifact(self, *kinds: type[ArtifactT]) -> ArtifactT | None:
        """The result of the first of these types that a stage made; None when there is none.

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
    """A recording and what was said in it; from `reelmill.transcribe`.

    Texts and times are read from the cache of the output folder when they are first asked for.
    `given_names` are those that users gave to speakers.
    """

    given_names: tuple[SpeakerName, ...] = field(default=(), repr=False, compare=False)

    @classmethod
    def _more(cls, pipeline: Pipeline) -> dict[str, Any]:
        from reelmill.stages.transcript.export import Export

        exports = (stage for stage in pipeline.stages if isinstance(stage, Export))
        return {"given_names": tuple(name for export in exports for name in export.names)}

    @cached_property
    def transcript(self) -> Transcript | None:
        """The furthest there is: with speakers (`SpokenTranscript`), with the times of words
        (`AlignedTranscript`), or as recognized. Speakers have the names they were given.
        """
        found = self.artifact(SpokenTranscript, AlignedTranscript, Transcript)
        return None if found is None else named(found, self._names)

    @property
    def segments(self) -> list[Segment]:
        """Stretches of text with their times in seconds, in order."""
        return [] if self.transcript is None else self.transcript.segments

    @property
    def words(self) -> list[Word]:
        """All words with their times in seconds, in order."""
        return [word for segment in self.segments for word in segment.words]

    @property
    def text(self) -> str:
        """All that was said, in one line."""
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
        """As they were laid out; None where the recording failed before."""
        return self.artifact(Subtitles)

    @property
    def tracks(self) -> dict[str, SubtitleTrack]:
        """The subtitles by language."""
        tracks = [] if self.subtitles is None else self.subtitles.tracks
        return {track.language: track for track in tracks}

    @property
    def language(self) -> str | None:
        """The language spoken, as ISO 639-1."""
        return None if self.sentences is None else self.sentences.language

    @cached_property
    def sentences(self) -> Sentences | None:
        """What was said, as whole sentences."""
        return self.artifact(Sentences)

    @cached_property
    def translations(self) -> Translations | None:
        """Each sentence in each target language."""
        return self.artifact(Translations)

    @cached_property
    def transcript(self) -> Transcript | None:
        """What was said, as recognized, with the times of words where they were asked for."""
        return self.artifact(AlignedTranscript, Transcript)


@dataclass(frozen=True)
class FacesResult(RecordingResult):
    """A video, the people in it and the clips of them; from `reelmill.cut_faces`."""

    @property
    def persons(self) -> list[Person]:
        """Who is seen when, most seen first."""
        found = self._persons
        return [] if found is None else found.persons

    @property
    def clips(self) -> list[Clip]:
        """What was cut; `path` is relative to the output folder."""
        found = self._clips
        return [] if found is None else found.clips

    @cached_property
    def transcript(self) -> Transcript | None:
        """What is said, by whom, where that was asked for; None elsewhere."""
        return self.artifact(SpokenTranscript, AlignedTranscript, Transcript)

    @cached_property
    def _persons(self) -> Persons | None:
        return self.artifact(NamedPersons, HeardPersons, SpeakingPersons, Persons)

    @cached_property
    def _clips(self) -> Clips | None:
        return self.artifact(Clips)


def _status(job: Job) -> Status:
    if job.status == "waiting":
        return "skipped"
    if job.failure is not None:
        return "failed"
    return "findings" if job.changed or job.summary.notes or job.summary.findings else "ok"
