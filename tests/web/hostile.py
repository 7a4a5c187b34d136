"""Requests that nobody means well with, and the status that each gets."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote

from tests.web.serving import TOKEN

#: What stands for the run, the host with its port, and a cookie of somebody who was let in.
RUN, HOST, COOKIE = "{run}", "{host}", "{cookie}"
_BEARER = {"Authorization": f"Bearer {TOKEN}"}


@dataclass(frozen=True)
class Hostile:
    """`request` is sent as it is; the answer has one of `statuses`. `is_cut`: the connection is
    then closed from this side, and there is no answer."""

    what: str
    request: str
    statuses: tuple[int, ...]
    is_cut: bool = False


def http(
    method: str, target: str, headers: dict[str, str] | None = None, body: str | None = None
) -> str:
    """A request of whoever has the token, unless the headers say otherwise; None leaves one out."""
    fields: dict[str, str | None] = {"Host": HOST, **_BEARER, "Connection": "close"}
    if body is not None:
        fields["Content-Length"] = str(len(body.encode("utf-8", "surrogateescape")))
        fields["Content-Type"] = "application/json"
    fields.update(headers or {})
    lines = [f"{name}: {value}" for name, value in fields.items() if value != "-"]
    return "\r\n".join([f"{method} {target} HTTP/1.1", *lines, "", body or ""])


_TRAVERSALS = {
    "../../../../etc/passwd": (400,),
    "..%2f..%2f..%2fetc%2fpasswd": (400,),
    "%2e%2e/%2e%2e/%2e%2e/etc/passwd": (400,),
    "%2e%2e%2f%2e%2e%2fetc%2fpasswd": (400,),
    "..%5c..%5cetc%5cpasswd": (400,),
    "..\\..\\etc\\passwd": (400,),
    "%252e%252e%252fetc%252fpasswd": (404,),
    "....//....//etc/passwd": (404,),
    "%c0%ae%c0%ae/etc/passwd": (404,),
    "index.html%00.txt": (400,),
    "./index.html": (400,),
    "%2e/index.html": (400,),
    "a/%2e%2e": (400,),
    "index.html%0d%0aset-cookie:%20a=b": (400,),
}


def traversals() -> Iterator[Hostile]:
    for at in (f"/results/{RUN}/", "/static/", f"/runs/{RUN}/originals/", "/"):
        for path, statuses in _TRAVERSALS.items():
            yield Hostile(f"path {at}{path}", http("GET", at + path), statuses)


def foreign_files() -> Iterator[Hostile]:
    for path in (
        ".cache/ledger.sqlite", ".cache/written.jsonl", ".cache", "somebodys.txt", "linked.html",
        "linked/passwd", "folder", "nothing.html", "index.html/", "/index.html", "sub//page.html",
    ):  # fmt: skip
        yield Hostile(f"result {path}", http("GET", f"/results/{RUN}/{path}"), (404,))
    yield Hostile(
        "a result that was changed", http("GET", f"/results/{RUN}/index_files/lines-1.js"), (403,)
    )
    for path in ("/results/none/index.html", "/runs/none", f"/runs/{RUN}/originals/none"):
        yield Hostile(path, http("GET", path), (404,))


_BELOW_ROOT = {
    "..": (400,), "../..": (400,), "calls/../..": (400,), "/etc": (400,), "//etc": (400,),
    ".hidden": (400,), "calls/.hidden": (400,), "calls\\..\\..": (400,), "out": (403,),
    "out/etc": (403, 404), "calls/a\0b": (400, 404), "nothing": (404,), "x" * 3000: (404,),
    "x/" * 2500: (400, 422),
}  # fmt: skip


def outside_the_root() -> Iterator[Hostile]:
    for path, statuses in _BELOW_ROOT.items():
        yield Hostile(f"list {path[:40]!r}", http("GET", f"/folders?path={quote(path)}"), statuses)
    yield Hostile("list a file", http("GET", "/folders?path=calls/a.wav"), (404,))
    for path, statuses in {**_BELOW_ROOT, "out.wav": (403,)}.items():
        body = json.dumps({"paths": [path]})
        yield Hostile(f"take {path[:40]!r}", http("POST", "/runs", body=body), statuses)
    for path in ("..", "/tmp/x", "out/x", "out", ".x", "calls/../../x", "calls/a.wav", "calls"):
        body = json.dumps({"paths": ["calls"], "out": path})
        yield Hostile(f"write to {path}", http("POST", "/runs", body=body), (400, 403, 422))


def wrong_hosts() -> Iterator[Hostile]:
    for host in (
        "evil.example", "evil.example:{port}", "127.0.0.1.evil.example", "localhost.evil.example",
        "127.0.0.1@evil.example", "evil.example#@127.0.0.1", "192.168.1.5", "10.0.0.1:80",
        "0.0.0.0",
        "[::ffff:8.8.8.8]", "127.0.0.1:99999", "127.0.0.1/x", "127.0.0.1 evil", "[::1",
        "metadata.google.internal", "xn--127.0.0.1",
    ):  # fmt: skip
        yield Hostile(f"host {host}", http("GET", "/runs", {"Host": host}), (421, 400))
    yield Hostile("no host", http("GET", "/runs", {"Host": "-"}), (400,))
    two = f"GET /runs HTTP/1.1\r\nHost: {HOST}\r\nHost: evil.example\r\n\r\n"
    yield Hostile("two hosts", two, (400,))
    yield Hostile("a host in the target", http("GET", "http://evil.example/runs"), (400,))


def wrong_origins() -> Iterator[Hostile]:
    by_cookie = {"Authorization": "-", "Cookie": COOKIE}
    cancel = f"/runs/{RUN}/cancel"
    for origin in (
        "http://evil.example", "null", "http://127.0.0.1:1", "https://{host}", "http://localhost",
        "http://{host}.evil.example", "file://", "http://{host}/", "",
    ):  # fmt: skip
        for who in ({}, by_cookie):
            headers = {**who, "Origin": origin}
            yield Hostile(f"origin {origin}", http("POST", cancel, headers, ""), (403,))
    yield Hostile(
        "origin of a reader", http("GET", "/runs", {"Origin": "http://evil.example"}), (403,)
    )
    for site in ("cross-site", "same-site", "anything"):
        headers = {**by_cookie, "Sec-Fetch-Site": site}
        yield Hostile(f"from {site}", http("POST", cancel, headers, ""), (403,))
    yield Hostile("no origin", http("POST", cancel, by_cookie, ""), (403,))


def nobody() -> Iterator[Hostile]:
    for value in ("-", "", "Bearer", "Bearer ", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}",
                  f"Basic {TOKEN}", TOKEN, "Bearer " + "x" * 8000, "Bearer rmk_x"):  # fmt: skip
        request = http("GET", "/runs", {"Authorization": value})
        yield Hostile(f"authorization {value[:30]!r}", request, (401,))
    for cookie in ("reelmill_1=x", f"{COOKIE}x", f"reelmill={TOKEN}"):
        request = http("GET", "/runs", {"Authorization": "-", "Cookie": cookie})
        yield Hostile(f"cookie {cookie[:20]}", request, (401,))
    for path in ("/", "/events", "/openapi.json", "/search?q=a", f"/results/{RUN}/index.html",
                 "/folders", "/machine", "/find?q=a", "/?token=", f"/?token={TOKEN}x"):  # fmt: skip
        yield Hostile(f"nobody {path}", http("GET", path, {"Authorization": "-"}), (401,))


def wrong_lengths() -> Iterator[Hostile]:
    for length in ("-1", "+5", "5 5", "0x10", "5,6", "1e3", "99999999999999999999", "", "٣"):
        request = http("POST", "/runs", {"Content-Length": length}, "{}")
        yield Hostile(f"length {length!r}", request, (400,))
    chunked = {"Transfer-Encoding": "chunked", "Content-Length": "-"}
    for path in ("/runs", "/uploads?name=a.wav"):
        yield Hostile(
            f"no length {path}", http("POST", path, chunked, "5\r\nhello\r\n0\r\n\r\n"), (411,)
        )
    both = http("POST", "/runs", {"Transfer-Encoding": "chunked"}, "0\r\n\r\n")
    yield Hostile("two ways of length", both, (400, 411))
    yield Hostile(
        "gzip", http("POST", "/runs", {"Transfer-Encoding": "gzip"}, "x"), (400, 411, 501)
    )
    for path, length in (("/runs", 2 << 20), ("/uploads?name=a.wav", 9 << 20), ("/login", 2 << 20)):
        request = http("POST", path, {"Content-Length": str(length)}, "x")
        yield Hostile(f"too large {path}", request, (413,))
    yield Hostile("nothing sent", http("POST", "/uploads?name=a.wav", body=""), (400,))
    less = http("POST", "/uploads?name=a.wav", {"Content-Length": "99"}, "few")
    yield Hostile("less than stated", less, (0,), is_cut=True)
    yield Hostile("less than stated, held open", less, (408,))


def wrong_bodies() -> Iterator[Hostile]:
    for body in ("", "{", "[]", '"x"', "null", "\x00", "[" * 5000, '{"paths": 5}', '{"paths": [5]}',
                 '{"paths": ["calls"], "task": "rm"}', '{"paths": ["calls"], "extra": 1}',
                 '{"paths": []}', '{"uploads": ["../x"]}', '{"uploads": ["0000000000000000"]}',
                 '{"paths": ["calls"], "priority": 99}',
                 '{"paths": ["calls"], "title": 5}'):  # fmt: skip
        yield Hostile(f"body {body[:40]!r}", http("POST", "/runs", body=body), (400, 422))
    for name, value in (
        ("speakers", 0), ("speakers", -1), ("speakers", 10**9), ("speakers", "two"),
        ("language", "../../x"), ("language", "<b>"), ("model", "/etc/passwd"), ("model", "../m"),
        ("model", "owner/repository"), ("translator", "/tmp"), ("formats", ["../../x"]),
        ("formats", "json"), ("formats", ["exe"]), ("channels", "9999"), ("python", "/bin/sh"),
        ("stages", ["os:system"]), ("out", "/tmp/x"), ("config", "/etc/passwd"), ("device", "cuda"),
        ("replacements", "/etc/passwd"), ("people", "/"), ("pyannote_model", "x/y"),
        ("initial_prompt", "x" * 5000), ("to", ["../x"]), ("layout", "none"),
    ):  # fmt: skip
        body = json.dumps({"paths": ["calls"], "options": {name: value}})
        yield Hostile(f"option {name}={str(value)[:30]}", http("POST", "/runs", body=body), (422,))
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
        request = http("POST", "/runs", {"Content-Type": kind}, '{"paths": ["calls"]}')
        yield Hostile(f"sent as {kind}", request, (400, 415, 422))


def wrong_webhooks() -> Iterator[Hostile]:
    for url in (
        "file:///etc/passwd", "gopher://x/", "http://", "http://127.0.0.1/", "http://localhost:80/",
        "http://[::1]/", "http://10.0.0.1/", "http://169.254.169.254/latest/", "http://192.168.0.1/",
        "http://[::ffff:127.0.0.1]/", "http://[64:ff9b::7f00:1]/", "http://2130706433/",
        "http://0x7f.1/", "http://0/", "http://user:password@host/", "http://a b/",
        "http://x.localhost/", "http://host:99999/", "http://\r\nhost/",
    ):  # fmt: skip
        body = json.dumps({"paths": ["calls"], "webhook": {"url": url}})
        yield Hostile(f"webhook {url!r}", http("POST", "/runs", body=body), (422,))
    weak = {"url": "https://host.example/", "secret": "x" * 30}
    body = json.dumps({"paths": ["calls"], "webhook": weak})
    yield Hostile("a weak secret", http("POST", "/runs", body=body), (422,))


def wrong_names() -> Iterator[Hostile]:
    for name in ("", ".", "..", "../x.wav", "a/b.wav", "a\\b.wav", ".hidden.wav", "a\0.wav",
                 "a\n.wav", " a.wav", "a\x7f.wav", "x" * 300, "/etc/passwd"):  # fmt: skip
        request = http("POST", f"/uploads?name={quote(name)}", body="sound")
        yield Hostile(f"upload {name[:30]!r}", request, (400, 422))
    yield Hostile(
        "a name that is not UTF-8", http("POST", "/uploads?name=%ff%fe.wav", body="x"), (400,)
    )
    yield Hostile("no name", http("POST", "/uploads", body="x"), (422,))


def wrong_methods() -> Iterator[Hostile]:
    for method in ("TRACE", "CONNECT", "OPTIONS", "PATCH", "PROPFIND", "get"):
        yield Hostile(f"method {method}", http(method, "/runs"), (400, 405))
    for method, path in (("POST", "/static/server.js"), ("DELETE", "/"), ("PUT", "/runs"),
                         ("POST", "/machine"), ("GET", "/logout")):  # fmt: skip
        yield Hostile(f"{method} {path}", http(method, path, body=""), (404, 405))


def no_http() -> Iterator[Hostile]:
    for what, request in (
        ("noise", "\x16\x03\x01\x02\r\n\r\n"), ("no version", "GET /\r\n\r\n"),
        ("a version", f"GET / HTTP/x.y\r\nHost: {HOST}\r\n\r\n"),
        ("a space in a name", f"GET / HTTP/1.1\r\nHost: {HOST}\r\nA B: c\r\n\r\n"),
        ("a null in a value", f"GET / HTTP/1.1\r\nHost: {HOST}\r\nA: b\0c\r\n\r\n"),
        ("a head without end", f"GET / HTTP/1.1\r\nHost: {HOST}\r\nA: " + "x" * 70_000),
        ("two lengths", http("POST", "/runs", {"Content-Length": "2\r\nContent-Length: 3"}, "{}")),
        ("a star", http("GET", "*")), ("a target with a space", http("GET", "/runs /x")),
    ):  # fmt: skip
        yield Hostile(what, request, (400,))
    yield Hostile("a long path", http("GET", "/" + "x" * 5000), (414,))


CASES = [
    case
    for group in (
        traversals, foreign_files, outside_the_root, wrong_hosts, wrong_origins, nobody,
        wrong_lengths, wrong_bodies, wrong_webhooks, wrong_names, wrong_methods, no_http,
    )
    for case in group()
]  # fmt: skip
