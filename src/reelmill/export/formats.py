"""Formats by name: which there are, and which a user asks for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from reelmill.errors import UsageError

WriterT = TypeVar("WriterT")


@dataclass(frozen=True)
class Formats(Generic[WriterT]):
    """A registry of writers.

    Args:
        kind: what messages call one of them, as `subtitle format`.
        writers: their classes by name, in the order in which formats are listed and written.
        common: the meaning of `all`; all of them when not given.
        other_names: further names, each for one or several formats.
    """

    kind: str
    writers: Mapping[str, type[WriterT]]
    common: tuple[str, ...] = ()
    other_names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def writer(self, name: str) -> WriterT:
        """The writer of a format.

        Raises:
            UsageError: no such format; the message lists those there are.
        """
        if name not in self.writers:
            raise UsageError(f"unknown {self.kind} {name!r}; {self._known}")
        return self.writers[name]()

    def parse(self, names: Iterable[str]) -> tuple[str, ...]:
        """Format names as a user writes them (`SRT`, `.vtt`, `json,txt`, `all`), each once and in
        the registry's order, so that the same formats make the same setting.

        Raises:
            UsageError: a name is unknown, or none is given.
        """
        asked = [part.strip().lstrip(".").lower() for name in names for part in name.split(",")]
        chosen = {name for part in asked if part for name in self.other_names.get(part, (part,))}
        if "all" in chosen:
            chosen = chosen - {"all"} | set(self.common or self.writers)
        for name in sorted(chosen):
            self.writer(name)
        if not chosen:
            raise UsageError(f"no {self.kind} given; {self._known}")
        return tuple(name for name in self.writers if name in chosen)

    @property
    def _known(self) -> str:
        return f"the formats are: {', '.join((*self.writers, *self.groups))}"

    @property
    def groups(self) -> tuple[str, ...]:
        """The names that stand for several formats."""
        return tuple(name for name, formats in self.other_names.items() if len(formats) > 1)
