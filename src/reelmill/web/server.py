"""The HTTP server under the application."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path
from typing import Any

import h11
import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol

from reelmill.web.app import create_app
from reelmill.web.security.refusals import RefusalLog
from reelmill.web.settings import WebSettings

#: Seconds in which a request's head has to come.
_HEAD_S = 15.0
#: The longest head of a request, in bytes.
_LONGEST_HEAD = 32 << 10
#: Seconds for which a stopped server waits for open answers.
_LEAVE_S = 5


class _Protocol(H11Protocol):
    """Closes connections on which the head of a request does not come."""

    refusals: RefusalLog
    _head: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait_for_head()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch_head()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._watch_head()  # the next request may have begun to come meanwhile

    def send_400_response(self, msg: str) -> None:
        client = "" if self.client is None else self.client[0]
        self.refusals.note(status=400, code="no_http", client=client, detail=msg)
        super().send_400_response(msg)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def _watch_head(self) -> None:
        """Wait for the rest of a head that has begun to come."""
        if self.conn.their_state is h11.IDLE and self.conn.trailing_data[0]:
            self._wait_for_head()
        else:
            self._stop_waiting()

    def _wait_for_head(self) -> None:
        if self._head is None:
            self._head = self.loop.call_later(_HEAD_S, self.transport.close)

    def _stop_waiting(self) -> None:
        if self._head is not None:
            self._head.cancel()
            self._head = None


class Server(uvicorn.Server):
    """Lets go of whoever listens to events when it is told to end; they would keep it open."""

    def __init__(self, config: uvicorn.Config, app: FastAPI) -> None:
        super().__init__(config)
        self.app = app

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self.app.state.services.queue.hub.close()
        await super().shutdown(sockets)


def make_server(
    settings: WebSettings, *, certificate: Path | None = None, key: Path | None = None
) -> Server:
    """A server that is not running yet; `await server.serve()` runs it.

    Raises:
        UsageError: the data folder or the password file cannot be used.
    """
    tls: dict[str, Any] = {}
    if certificate is not None:
        tls = {"ssl_certfile": str(certificate), "ssl_keyfile": None if key is None else str(key)}
    app = create_app(settings)
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        http=type("Protocol", (_Protocol,), {"refusals": app.state.refusals}),
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        proxy_headers=settings.proxied,
        forwarded_allow_ips=["127.0.0.1", "::1"],
        server_header=False,
        limit_concurrency=settings.limits.connections,
        h11_max_incomplete_event_size=_LONGEST_HEAD,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=_LEAVE_S,
        **tls,
    )
    return Server(config, app)
