"""What all artifacts share, and the names of files in them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler
    from pydantic_core import CoreSchema


@dataclass(frozen=True)
class _Checked:
    """What pydantic makes sure of when an artifact is read. (Model workers, which may have no
    pydantic, import artifacts too.)"""

    check: Callable[[str], str]

    def __get_pydantic_core_schema__(
        self, source: type[Any], handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        from pydantic_core import core_schema

        return core_schema.no_info_after_validator_function(self.check, handler(source))


def plain_name(name: str) -> str:
    """Raises ValueError for what could lead out of the folder it is joined to."""
    if name in ("", ".", "..") or "/" in name or "\0" in name:
        raise ValueError(f"{name!r} is not a plain file name")
    return name


def path_below(path: str) -> str:
    """Raises ValueError for a path that leads out of the folder it is joined to."""
    for part in path.split("/"):
        plain_name(part)
    return path


#: The name of a file in the recording's folder, or a part of such a name.
PlainName = Annotated[str, _Checked(plain_name)]
#: A path below the output folder, with forward slashes.
PathBelow = Annotated[str, _Checked(path_below)]


@dataclass
class Artifact:
    """Base of all stage results: plain dataclasses of JSON-able fields, times in seconds.

    `schema` names the JSON form (`name/version`). `sidecars` are files the artifact refers to,
    relative to the recording's folder: while one is missing the artifact is not whole. Fields that
    name files are `PlainName` or `PathBelow`.
    """

    schema: ClassVar[str] = ""

    def sidecars(self) -> list[str]:
        return []

    def facts(self) -> dict[str, Any]:
        """What a report says about the recording: `media_seconds`, `language`, `outputs`, `notes`
        (in plain words what its reader should know)."""
        return {}
