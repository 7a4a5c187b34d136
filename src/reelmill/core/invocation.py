"""The command as the user typed it, for records of how a result was made."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from contextvars import ContextVar

#: User and password of an address.
_SECRET = re.compile(r"(\w+://)[^/\s'\"]*@")
_TYPED: ContextVar[str | None] = ContextVar("typed", default=None)


def typed(arguments: Sequence[str]) -> None:
    """Remember the command line of this context, without passwords in addresses.

    Args:
        arguments: what follows the program's name.
    """
    _TYPED.set(without_secrets(shlex.join(["reelmill", *arguments])))


def as_typed() -> str | None:
    """The command line, quoted for a shell; None if Reelmill is used as a library."""
    return _TYPED.get()


def without_secrets(text: str) -> str:
    """A text in which addresses have neither user nor password."""
    return _SECRET.sub(r"\1***@", text)
