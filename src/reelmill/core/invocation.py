"""The command as the user typed it, for records that have to tell how a result was made."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from contextvars import ContextVar

_TYPED: ContextVar[str | None] = ContextVar("typed", default=None)


def typed(arguments: Sequence[str]) -> None:
    """Remember the command line of this context.

    Args:
        arguments: what follows the name of the program.
    """
    _TYPED.set(shlex.join(["reelmill", *arguments]))


def as_typed() -> str | None:
    """The command line, quoted for a shell; None where Reelmill is used as a library."""
    return _TYPED.get()
