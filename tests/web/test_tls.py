"""The server with a certificate of its own, as it is reached from elsewhere."""

from __future__ import annotations

import datetime
import http.client
import ipaddress
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from reelmill.web.security.passwords import Entry, hashed, write_people
from reelmill.web.settings import WebSettings
from tests.web.serving import Serving, free_port

PASSWORD = "a long enough password"


def _certificate(folder: Path) -> dict[str, Path]:
    """A certificate for this machine that its own key has signed, and the key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "reelmill test")])
    now = datetime.datetime.now(datetime.timezone.utc)
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(key, hashes.SHA256())
    )
    made = {"certificate": folder / "cert.pem", "key": folder / "key.pem"}
    made["certificate"].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    made["key"].write_bytes(private)
    return made


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Serving, ssl.SSLContext]]:
    folder = tmp_path_factory.mktemp("tls")
    tls = _certificate(folder)
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
    running = Serving(settings, **tls)
    try:
        yield running, ssl.create_default_context(cafile=str(tls["certificate"]))
    finally:
        running.close()


def _ask(
    server: tuple[Serving, ssl.SSLContext], method: str, path: str, body: str = "", **headers: str
) -> tuple[int, http.client.HTTPMessage, bytes]:
    running, trusted = server
    port = running.settings.port
    connection = http.client.HTTPSConnection("127.0.0.1", port, context=trusted, timeout=20)
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
    with socket.create_connection(("127.0.0.1", server[0].settings.port), timeout=20) as plain:
        plain.sendall(b"GET /login HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert not plain.recv(100).startswith(b"HTTP/")
