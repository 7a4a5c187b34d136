"""The definition of a user's task, and the three existing tasks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from reelmill.artifacts import Artifact, ExportedFile
from reelmill.engine.execution.planning import Found
from reelmill.engine.pipeline import Pipeline
from reelmill.engine.telemetry.metrics import Table
from reelmill.errors import UsageError
from reelmill.pipelines import worker_imports
from reelmill.pipelines.choices import BuildContext, PipelineBuilder
from reelmill.runs.results import RecordingResult
from reelmill.settings import Settings


@dataclass(frozen=True)
class Aggregate:
    """The result of a step over all recordings: files in the output folder, and tables for the
    page."""

    files: list[ExportedFile] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)


@dataclass(frozen=True)
class AggregateStep:
    """A step over all recordings of a run that reads results of one type. `write` receives them and
    the output folder."""

    reads: type[Artifact]
    write: Callable[[Sequence[Found], Path], Aggregate]


@dataclass(frozen=True)
class Task:
    """What a run does.

    Attributes:
        name: as the command's.
        settings: the settings in force, from the options given; raises UsageError.
        build: makes the pipeline.
        result: the type of a recording's result.
        aggregate: the step over all recordings that the settings ask for.
        remarks: remarks about the recordings before any work is done.
        worker_imports: modules that CPU workers need, where these are to be started before the
            pipeline is built.
        cpu_parts: whether CPU work comes in parts that fill all cores.
    """

    name: str
    settings: Callable[[dict[str, Any]], Settings]
    build: PipelineBuilder
    result: type[RecordingResult] = RecordingResult
    aggregate: Callable[[Settings], AggregateStep | None] = lambda settings: None
    remarks: Callable[[Settings, Iterable[Path]], Iterable[str]] = lambda settings, paths: ()
    worker_imports: Sequence[str] = ()
    cpu_parts: bool = False


def _voice() -> Task:
    from reelmill.artifacts import SpeakerProfiles
    from reelmill.pipelines.names import named_in_vain
    from reelmill.pipelines.voice_builder import build_voice, voice_settings
    from reelmill.runs.across_recordings import write_speakers
    from reelmill.runs.results import TranscriptResult

    def aggregate(settings: Settings) -> AggregateStep | None:
        return AggregateStep(SpeakerProfiles, write_speakers) if settings.across else None

    return Task(
        "voice",
        voice_settings,
        build_voice,
        TranscriptResult,
        aggregate=aggregate,
        remarks=named_in_vain,
        worker_imports=worker_imports.VOICE,
    )


def _subtitle() -> Task:
    from reelmill.pipelines.subtitle_builder import build_subtitle, subtitle_settings
    from reelmill.runs.results import SubtitleResult

    return Task("subtitle", subtitle_settings, build_subtitle, SubtitleResult)


def _faces() -> Task:
    # What takes long to import is imported while the workers are starting.
    from reelmill.pipelines.faces_settings import faces_settings
    from reelmill.runs.results import FacesResult

    def build(context: BuildContext) -> Pipeline:
        from reelmill.pipelines.faces_builder import build_faces

        return build_faces(context)

    def remarks(settings: Settings, paths: Iterable[Path]) -> Iterable[str]:
        from reelmill.pipelines.names import named_in_vain

        return named_in_vain(settings, paths)

    def aggregate(settings: Settings) -> AggregateStep | None:
        from reelmill.artifacts import Persons
        from reelmill.pipelines.faces_builder import person_names
        from reelmill.runs.across_videos import write_people

        def write(found: Sequence[Found], out: Path) -> Aggregate:
            return write_people(found, out, person_names(settings, out))

        return AggregateStep(Persons, write) if settings.across else None

    return Task(
        "faces",
        faces_settings,
        build,
        FacesResult,
        aggregate=aggregate,
        remarks=remarks,
        worker_imports=worker_imports.FACES,
        cpu_parts=True,
    )


#: Tasks by name. Each imports its parts when it is needed.
_TASKS: dict[str, Callable[[], Task]] = {"voice": _voice, "subtitle": _subtitle, "faces": _faces}
TASK_NAMES = tuple(_TASKS)


def task_named(name: str) -> Task:
    """The task of that name, one of `TASK_NAMES`.

    Raises:
        UsageError: there is none of that name.
    """
    if name not in _TASKS:
        raise UsageError(f"no task {name!r}; the tasks are: {', '.join(_TASKS)}")
    return _TASKS[name]()
