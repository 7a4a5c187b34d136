"""A run, as the processes see it that it may share with other runs."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from reelmill.core import gate
from reelmill.core.keys import user_key
from reelmill.engine.process.cpu_worker import Begin, Keys
from reelmill.engine.stage import Stage

_numbers = itertools.count()
#: One turn in this many is given without regard to priority.
_FAIR_EVERY = 8


@dataclass(eq=False)
class Client:
    """A run that uses CPU workers and model workers.

    `priority`: those with a higher number go first. `places`: where it may write.
    """

    stages: Sequence[Stage] = ()
    keys: Keys = field(default_factory=lambda: Keys(user_key().seal))
    environment: Mapping[str, str] = field(default_factory=dict)
    priority: int = 0
    places: Callable[[], tuple[gate.Place, ...]] = gate.places
    #: It is about to end: nothing new is started for it, and nobody waits for its items.
    is_draining: bool = False
    #: A model that it needs cannot be used, so it is about to end.
    has_failed: bool = False
    #: Nothing new is started for it, for the time being.
    is_paused: bool = False
    #: It has ended. Its items may still be in a batch.
    is_over: bool = False
    #: Recordings that have been started and not finished. Without any, it needs no model.
    open_recordings: int = 0
    number: int = field(default_factory=lambda: next(_numbers))

    @property
    def begin(self) -> Begin:
        """What a CPU worker must know before its first task."""
        return Begin(self.number, self.stages, self.keys, self.places())

    @contextlib.contextmanager
    def working(self) -> Iterator[None]:
        """During the block, it has one more open recording."""
        self.open_recordings += 1
        try:
            yield
        finally:
            self.open_recordings -= 1


class Turns:
    """Keeps work of low priority from waiting for ever: every eighth turn is given to whatever has
    waited longest, whatever its priority."""

    def __init__(self) -> None:
        self._count = 0

    @property
    def is_fair(self) -> bool:
        """Whether the next turn is given without regard to priority."""
        return self._count % _FAIR_EVERY == _FAIR_EVERY - 1

    def taken(self) -> None:
        """Count a turn."""
        self._count += 1
