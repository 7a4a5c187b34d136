"""Clients that send or read too slowly."""

from __future__ import annotations

import asyncio
import time

from starlette.types import Message, Receive, Send

from reelmill.web.errors import Refused
from reelmill.web.settings import Limits


class TimedBody:
    """Receives a body. One that stops, or comes too slowly, is refused."""

    def __init__(self, receive: Receive, length: int, limits: Limits) -> None:
        self._receive = receive
        self._left = length
        self._got = 0
        self._limits = limits
        self._began = time.monotonic()
        #: Why the body was refused, for whoever the exception does not reach.
        self.refusal: Refused | None = None

    @property
    def is_whole(self) -> bool:
        """Whether everything that was announced has come."""
        return self._left <= 0

    async def __call__(self) -> Message:
        """The next message.

        Raises:
            Refused: it did not come in time.
        """
        if self._left <= 0:  # an open answer waits for the client to leave, however long it takes
            return await self._receive()
        try:
            message = await asyncio.wait_for(self._receive(), self._limits.patience)
        except asyncio.TimeoutError:
            raise self._too_slow() from None
        if message["type"] == "http.request":
            size = len(message.get("body", b""))
            self._left -= size
            self._got += size
            if not message.get("more_body", False):
                self._left = 0
            took = time.monotonic() - self._began
            if self._left > 0 and took > self._limits.patience:
                self._check_pace(took)
        return message

    def _check_pace(self, took: float) -> None:
        if self._got / took < self._limits.slowest:
            raise self._too_slow()

    def _too_slow(self) -> Refused:
        detail = f"{self._got} bytes in {time.monotonic() - self._began:.0f} s"
        self.refusal = Refused(
            408, "too_slow", "the request came too slowly; send it again", detail
        )
        return self.refusal


class SlowReaderError(Exception):
    """A client does not read its answer."""


def impatient(send: Send, limits: Limits) -> Send:
    """`send`, which raises SlowReaderError where the client reads nothing for too long."""

    async def sending(message: Message) -> None:
        try:
            await asyncio.wait_for(send(message), 2 * limits.patience)
        except asyncio.TimeoutError:
            raise SlowReaderError from None

    return sending
