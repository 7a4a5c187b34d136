"""What is done with a watched folder: by a file in the user's configuration, and the command line.

Each folder has a file of its own below the user's config folder, `watch/NAME.toml`. Nothing that
lies among the recordings is configuration.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from reelmill.core.paths import user_config
from reelmill.core.toml import read_toml
from reelmill.errors import UsageError
from reelmill.runs.engine import ENGINE_SETTINGS
from reelmill.settings import COMMAND_LINE_ONLY, Settings

#: The folder of these files in the user's config folder.
CONFIG_FOLDER = "watch"

_EXAMPLE = """folder = "/srv/calls"
out = "/srv/results"
"""


class WatchOptions(BaseModel):
    """What is done with one folder. The fields are the keys of its file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    folder: Path
    out: Path
    task: Literal["voice", "subtitle", "faces"] = "voice"
    settle: float = Field(5.0, gt=0, description="seconds that a file must not change before it")
    poll: bool | None = Field(None, description="look through the folder; None: where necessary")
    poll_every: float = Field(5.0, gt=0, description="seconds between two looks")
    settings: dict[str, Any] = Field(default_factory=dict)

    @field_validator("folder", "out")
    @classmethod
    def _absolute(cls, path: Path) -> Path:
        path = path.expanduser()
        if not path.is_absolute():
            raise ValueError("give the whole path, beginning with /")
        return path

    @field_validator("settings")
    @classmethod
    def _of_a_task(cls, settings: dict[str, Any]) -> dict[str, Any]:
        for name in settings:
            if name not in Settings.model_fields or name == "out":
                raise ValueError(f"there is no setting {name!r}; see `reelmill voice --help`")
        return settings

    @property
    def run_settings(self) -> dict[str, Any]:
        """The settings of the folder's runs."""
        return {k: v for k, v in self.settings.items() if k not in ENGINE_SETTINGS}


def options_of(
    folder: Path | None, given: Mapping[str, Any], settings: Mapping[str, Any]
) -> list[WatchOptions]:
    """What to watch, and how.

    Args:
        folder: as given on the command line; None for all folders that have a file.
        given: options from the command line by the names of the fields above, None if not given.
        settings: settings from the command line, which go before those of the file.

    Raises:
        UsageError: a file is not valid, or there is nothing to watch.
    """
    files = dict(_files())
    said = {name: value for name, value in given.items() if value is not None}
    if "out" in said:
        said["out"] = Path(os.path.abspath(said["out"]))
    if folder is not None:
        at = next((file for file, read in files.items() if _is_for(read, folder)), None)
        read = {"out": Path("analysis-results").absolute()} | (files[at] if at else {})
        read = {**read, "folder": Path(os.path.abspath(folder)), **said}
        read["settings"] = {**read.get("settings", {}), **settings}
        return [_valid(read, at or Path("the command line"))]
    if not files:
        raise UsageError(
            f"there is nothing to watch: give a folder, or write {_config() / 'NAME.toml'} with "
            f"the lines {_EXAMPLE.strip()!r}"
        )
    if said or settings:
        raise UsageError(
            f"{', '.join(map(_option, [*said, *(['set'] if settings else [])]))} is for one "
            "folder: give its name too"
        )
    return [_valid(read, file) for file, read in files.items()]


def engine_settings(folders: Sequence[WatchOptions]) -> dict[str, Any]:
    """The settings of the engine that all folders share.

    Raises:
        UsageError: two folders want different ones.
    """
    found: dict[str, Any] = {}
    for options in folders:
        for name in ENGINE_SETTINGS:
            if name in options.settings:
                value = options.settings[name]
                if found.setdefault(name, value) != value:
                    raise UsageError(
                        f"{name}: all watched folders share one engine, but the files of two of "
                        f"them say {found[name]} and {value}; make them the same"
                    )
    return found


def _config() -> Path:
    return user_config() / CONFIG_FOLDER


def _files() -> Iterator[tuple[Path, dict[str, Any]]]:
    """The files of all folders, and what they say."""
    for path in sorted(_config().glob("*.toml")):
        read = read_toml(path)
        folder = read.get("folder")
        if not isinstance(folder, str):
            raise UsageError(f"{path}: it does not say which folder it is for; add {_EXAMPLE!r}")
        below = os.path.realpath(Path(folder).expanduser()).rstrip("/") + "/"
        if os.path.realpath(path).startswith(below):
            raise UsageError(
                f"{path}: lies in the folder that it is for, where whoever delivers recordings "
                "could change it; set XDG_CONFIG_HOME to a folder elsewhere"
            )
        yield path, read


def _is_for(read: Mapping[str, Any], folder: Path) -> bool:
    said = os.path.realpath(Path(read["folder"]).expanduser())
    return said == os.path.realpath(folder)


def _valid(read: Mapping[str, Any], where: Path) -> WatchOptions:
    in_file = _config() in where.parents
    for name in read.get("settings", {}):
        if in_file and name in COMMAND_LINE_ONLY:
            why = COMMAND_LINE_ONLY[name]
            raise UsageError(f"{where}: settings.{name} {why}; give --set {name}=... instead")
    try:
        return WatchOptions(**read)
    except ValidationError as error:
        told = "; ".join(_told(one["loc"], one["msg"]) for one in error.errors())
        raise UsageError(f"{where}: {told}") from error


def _told(place: Iterable[int | str], message: str) -> str:
    return f"{'.'.join(map(str, place))}: {message.removeprefix('Value error, ')}"


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"
