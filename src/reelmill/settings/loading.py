"""Where settings come from: command line > environment > the user's own config file > default.

Files among the recordings are never read as configuration. A setting that names a program to run
can only be given on the command line.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import EnvSettingsSource

from reelmill.core.paths import user_config
from reelmill.core.toml import read_toml
from reelmill.errors import UsageError
from reelmill.settings.base import ENVIRONMENT
from reelmill.settings.faces import FacesFields
from reelmill.settings.forensic import ForensicFields
from reelmill.settings.subtitle import SubtitleFields
from reelmill.settings.voice import VoiceFields

CONFIG_FILE = "reelmill.toml"
_PROGRAM = "names a program to run"
#: Settings that are never read from a file or the environment, and why.
COMMAND_LINE_ONLY = {
    "python": _PROGRAM,
    "pyannote_model": _PROGRAM,  # its configuration names classes to load
    "stages": "names code to run",
    "adopt": "is a decision about one folder",
}
#: Names of settings and values in 0.1. They are accepted until 0.3.
_OLD_NAMES = {"residency": "placement"}
_OLD_VALUES = {("placement", "turns"): "sequential"}


class Settings(VoiceFields, SubtitleFields, FacesFields, ForensicFields):
    """All settings. One config file serves every command."""


class FaceSettings(Settings):
    """Settings of `reelmill faces`, whose items are runs of 36 frames of 25 MB each."""

    batch_size: int = Field(4, ge=1, description="items in the first batch")
    max_batch: int | None = Field(8, ge=1, description="largest number of items in a batch")


class SubtitleSettings(Settings):
    """Settings of `reelmill subtitle`: a copy is the whole film again, not a clip."""

    quality: int = Field(18, ge=0, le=51, description="CRF: 18 looks like the original")


def load_settings(config: Path | None = None, **given: Any) -> Settings:
    """Load the settings from all sources.

    Args:
        config: the file to read instead of the user's own.
        given: the values from the command line; None where an option was not given.

    Raises:
        UsageError: a value is not valid (the message names the setting), or the file cannot be
            read or names a program.
    """
    return _loaded(Settings, config, given)


def load_face_settings(config: Path | None = None, **given: Any) -> Settings:
    """As `load_settings`, with the defaults of `reelmill faces`."""
    return _loaded(FaceSettings, config, given)


def load_subtitle_settings(config: Path | None = None, **given: Any) -> Settings:
    """As `load_settings`, for `reelmill subtitle`, with its own defaults."""
    return _loaded(SubtitleSettings, config, given)


def settings_from_pairs(pairs: Iterable[str]) -> dict[str, str]:
    """Settings given as `--set name=value`.

    Raises:
        UsageError: there is no such setting, or it is not a pair.
    """
    found = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or name not in Settings.model_fields:
            known = ", ".join(Settings.model_fields)
            raise UsageError(f"--set {pair}: give name=value; the settings are: {known}")
        found[name] = value
    return found


def _loaded(kind: type[Settings], config: Path | None, given: dict[str, Any]) -> Settings:
    file = config or user_config() / CONFIG_FILE
    said = {name: value for name, value in given.items() if value is not None}
    read = _read(kind, file, is_named=config is not None)
    environment = {**_old_environment(), **EnvSettingsSource(kind)()}
    for name in COMMAND_LINE_ONLY:
        if name in read:
            raise UsageError(_only_on_the_command_line(str(file), name))
        if name in environment:
            raise UsageError(_only_on_the_command_line("the environment", name))
    try:
        settings = kind(**{**_renamed(read), **_renamed(environment), **_renamed(said)})
    except ValidationError as error:
        below = {name for name in read if name not in environment and name not in said}
        raise UsageError("; ".join(_told(one, file, below) for one in error.errors())) from error
    settings._origin = _origin_line(file, read)
    return settings


def _renamed(values: dict[str, Any]) -> dict[str, Any]:
    """The settings with old names and old values replaced by the current ones."""
    named = {_OLD_NAMES.get(name, name): value for name, value in values.items()}
    return {
        name: _OLD_VALUES.get((name, value), value) if isinstance(value, str) else value
        for name, value in named.items()
    }


def _old_environment() -> dict[str, Any]:
    """The values of environment variables that carry a setting's old name."""
    variables = {name.upper(): value for name, value in os.environ.items()}
    said = {old: variables.get(f"{ENVIRONMENT}{old}".upper()) for old in _OLD_NAMES}
    return {name: value for name, value in said.items() if value is not None}


def _read(kind: type[Settings], file: Path, *, is_named: bool) -> dict[str, Any]:
    """The settings in a file. The user's own file need not exist."""
    if not file.exists() and not is_named:
        return {}
    return read_toml(file)


def _only_on_the_command_line(where: str, name: str) -> str:
    option = f"--{name.replace('_', '-')}"
    return f"{where}: {name} {COMMAND_LINE_ONLY[name]}; give {option} on the command line instead"


def _origin_line(file: Path, read: Collection[str]) -> str | None:
    """The line about which file was read, and that one in the current folder was not."""
    lines = [f"settings from {file}: {', '.join(sorted(read))}"] if read else []
    here = Path(CONFIG_FILE)
    if here.is_file() and not (file.exists() and file.samefile(here)):
        lines.append(f"{here.absolute()} is not read; use --config {here} to read it")
    return "; ".join(lines) or None


def _told(problem: ErrorDetails, file: Path, below: Collection[str]) -> str:
    """The message about a problem, with the setting's name and, if the value came from a file, its
    path. Problems between several settings already name them."""
    name = ".".join(map(str, problem["loc"]))
    if not name:
        return str(problem["ctx"]["error"])
    where = f"{file}: " if problem["loc"][0] in below else ""
    return f"{where}{name}: {problem['msg']}"
