"""Webhooks arrive, signed, and lead nowhere that was not allowed."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from reelmill.web.queue import webhooks
from reelmill.web.queue.records import QueuedRun, Records, Webhook
from reelmill.web.queue.webhooks import Undeliverable, Webhooks, is_public, send
from reelmill.web.store import Store

KEY = b"a key of thirty-two bytes length"
SECRET = "whsec_" + base64.b64encode(KEY).decode()


class Receiver(HTTPServer):
    """Keeps what is sent to it, and answers with the statuses given, the last one from then on."""

    def __init__(self, *statuses: int) -> None:
        self.statuses = list(statuses)
        self.got: list[tuple[dict[str, str], bytes]] = []
        super().__init__(("127.0.0.1", 0), _Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/hook?a=b"


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.got.append(({k.lower(): v for k, v in self.headers.items()}, body))
        statuses = self.server.statuses
        status = statuses.pop(0) if len(statuses) > 1 else statuses[0]
        self.send_response(status)
        if status == 302:
            self.send_header("Location", self.server.url)
        self.end_headers()

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path / "data")
    yield opened
    opened.close()


def _delivered(store: Store, receiver: Receiver, wait: Any) -> QueuedRun:
    """An event was added, and `wait` is true of what was received."""
    records = Records(store)
    hook = Webhook(receiver.url, SECRET, ("run.done",))
    out = store.data / "out"
    run = records.add(QueuedRun("r", 0, "kim", "통화", "voice", {}, (), out, webhook=hook))
    sender = Webhooks(store, records, private=True)
    sender.open()
    try:
        sender.add(run, "run.started", {})  # not asked for
        sender.add(run, "run.done", {"run": {"title": "통화"}})
        until = time.monotonic() + 60
        while not wait():
            assert time.monotonic() < until, receiver.got
            time.sleep(0.01)
    finally:
        sender.close()
        receiver.shutdown()
    return run


def test_an_event_arrives_signed_again_and_again_until_it_is_taken(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    # proves: W1
    monkeypatch.setattr(webhooks, "_WAITS", (0.05, 0.05, 0.05))
    receiver = Receiver(500, 302, 200)
    _delivered(store, receiver, lambda: not store.rows("SELECT id FROM deliveries"))
    assert len(receiver.got) == 3  # a redirect is not followed
    assert len({headers["webhook-id"] for headers, _ in receiver.got}) == 1
    headers, body = receiver.got[-1]
    assert json.loads(body)["type"] == "run.done"
    assert json.loads(body)["data"]["run"]["title"] == "통화"
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.new(KEY, signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"
    assert abs(int(headers["webhook-timestamp"]) - time.time()) < 60


def test_what_did_not_arrive_is_sent_after_a_restart(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    # proves: W1
    receiver = Receiver(503)
    _delivered(store, receiver, lambda: bool(receiver.got))
    (left,) = store.rows("SELECT tries, due FROM deliveries")
    assert left["tries"] == 1 and left["due"] > time.time()


def test_nothing_is_sent_into_the_local_network__unless_that_is_allowed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # proves: W1
    receiver = Receiver(200)
    hook = Webhook(receiver.url, SECRET)
    with pytest.raises(Undeliverable, match="own network"):
        send(hook, "msg", b"{}", private=False)
    # A name with an address on the internet, and one here.
    named = Webhook(f"http://hook.example:{receiver.server_port}/", SECRET)
    addresses = ["8.8.8.8", "127.0.0.1"]
    monkeypatch.setattr(
        webhooks.socket,
        "getaddrinfo",
        lambda host, port, *_, **__: [(2, 1, 6, "", (one, port)) for one in addresses],
    )
    with pytest.raises(Undeliverable):
        send(named, "msg", b"{}", private=False)
    del addresses[0]
    assert send(named, "msg", b"{}", private=True) == 200  # to the address, whatever the name is
    receiver.shutdown()


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True), ("2001:4860:4860::8888", True), ("127.0.0.1", False),
        ("10.1.2.3", False), ("172.16.0.1", False), ("192.168.1.1", False),
        ("169.254.169.254", False), ("0.0.0.0", False),
        ("100.64.0.1", False), ("224.0.0.1", False), ("255.255.255.255", False), ("::1", False),
        ("::", False), ("fe80::1%eth0", False), ("fd00::1", False), ("::ffff:10.0.0.1", False),
        ("64:ff9b::a00:1", False), ("2002:7f00:1::", False), ("ff02::1", False),
    ],
)  # fmt: skip
def test_which_addresses_are_of_the_internet(address: str, public: bool) -> None:
    # proves: W1
    assert is_public(address) is public
