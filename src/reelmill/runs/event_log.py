"""The events of a run, for any number of listeners in threads and event loops."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from typing import Generic, TypeVar

from reelmill.engine.execution.planning import Job
from reelmill.engine.telemetry.events import Event, Progressed, RecordingFinished

T = TypeVar("T")


class EventLog:
    """Keeps the events of a run, so that a listener who starts late misses nothing.

    Only the latest `Progressed` is kept. A slow listener skips some of these. That a recording has
    ended is kept as its job, which is there anyhow: a run may have very many of them.
    """

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.events: list[Event | Job] = []
        self.progress: Progressed | None = None
        self.is_over = False
        self._waiting: list[tuple[asyncio.AbstractEventLoop, asyncio.Future[None]]] = []

    def emit(self, event: Event) -> None:
        if isinstance(event, Progressed):
            with self.changed:
                self.progress = event
                self._wake()
        else:
            self._keep(event)

    def ended(self, job: Job) -> None:
        """Emit that a recording is done or has failed."""
        self._keep(job)

    def at(self, position: int) -> Event:
        """An event by its place."""
        kept = self.events[position]
        return RecordingFinished(kept.outcome()) if isinstance(kept, Job) else kept

    def _keep(self, kept: Event | Job) -> None:
        with self.changed:
            self.events.append(kept)
            self._wake()

    def close(self) -> None:
        """Close the log; no further events follow."""
        with self.changed:
            self.is_over = True
            self._wake()

    def wake(self, loop: asyncio.AbstractEventLoop) -> asyncio.Future[None]:
        """A future of `loop` that is done at the next change. The caller must hold `changed`."""
        woken: asyncio.Future[None] = loop.create_future()
        self._waiting.append((loop, woken))
        return woken

    def _wake(self) -> None:
        self.changed.notify_all()
        waiting, self._waiting = self._waiting, []
        for loop, woken in waiting:
            with contextlib.suppress(RuntimeError):  # that loop has ended, and with it its listener
                loop.call_soon_threadsafe(_finish, woken)


def _finish(woken: asyncio.Future[None]) -> None:
    if not woken.done():
        woken.set_result(None)


class Stream(Generic[T], Iterator[T], AsyncIterator[T]):
    """The events from the start of the run to its end. Use `for` in a thread, where it blocks until
    the next event, or `async for` in any event loop."""

    def __init__(self, log: EventLog, read: Callable[[Event], Iterable[T]]) -> None:
        self._log = log
        self._read = read
        self._position = 0
        self._progress: Progressed | None = None
        self._heard: deque[T] = deque()

    def __iter__(self) -> Stream[T]:
        return self

    def __next__(self) -> T:
        while not self._heard:
            with self._log.changed:
                event = self._next_event()
                if event is None:
                    if self._log.is_over:
                        raise StopIteration
                    self._log.changed.wait()
                    continue
            self._heard.extend(self._read(event))
        return self._heard.popleft()

    def __aiter__(self) -> Stream[T]:
        return self

    async def __anext__(self) -> T:
        while not self._heard:
            woken: asyncio.Future[None] | None = None
            with self._log.changed:
                event = self._next_event()
                if event is None:
                    if self._log.is_over:
                        raise StopAsyncIteration
                    woken = self._log.wake(asyncio.get_running_loop())
            if event is not None:
                self._heard.extend(self._read(event))
            elif woken is not None:
                await woken
        return self._heard.popleft()

    def _next_event(self) -> Event | None:
        if self._position < len(self._log.events):
            self._position += 1
            return self._log.at(self._position - 1)
        latest = self._log.progress
        if latest is self._progress or self._log.is_over:
            return None
        self._progress = latest
        return latest
