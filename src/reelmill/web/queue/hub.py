"""Tells open pages and programs what has changed, at their own pace."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator


class Listener:
    """Whoever wants to know about runs. What changed is kept as a set of ids, so a listener that
    reads slowly costs no more than one that reads fast."""

    def __init__(self, run: str | None) -> None:
        self._run = run
        self._loop = asyncio.get_running_loop()
        self._changed: set[str] = set()
        self._woken = asyncio.Event()
        self.is_over = False

    def tell(self, run: str | None) -> None:
        """Note a change; None: there is nothing more to hear. From any thread."""
        if run is None or self._run in (None, run):
            with contextlib.suppress(RuntimeError):  # its loop has ended
                self._loop.call_soon_threadsafe(self._note, run)

    def _note(self, run: str | None) -> None:
        if run is None:
            self.is_over = True
        else:
            self._changed.add(run)
        self._woken.set()

    async def changed(self, patience: float) -> set[str]:
        """What has changed since the last call; waits for it, but no longer than `patience`."""
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._woken.wait(), patience)
        self._woken.clear()
        changed, self._changed = self._changed, set()
        return changed


class Hub:
    """All listeners of a server."""

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._listeners: set[Listener] = set()
        self._is_over = False

    @contextlib.contextmanager
    def listening(self, run: str | None = None) -> Iterator[Listener]:
        """A listener for one run or for all, until the end of the block."""
        listener = Listener(run)
        with self._mutex:
            self._listeners.add(listener)
            listener.is_over = self._is_over
        try:
            yield listener
        finally:
            with self._mutex:
                self._listeners.discard(listener)

    def tell(self, run: str) -> None:
        """Something about a run has changed. From any thread."""
        with self._mutex:
            listeners = list(self._listeners)
        for listener in listeners:
            listener.tell(run)

    def close(self) -> None:
        """The server is going to end: all listeners are let go."""
        with self._mutex:
            self._is_over = True
            listeners = list(self._listeners)
        for listener in listeners:
            listener.tell(None)
