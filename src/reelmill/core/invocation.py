"""The command as the user typed it, for records of how a result was made."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from contextvars import ContextVar

_TYPED: ContextVar[str | None] = ContextVar("typed", default=None)


def typed(arguments: Sequence[str]) -> None:
    """Remember the command line of this context.

    Args:
        arguments: what follows the program's name.
    """
    _TYPED.set(shlex.join(["reelmill", *arguments]))


def as_typed() -> str | None:
    """The command line, quoted for a shell; None if Reelmill is used as a library."""
    return _TYPED.get()
