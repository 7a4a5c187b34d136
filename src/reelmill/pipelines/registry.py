"""The registry of all stages, Reelmill's and those of other packages, by their entry points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from reelmill.engine.pipeline import Pipeline
from reelmill.engine.stage import Stage
from reelmill.errors import UsageError
from reelmill.settings import Settings

GROUP = "reelmill.stages"


def stage_names() -> list[str]:
    """The names of all installed stages, Reelmill's first."""
    return list(_entries())


def stage_class(name: str) -> type[Stage]:
    """The stage of that name.

    Raises:
        UsageError: there is none, or its package cannot be imported or is not what it says.
    """
    entry = _entries().get(name)
    if entry is None:
        raise UsageError(f"no stage {name!r}; the stages are: {', '.join(stage_names())}")
    try:
        found = entry.load()
    except Exception as error:
        raise UsageError(
            f"stage {name}: {_package(entry)} cannot be imported ({error}); reinstall or remove it"
        ) from error
    if not (isinstance(found, type) and issubclass(found, Stage)):
        raise UsageError(f"stage {name}: {entry.value} of {_package(entry)} is not a Stage")
    if found.name != name:
        raise UsageError(
            f"stage {name}: {entry.value} of {_package(entry)} is named {found.name!r}; the "
            "entry point must have the same name"
        )
    return found


def added_stages(names: Sequence[str], options: Sequence[str], command: str) -> list[Stage]:
    """The stages that a user adds to a command.

    Args:
        names: of the stages.
        options: what is set of them, each as `stage.option=value`.
        command: the one they are added to.

    Raises:
        UsageError: no such stage or option, or the stage does not go with the command.
    """
    given = _by_stage(options, names)
    stages = []
    for name in names:
        kind = stage_class(name)
        if command not in kind.commands:
            goes_with = ", ".join(kind.commands) or "no command"
            raise UsageError(
                f"stage {name} cannot be added to {command}; it works with {goes_with}"
            )
        stages.append(kind.from_options(_read_options(kind, given.get(name, {}))))
    return stages


def with_added(pipeline: Pipeline, settings: Settings) -> Pipeline:
    """The pipeline with the stages that the settings add.

    Raises:
        UsageError: as `added_stages`; the pipeline does not make what one of them needs.
    """
    added = added_stages(settings.stages, settings.stage_options, pipeline.name)
    if not added:
        return pipeline
    try:
        return Pipeline(pipeline.name, [*pipeline.stages, *added])
    except ValueError as error:
        raise UsageError(f"--stages {','.join(settings.stages)}: {error}") from error


@cache
def _entries() -> Mapping[str, EntryPoint]:
    """Entry points by name. Reelmill's own win over those of other packages with the same name."""
    found = sorted(entry_points(group=GROUP), key=lambda entry: _package(entry) != "reelmill")
    entries: dict[str, EntryPoint] = {}
    for entry in found:
        entries.setdefault(entry.name, entry)
    return entries


def _package(entry: EntryPoint) -> str:
    return entry.dist.name if entry.dist is not None else entry.value


def _by_stage(options: Sequence[str], names: Sequence[str]) -> dict[str, dict[str, str]]:
    given: dict[str, dict[str, str]] = {}
    for option in options:
        left, equals, value = option.partition("=")
        stage, dot, name = left.partition(".")
        if not equals or not dot:
            raise UsageError(f"--stage-option {option}: give stage.option=value")
        if stage not in names:
            raise UsageError(f"--stage-option {option}: add the stage too (--stages {stage})")
        given.setdefault(stage, {})[name] = value
    return given


def _read_options(kind: type[Stage], given: Mapping[str, str]) -> Any:
    if kind.option_type is None:
        if given:
            raise UsageError(f"stage {kind.name} has no options")
        return None
    from pydantic import TypeAdapter, ValidationError

    known = list(kind.option_type.__dataclass_fields__)
    for name in given:
        if name not in known:
            raise UsageError(f"stage {kind.name} has no option {name!r}: give {', '.join(known)}")
    try:
        return TypeAdapter(kind.option_type).validate_python(dict(given))
    except ValidationError as error:
        problem = error.errors()[0]
        name = ".".join(map(str, problem["loc"]))
        if problem["type"] == "missing":
            raise UsageError(
                f"stage {kind.name} needs --stage-option {kind.name}.{name}=VALUE"
            ) from error
        raise UsageError(f"--stage-option {kind.name}.{name}: {problem['msg']}") from error
