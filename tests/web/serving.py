"""A server in a thread, and a client for it."""

from __future__ import annotations

import asyncio
import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reelmill.web.server import make_server
from reelmill.web.settings import WebSettings
from tests.ports import free_port

TOKEN = "a-token-for-tests"


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        return str(self.json["error"]["code"])


class Serving:
    """A running server, and requests to it by whoever has its token."""

    def __init__(self, settings: WebSettings, **tls: Path) -> None:
        self.settings = settings
        self.server = make_server(settings, **tls)
        self.app = self.server.app
        self._socket = socket.create_server((settings.host, settings.port))
        run = self.server.serve(sockets=[self._socket])
        self._thread = threading.Thread(target=asyncio.run, args=[run], daemon=True)
        self._thread.start()
        until = time.monotonic() + 60
        while not self.server.started:
            assert self._thread.is_alive() and time.monotonic() < until, "it does not start"
            time.sleep(0.01)

    @property
    def address(self) -> str:
        return f"http://{self.settings.host}:{self.settings.port}"

    def ask(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> Answer:
        """Send a request; a body that is not bytes is sent as JSON."""
        sent = {"authorization": f"Bearer {TOKEN}", **(headers or {})}
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
            sent.setdefault("content-type", "application/json")
        connection = http.client.HTTPConnection(self.settings.host, self.settings.port, timeout=90)
        try:
            connection.request(
                method, path, body, {name: value for name, value in sent.items() if value}
            )
            answer = connection.getresponse()
            fields = {name.lower(): value for name, value in answer.getheaders()}
            return Answer(answer.status, fields, answer.read())
        finally:
            connection.close()

    def get(self, path: str, **headers: str) -> Answer:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.ask("GET", path, headers=named)

    def refused(self) -> list[dict[str, Any]]:
        """The log of refused requests."""
        path = self.settings.data / "server" / "refused.jsonl"
        return [json.loads(line) for line in path.read_text("utf-8").splitlines()]

    def close(self) -> None:
        self.server.should_exit = True
        self._thread.join(90)
        assert not self._thread.is_alive(), "it does not end"


@contextmanager
def serving(data: Path, **given: Any) -> Iterator[Serving]:
    """A server that has its data there, until the end of the block."""
    values = {"port": free_port(), "token": TOKEN, **given}
    server = Serving(WebSettings(data=data, **values))
    try:
        yield server
    finally:
        server.close()
