"""Who has which page open."""

from __future__ import annotations

import contextlib
import threading
from collections import defaultdict
from collections.abc import Iterator

from reelmill.web.corrections.desks import Place


class Presence:
    """The people who have a recording's page open, each as often as they have it open."""

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._there: defaultdict[Place, list[str]] = defaultdict(list)

    @contextlib.contextmanager
    def at(self, place: Place, person: str) -> Iterator[None]:
        """Somebody has the page open during the block."""
        with self._mutex:
            self._there[place].append(person)
        try:
            yield
        finally:
            with self._mutex:
                self._there[place].remove(person)
                if not self._there[place]:
                    del self._there[place]

    def others(self, place: Place, person: str) -> list[str]:
        """Who else has it open: all but one page of that person."""
        with self._mutex:
            there = list(self._there.get(place, ()))
        if person in there:
            there.remove(person)
        return sorted(there)
