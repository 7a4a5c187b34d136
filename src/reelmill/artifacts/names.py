"""File names in artifacts, checked so that they cannot lead anywhere else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

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
    """Check a file name. Raises ValueError if it could lead out of its folder."""
    if name in ("", ".", "..") or "/" in name or "\0" in name:
        raise ValueError(f"{name!r} is not a plain file name")
    return name


def path_below(path: str) -> str:
    """Check a relative path. Raises ValueError if it leads out of its folder."""
    for part in path.split("/"):
        plain_name(part)
    return path


#: The name of a file in the recording's folder, or a part of such a name.
PlainName = Annotated[str, _Checked(plain_name)]
#: A path below the output folder, with forward slashes.
PathBelow = Annotated[str, _Checked(path_below)]
