"""The server with a certificate, as it is reached from elsewhere."""

from __future__ import annotations

import http.client
import socket
import ssl
from collections.abc import Iterator
from urllib.parse import urlencode

import pytest

from reelmill.web.security.passwords import Entry, hashed, write_people
from reelmill.web.settings import WebSettings
from tests.certificates import certificates
from tests.ports import free_port
from tests.web.serving import Serving

PASSWORD = "a long enough password"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Serving, ssl.SSLContext]]:
    folder = tmp_path_factory.mktemp("tls")
    tls = certificates(folder / "tls")
    write_people(folder / "people.json", {"ada": Entry(role="admin", password=hashed(PASSWORD))})
    settings = WebSettings(
        data=folder / "data",
        host="0.0.0.0",
        port=free_port(),
        token="",
        passwords=folder / "people.json",
        tls=True,
        parallel=0,
    )
    running = Serving(settings, certificate=tls.certificate, key=tls.key)
    try:
        yield running, ssl.create_default_context(cafile=str(tls.ca))
    finally:
        running.close()


def _ask(
    server: tuple[Serving, ssl.SSLContext], method: str, path: str, body: str = "", **headers: str
) -> tuple[int, http.client.HTTPMessage, bytes]:
    running, trusted = server
    port = running.settings.port
    connection = http.client.HTTPSConnection("127.0.0.1", port, context=trusted, timeout=60)
    own = {"host": f"localhost:{port}", "origin": f"https://localhost:{port}"}
    form = {"content-type": "application/x-www-form-urlencoded"} if body else {}
    try:
        connection.request(method, path, body or None, {**own, **form, **headers})
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        connection.close()


def test_who_logs_in_over_tls_gets_a_cookie_that_goes_nowhere_else(
    server: tuple[Serving, ssl.SSLContext],
) -> None:
    # proves: W4
    assert _ask(server, "GET", "/runs")[0] == 401
    login = urlencode({"name": "ada", "password": PASSWORD})
    status, headers, _ = _ask(server, "POST", "/login", login)
    assert (status, headers["location"]) == (303, "/")
    cookie = headers["set-cookie"]
    assert {"Secure", "HttpOnly", "SameSite=strict"} <= {one.strip() for one in cookie.split(";")}
    assert headers["strict-transport-security"]
    assert _ask(server, "GET", "/runs", cookie=cookie.partition(";")[0])[0] == 200
    plain = {"origin": f"http://localhost:{server[0].settings.port}"}
    assert _ask(server, "POST", "/login", login, **plain)[0] == 403, "a page without TLS"


def test_without_tls_there_is_no_answer(server: tuple[Serving, ssl.SSLContext]) -> None:
    # proves: W4
    with socket.create_connection(("127.0.0.1", server[0].settings.port), timeout=60) as plain:
        plain.sendall(b"GET /login HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert not plain.recv(100).startswith(b"HTTP/")
