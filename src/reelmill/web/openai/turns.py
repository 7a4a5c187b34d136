"""Who may be worked for: clients take turns, and one that sends too much waits or is refused."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter, deque
from collections.abc import AsyncIterator, Iterator

from reelmill.web.openai.errors import ApiError
from reelmill.web.openai.limits import EndpointLimits

#: The weight of the latest request in the mean time that one takes.
_LATEST = 0.1
_LONGEST_WAIT = 60


class Turns:
    """The requests of all clients."""

    def __init__(self, limits: EndpointLimits) -> None:
        self._limits = limits
        self._present: Counter[str] = Counter()
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}
        self._free = limits.at_once
        self._seconds = 1.0

    @property
    def is_idle(self) -> bool:
        """Whether there is no request."""
        return not self._present

    @property
    def at_work(self) -> int:
        """The number of recordings in the engine."""
        return self._limits.at_once - self._free

    @contextlib.contextmanager
    def present(self, client: str) -> Iterator[None]:
        """A request of a client is here, from before its body is read until it is answered.

        Raises:
            ApiError: there are too many.
        """
        mine, all_of_them = self._present[client], self._present.total()
        if mine >= self._limits.per_client or all_of_them >= self._limits.requests:
            whose = "yours" if mine >= self._limits.per_client else "all clients'"
            raise ApiError(
                429,
                f"Rate limit reached: {mine} of your requests and {all_of_them} in all are being "
                f"worked on, and {whose} are as many as are accepted; try again later",
                code="rate_limit_exceeded",
                retry_after=self._wait(),
            )
        self._present[client] += 1
        try:
            yield
        finally:
            self._present[client] -= 1
            if not self._present[client]:
                del self._present[client]

    @contextlib.asynccontextmanager
    async def turn(self, client: str) -> AsyncIterator[None]:
        """Wait for a place in the engine, and have it during the block."""
        if self._free:
            self._free -= 1
        else:
            await self._next(client)
        began = time.monotonic()
        try:
            yield
        finally:
            self._seconds += _LATEST * (time.monotonic() - began - self._seconds)
            self._hand_on()

    async def _next(self, client: str) -> None:
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(client, deque()).append(place)
        try:
            await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled():
                self._hand_on()
            raise

    def _hand_on(self) -> None:
        """Give a place to the client that has waited longest for a turn, and put its next request
        behind those of all others."""
        while self._waiting:
            client = next(iter(self._waiting))
            places = self._waiting.pop(client)
            place = places.popleft()
            if places:
                self._waiting[client] = places
            if not place.done():
                place.set_result(None)
                return
        self._free += 1

    def _wait(self) -> int:
        """Seconds until a place is likely to be free."""
        rounds = self._present.total() / self._limits.at_once
        return max(1, min(_LONGEST_WAIT, round(self._seconds * rounds / 2)))
