"""Clients that hang, send slowly, or read nothing cost only themselves."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import pytest

from reelmill.web import server as web_server
from reelmill.web.settings import Limits
from tests.web.serving import TOKEN, Serving, serving


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(web_server, "_HEAD_S", 0.4)
        limits = Limits(patience=0.4, slowest=1000, connections=40)
        with serving(tmp_path_factory.mktemp("slow"), limits=limits) as running:
            yield running


def _opened(server: Serving, sent: str) -> socket.socket:
    opened = socket.create_connection((server.settings.host, server.settings.port), timeout=10)
    opened.sendall(sent.encode())
    return opened


def _head(server: Serving, path: str, length: int) -> str:
    host = f"{server.settings.host}:{server.settings.port}"
    return (
        f"POST {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {TOKEN}\r\n"
        f"Content-Length: {length}\r\n\r\n"
    )


@pytest.mark.parametrize("sent", ["", "GET / HTTP/1.1\r\nHost: loc"])
def test_a_head_that_does_not_come_closes_the_connection(server: Serving, sent: str) -> None:
    # proves: W2
    with _opened(server, sent) as opened:
        assert opened.recv(100) == b""


def test_a_head_that_stops_after_a_first_request_closes_the_connection(server: Serving) -> None:
    # proves: W2
    host = f"{server.settings.host}:{server.settings.port}"
    whole = f"HEAD /favicon.ico HTTP/1.1\r\nHost: {host}\r\n\r\n"
    with _opened(server, whole) as opened:
        assert opened.recv(1 << 16).startswith(b"HTTP/1.1 200")
        opened.sendall(b"GET / HT")
        began = time.monotonic()
        assert opened.recv(100) == b""
        assert time.monotonic() - began < 5


def test_a_body_that_drips_is_refused(server: Serving) -> None:
    # proves: W2
    with _opened(server, _head(server, "/uploads?name=a.wav", 100_000)) as opened:
        opened.settimeout(0.1)
        answer = b""
        for _ in range(60):
            try:
                opened.sendall(b"x")
                answer = opened.recv(1 << 16)
                break
            except TimeoutError:
                continue
        assert answer.startswith(b"HTTP/1.1 408")
    assert server.refused()[-1]["code"] == "too_slow"


def test_fifty_connections_that_hang_leave_room_for_others(server: Serving) -> None:
    # proves: W2
    hanging = [_opened(server, "GET / HTTP/1.1\r\n") for _ in range(50)]
    try:
        time.sleep(0.6)
        assert server.get("/").status == 200
    finally:
        for one in hanging:
            one.close()
