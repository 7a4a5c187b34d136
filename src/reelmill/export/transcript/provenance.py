"""How a transcript was made, as far as a record has to tell it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from reelmill import __version__
from reelmill.core.invocation import as_typed


@dataclass(frozen=True)
class ModelFacts:
    """A model that decided the text.

    Attributes:
        purpose: what it is for: `recognizer`, `aligner`.
        name: as the user knows it.
        identity: what its results are known by in this folder.
        sha256: of its weights, in hex, by file name.
    """

    purpose: str
    name: str
    identity: str
    sha256: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Provenance:
    """The program, its command and its models.

    Attributes:
        version: of Reelmill.
        command: as the user typed it; None where Reelmill is used as a library.
        models: those that decided the text.
    """

    version: str = __version__
    command: str | None = None
    models: tuple[ModelFacts, ...] = ()

    @classmethod
    def of_this_command(cls, models: Iterable[ModelFacts]) -> Provenance:
        """The provenance of the command running in this context."""
        return cls(command=as_typed(), models=tuple(models))
