"""Looks through a watched folder: when something changed there, and from time to time."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from reelmill.engine.execution.planning import Source
from reelmill.watch.arrivals import Stamp
from reelmill.watch.file_systems import network_file_system
from reelmill.watch.files import recordings_in, stamp_of
from reelmill.watch.notifier import Notifier

#: The folder is looked through after so many seconds even if no change was told.
_LOOK_S = 60.0
#: The largest share of the time that is spent on looking.
_SHARE = 0.1


class Looking:
    """What lies in a folder. `sources` and `stamps` are as of the last look."""

    def __init__(
        self,
        folder: Path,
        out: Path,
        poll: bool | None,
        poll_every_s: float,
        tell: Callable[[str], None],
    ) -> None:
        """Prepare to look.

        Args:
            folder: the watched folder.
            out: the output folder, which is left out.
            poll: whether to look for changes instead of being told by the kernel; None: where the
                kernel does not know of them.
            poll_every_s: how often to look for changes, in seconds.
            tell: called with what people should know.
        """
        self._folder, self._out, self._tell = folder, out, tell
        self._poll, self._poll_every_s = poll, poll_every_s
        self._changed, self._woken = threading.Event(), threading.Event()
        self._notifier: Notifier | None = None
        #: Which folder is watched: another one may be mounted at the same place.
        self._watched: tuple[int, int] | None = None
        self._next_at = self._not_before = 0.0
        self.sources: dict[str, Source] = {}
        self.stamps: dict[str, Stamp] = {}
        #: How many files were left out because their names say that they are not whole.
        self.partial = 0
        self.is_there = True
        self._is_polling = False

    def look(self, now: float, arriving: Iterable[str]) -> None:
        """Bring `sources` and `stamps` up to date.

        Args:
            now: seconds, on a clock that only goes forward.
            arriving: files that are looked at in any case.
        """
        if self._changed.is_set() or now >= self._next_at:
            if now >= self._not_before:
                self._changed.clear()  # what changes during a look is seen in the next one
                self._look_through()
                self._next_at = now + self._pause()
                self._not_before = now + (time.monotonic() - now) / _SHARE
                return
            self._next_at = self._not_before
        for path in arriving:
            self._see(path)

    def wait(self, seconds: float) -> None:
        """Wait until something changes or it is time to look, but no longer than this."""
        now = time.monotonic()
        self._changed.wait(max(0.0, min(seconds, self._next_at - now)))
        if self._changed.is_set() and (early := self._not_before - time.monotonic()) > 0:
            self._woken.wait(min(seconds, early))

    def wake(self) -> None:
        """Let `wait` return, now and from now on."""
        self._woken.set()
        self._changed.set()

    def close(self) -> None:
        """Stop watching."""
        if self._notifier is not None:
            self._notifier.close()

    def _see(self, path: str) -> None:
        stamp = stamp_of(path)
        if stamp is None:
            self.stamps.pop(path, None)
        else:
            self.stamps[path] = stamp

    def _look_through(self) -> None:
        try:
            self._follow()
            self.sources, self.partial = recordings_in(self._folder, self._out)
        except OSError as error:
            if self.is_there:
                self._tell(f"{self._folder}: {error.strerror}; waiting for it to come back")
            self.is_there, self.sources, self.stamps = False, {}, {}
            return
        if not self.is_there:
            self._tell(f"{self._folder}: there again")
        self.is_there = True
        self.stamps = {}
        for path in self.sources:
            self._see(path)

    def _follow(self) -> None:
        """Watch the folder, if it is not watched yet or is another one than before. Raises OSError
        if it is not there."""
        found = os.stat(self._folder)
        watched = (found.st_dev, found.st_ino)
        if watched == self._watched:
            if self._notifier is None or self._notifier.problem is None:
                return
            self._tell(
                f"{self._folder}: changes are no longer told ({self._notifier.problem}); looking "
                f"every {self._poll_every_s:g} s instead"
            )
            self._poll = True
        if self._notifier is not None:
            self._notifier.close()
            self._notifier = None
        self._watched, self._is_polling = watched, self._must_poll()
        if not self._is_polling:
            self._notifier = Notifier(self._folder, self._out, self._changed)
            self._notifier.start()

    def _must_poll(self) -> bool:
        """Whether changes have to be looked for, because the kernel does not tell of them."""
        if self._poll is None and (kind := network_file_system(self._folder)):
            self._tell(
                f"{self._folder}: on {kind}, which does not tell of changes made elsewhere; "
                f"looking every {self._poll_every_s:g} s"
            )
            return True
        return bool(self._poll)

    def _pause(self) -> float:
        """Seconds until the next look, if no change is told before."""
        is_told = self.is_there and not self._is_polling
        return _LOOK_S if is_told else min(_LOOK_S, self._poll_every_s)
