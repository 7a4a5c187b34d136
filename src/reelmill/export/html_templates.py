"""The environment of all HTML templates. Everything is escaped, and undefined values raise
errors."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jinja2 import BytecodeCache, Environment


def html_environment(folder: Path, compiled: BytecodeCache | None = None) -> Environment:
    """An environment for the templates of a folder.

    Args:
        folder: where the templates are.
        compiled: keeps compiled templates for later commands; without it each command compiles
            them again.

    Returns:
        The environment, without filters and tests of its own.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(
        loader=FileSystemLoader(folder),
        bytecode_cache=compiled,
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_encodable,
    )


def _encodable(value: Any) -> Any:
    """Escape bytes that are not UTF-8, which would make the whole page unwritable."""
    if isinstance(value, str) and not value.isascii():
        return type(value)(value.encode("utf-8", "backslashreplace").decode("utf-8"))
    return value
