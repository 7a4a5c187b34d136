"""Time stamps of a local authority: only its reply to our request about our bytes is accepted."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from reelmill.errors import InputError, UsageError
from reelmill.evidence.custody import timestamp
from tests.evidence.custody.authority import Authority

DATA = b"the head of a log"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authorities") / "one")


def test_a_reply_says_when_and_by_whom(authority: Authority) -> None:
    request = timestamp.new_request(DATA)
    reply = authority.stamp(request)
    stamp = timestamp.check_reply(DATA, request, reply, authority.root.read_bytes())
    assert stamp.authority == "CN=Authority"
    assert abs(stamp.at - datetime.now(timezone.utc)) < timedelta(minutes=5)


def test_what_is_no_reply_to_this_request_is_refused(authority: Authority) -> None:
    root = authority.root.read_bytes()
    request, other = timestamp.new_request(DATA), timestamp.new_request(DATA)
    reply = authority.stamp(request)
    with pytest.raises(InputError, match="another request"):
        timestamp.check_reply(DATA, other, reply, root)
    with pytest.raises(InputError, match="is not valid"):
        timestamp.check_reply(DATA + b"!", request, reply, root)
    with pytest.raises(InputError, match="not a time stamp reply"):
        timestamp.check_reply(DATA, request, b"nothing", root)
    for at in (len(reply) - 5, len(reply) // 2):
        broken = bytearray(reply)
        broken[at] ^= 1
        with pytest.raises(InputError):
            timestamp.check_reply(DATA, request, bytes(broken), root)


def test_an_authority_that_nobody_trusts_is_refused(authority: Authority, tmp_path: Path) -> None:
    request = timestamp.new_request(DATA)
    reply = authority.stamp(request)
    other = Authority(tmp_path / "other").root.read_bytes()
    with pytest.raises(InputError, match="--tsa-ca"):
        timestamp.check_reply(DATA, request, reply, other)
    with pytest.raises(InputError, match="--tsa-ca"):
        timestamp.check_reply(DATA, request, reply, b"")


def test_a_request_is_sent_and_the_reply_comes_back(authority: Authority) -> None:
    asked: list[str | None] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append(self.headers["Content-Type"])
            data = self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(authority.stamp(data))

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.handle_request, daemon=True).start()
    request = timestamp.new_request(DATA)
    reply = timestamp.send(f"http://127.0.0.1:{server.server_port}/", request)
    server.server_close()
    assert asked == ["application/timestamp-query"]
    timestamp.check_reply(DATA, request, reply, authority.root.read_bytes())


def test_no_answer_is_told_with_the_way_on() -> None:
    with pytest.raises(UsageError, match="--timestamp-reply"):
        timestamp.send("http://127.0.0.1:9/", b"request")
    with pytest.raises(UsageError, match="http"):
        timestamp.send("file:///etc/passwd", b"request")
