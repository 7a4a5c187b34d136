"""Webhooks: a run's events, sent to an address and signed.

The form is that of https://www.standardwebhooks.com: `webhook-id`, `webhook-timestamp` and
`webhook-signature: v1,BASE64`, an HMAC-SHA256 over `ID.TIMESTAMP.BODY`.

An address is given by whoever makes a run, and could name something that only this machine reaches.
A name is therefore resolved here, and the connection goes to the address that was checked; no
redirect is followed, and nothing of an answer but its status is looked at.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import hmac
import http.client
import ipaddress
import json
import logging
import secrets
import socket
import ssl
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

from reelmill import __version__
from reelmill.errors import reason
from reelmill.web.errors import Refused
from reelmill.web.queue.records import QueuedRun, Records, Webhook, new_id
from reelmill.web.store import Store

_log = logging.getLogger("reelmill.web")
_PREFIX = "whsec_"
#: Seconds between tries, about a day and a half in all.
_WAITS = (5.0, 30.0, 120.0, 600.0, 3600.0, 6 * 3600.0, 24 * 3600.0)
#: Seconds for a connection, and for a whole delivery.
_CONNECT_S, _WHOLE_S = 10.0, 20.0
_AT_ONCE = 4
_GONE = 410
#: Of IPv6: addresses behind which IPv4 ones are (NAT64, RFC 6052).
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


class Undeliverable(Exception):
    """An address that nothing is sent to."""


class Webhooks:
    """Sends events in the background, again and again until they arrive. What is to be sent is on
    the disk, so a restart loses nothing."""

    def __init__(self, store: Store, records: Records, *, private: bool) -> None:
        self._store = store
        self._records = records
        self._private = private
        self._woken = threading.Event()
        self._is_over = False
        self._sending: set[str] = set()
        self._pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="reelmill webhook")
        self._thread = threading.Thread(target=self._work, name="reelmill webhooks", daemon=True)

    def open(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._is_over = True
        self._woken.set()
        self._thread.join()
        self._pool.shutdown(cancel_futures=True)

    def add(self, run: QueuedRun, event: str, data: dict[str, Any]) -> None:
        """Send an event of a run, if its webhook wants it."""
        if run.webhook is None or event not in run.webhook.events:
            return
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        body = json.dumps({"type": event, "timestamp": stamp, "data": data}, ensure_ascii=False)
        self._store.execute(
            "INSERT INTO deliveries VALUES (?, ?, ?, ?, 0, ?)",
            f"msg_{new_id()}",
            run.id,
            event,
            body.encode("utf-8", "backslashreplace").decode(),
            time.time(),
        )
        self._woken.set()

    def _work(self) -> None:
        while not self._is_over:
            self._woken.clear()
            now = time.time()
            rows = self._store.rows("SELECT id, due FROM deliveries ORDER BY due LIMIT 100")
            for row in rows:
                if row["due"] <= now and row["id"] not in self._sending:
                    self._sending.add(row["id"])
                    self._pool.submit(self._deliver, row["id"])
            waits = [row["due"] - now for row in rows if row["id"] not in self._sending]
            self._woken.wait(min([60.0, *(max(0.05, wait) for wait in waits)]))

    def _deliver(self, name: str) -> None:
        try:
            row = self._store.row("SELECT * FROM deliveries WHERE id = ?", name)
            run = None if row is None else self._records.get(row["run"])
            if row is None or run is None or run.webhook is None:
                return
            problem = self._problem(run.webhook, name, row["body"].encode())
            tries = row["tries"] + 1
            if problem is None or tries > len(_WAITS) or problem == str(_GONE):
                self._store.execute("DELETE FROM deliveries WHERE id = ?", name)
            else:
                due = time.time() + _WAITS[tries - 1]
                self._store.execute(
                    "UPDATE deliveries SET tries = ?, due = ? WHERE id = ?", tries, due, name
                )
            if problem is not None:
                _log.warning("webhook %s of run %s, try %d: %s", name, run.id, tries, problem)
        finally:
            self._sending.discard(name)
            self._woken.set()

    def _problem(self, webhook: Webhook, name: str, body: bytes) -> str | None:
        """Send it once; why it did not arrive."""
        try:
            status = send(webhook, name, body, private=self._private)
        except (OSError, http.client.HTTPException, Undeliverable) as error:
            return reason(error)
        return None if 200 <= status < 300 else str(status)


def send(
    webhook: Webhook, name: str, body: bytes, *, private: bool, now: float | None = None
) -> int:
    """Send an event once; the status of the answer.

    Raises:
        Undeliverable: the address leads into the local network, and that is not allowed.
        OSError, HTTPException: it could not be sent.
    """
    parts = urlsplit(webhook.url)
    host = parts.hostname or ""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    stamp = str(int(time.time()))
    connection = _Connection(host, port, _resolved(host, port, private=private))
    if parts.scheme == "https":
        connection.tls = ssl.create_default_context()
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    late = threading.Timer(_WHOLE_S, connection.give_up)
    late.daemon = True
    late.start()
    try:
        connection.request(
            "POST",
            target,
            body,
            {
                "content-type": "application/json",
                "user-agent": f"reelmill/{__version__}",
                "webhook-id": name,
                "webhook-timestamp": stamp,
                "webhook-signature": signature(webhook.secret, name, stamp, body),
            },
        )
        return connection.getresponse().status
    finally:
        late.cancel()
        connection.close()


class _Connection(http.client.HTTPConnection):
    """A connection to an address that was checked, whatever the name leads to now."""

    def __init__(self, host: str, port: int, address: str) -> None:
        super().__init__(host, port, timeout=_CONNECT_S)
        self._address = address
        self.tls: ssl.SSLContext | None = None

    def connect(self) -> None:
        opened = socket.create_connection((self._address, self.port), self.timeout)
        self.sock = opened
        if self.tls is not None:
            self.sock = self.tls.wrap_socket(opened, server_hostname=self.host)

    def give_up(self) -> None:
        """End a delivery that takes too long. From another thread."""
        sock = self.sock
        if sock is not None:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)


def signature(secret: str, name: str, stamp: str, body: bytes) -> str:
    """The signature of a message."""
    signed = f"{name}.{stamp}.".encode() + body
    mac = hmac.digest(secret_bytes(secret), signed, "sha256")
    return f"v1,{base64.b64encode(mac).decode()}"


def new_secret() -> str:
    """A secret that nobody can guess."""
    return _PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def secret_bytes(secret: str) -> bytes:
    """The bytes of a secret.

    Raises:
        Refused: it is not base64, or too short.
    """
    try:
        found = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        found = b""
    if len(found) < 16:
        raise Refused(
            422, "bad_secret", "a webhook's secret is base64 of 16 bytes or more, after whsec_"
        )
    return found


def check_url(url: str, *, private: bool) -> None:
    """Raise Refused where nothing would ever be sent to this address."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
    plain = all(33 <= ord(character) < 127 for character in url)
    if host is None or parts.scheme not in ("http", "https") or parts.username or not plain:
        raise Refused(422, "bad_webhook", "a webhook's url is http or https, with a host")
    if not private and _is_plainly_private(host):
        raise Refused(422, "private_webhook", _PRIVATE)


_PRIVATE = (
    "this webhook leads into the server's own network; start the server with --private-webhooks "
    "to allow that"
)


def _is_plainly_private(host: str) -> bool:
    """Whether a host is not of the internet, as far as can be told without resolving it. Others
    are resolved whenever something is sent."""
    name = host.lower().rstrip(".")
    if name == "localhost" or name.endswith(".localhost"):
        return True
    with contextlib.suppress(OSError):  # 127.1, 0x7f000001 and the like, as systems read them
        return not is_public(socket.inet_ntoa(socket.inet_aton(name)))
    with contextlib.suppress(ValueError):
        return not is_public(name)
    return False


def is_public(address: str) -> bool:
    """Whether an IP address is one of the internet. Raises ValueError where it is no address."""
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        inner = found.ipv4_mapped or found.sixtofour
        if inner is None and found in _NAT64:
            inner = ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)
        if inner is not None:
            found = inner
    return found.is_global and not found.is_multicast


def _resolved(host: str, port: int, *, private: bool) -> str:
    """The address of a host. If one of its addresses is not of the internet, none is used."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = [str(one[4][0]) for one in found]
    if not private and not all(map(is_public, addresses)):
        raise Undeliverable(_PRIVATE)
    return addresses[0]
