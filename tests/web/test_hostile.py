"""Hostile requests are refused, logged, and change nothing."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from reelmill.core import gate
from reelmill.core.atomic import write_text
from reelmill.core.keys import WRITTEN, user_key
from reelmill.web.queue.records import QueuedRun
from reelmill.web.settings import Limits
from tests.web.hostile import CASES, Hostile
from tests.web.serving import TOKEN, Serving, serving

#: What must never be in an answer.
SECRET = "the secret outside"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    folder = tmp_path_factory.mktemp("hostile")
    outside, root = folder / "outside", folder / "root"
    (root / "calls" / ".hidden").mkdir(parents=True)
    (root / ".hidden").mkdir()
    outside.mkdir()
    (outside / "passwd").write_text(SECRET)
    (root / "calls" / "a.wav").write_bytes(b"RIFF")
    (root / "out").symlink_to(outside)
    (root / "out.wav").symlink_to(outside / "passwd")
    limits = Limits(patience=0.6)
    with serving(folder / "data", root=root, max_upload=8 << 20, limits=limits) as running:
        yield running


def _finished_run(server: Serving) -> str:
    """A run with results, among them files that somebody else put there."""
    out = server.settings.data / "runs" / "made"
    key = user_key().seal.key_for(WRITTEN)
    names = ("index.html", "linked.html", "linked/passwd", "index_files/lines-1.js")
    with gate.output(out, "voice", [], key):
        for name in names:
            write_text(out / name, "<p>ours</p>")
    (out / "somebodys.txt").write_text(SECRET)
    (out / "folder").mkdir()
    outside = server.settings.data.parent / "outside"
    for name in ("linked.html", "linked/passwd"):
        (out / name).unlink()
    (out / "linked").rmdir()
    (out / "linked").symlink_to(outside)
    (out / "linked.html").symlink_to(outside / "passwd")
    run = QueuedRun("made", 0, "local", "a", "voice", {}, (), out, state="done")
    records = server.app.state.services.queue.records  # type: ignore[union-attr]
    return str(records.add(run).id)


def _sent(server: Serving, request: bytes, *, is_cut: bool) -> tuple[int, bytes]:
    """The status and the whole answer."""
    address, answer = (server.settings.host, server.settings.port), b""
    with (
        socket.create_connection(address, timeout=60) as connection,
        contextlib.suppress(ConnectionError),
    ):
        connection.sendall(request)
        while not is_cut and (part := connection.recv(1 << 16)):
            answer += part
    return int(answer.split(b" ", 2)[1]) if answer else 0, answer


def _size(log: Path) -> int:
    return log.stat().st_size if log.exists() else 0


def _grows(log: Path, before: int) -> bool:
    """Whether a line is added; the answer may come a moment earlier."""
    until = time.monotonic() + 30
    while _size(log) == before and time.monotonic() < until:
        time.sleep(0.002)
    return _size(log) > before


def _filled(case: Hostile, values: dict[str, str]) -> bytes:
    request = case.request
    for name, value in values.items():
        request = request.replace(f"{{{name}}}", value)
    return request.encode("utf-8", "surrogateescape")


def test_200_hostile_requests_are_refused_and_logged(server: Serving) -> None:
    # proves: W1
    entered = server.get(f"/?token={TOKEN}", authorization="")
    values = {
        "run": _finished_run(server),
        "host": f"{server.settings.host}:{server.settings.port}",
        "port": str(server.settings.port),
        "cookie": entered.headers["set-cookie"].partition(";")[0],
    }
    assert server.get("/results/made/index.html").status == 200
    runs = server.get("/runs").json["total"]
    log = server.settings.data / "server" / "refused.jsonl"
    wrong, logged = [], 0
    for case in CASES:
        before = _size(log)
        status, answer = _sent(server, _filled(case, values), is_cut=case.is_cut)
        if status not in case.statuses:
            wrong.append(f"{case.what}: {status}, not {case.statuses}")
        if SECRET.encode() in answer or str(server.settings.data).encode() in answer:
            wrong.append(f"{case.what}: tells what it should not")
        is_logged = _grows(log, before)
        if not is_logged:
            wrong.append(f"{case.what}: is not logged")
        logged += is_logged
    assert not wrong, "\n".join(wrong)
    assert len(CASES) >= 200 and logged == len(CASES)
    assert server.get("/runs").json["total"] == runs
    assert server.get("/uploads").json["uploads"] == []
    assert not any((server.settings.data / "uploads").glob("*"))
    assert TOKEN not in log.read_text("utf-8")


def test_the_server_still_works_after_them(server: Serving) -> None:
    # proves: W1
    assert server.get("/").status == 200
    listed = server.get("/folders").json
    assert [one["name"] for one in listed["folders"]] == ["calls"]
    assert [one["path"] for one in server.get("/folders?path=calls").json["recordings"]] == [
        Path("calls/a.wav").as_posix()
    ]
