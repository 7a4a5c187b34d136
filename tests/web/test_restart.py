"""The queue outlives the server, in whichever way that ends."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from reelmill.core.paths import ASSETS
from tests.ports import free_port

_SAMPLES = ("voicemail.wav", "voicemail.wav")
_PATIENCE_S = 120.0


@contextmanager
def _server(data: Path, port: int) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """`reelmill serve` as a process, and its token."""
    command = ["serve", "--data", str(data), "--port", str(port), "--model", "demo",
               "--root", str(ASSETS), "--parallel", "1"]  # fmt: skip
    process = subprocess.Popen(
        [sys.executable, "-m", "reelmill", *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        found = re.search(r"token=(\S+)", process.stdout.readline())
        assert found is not None
        yield process, found[1]
    finally:
        process.kill()
        process.wait()


def _ask(port: int, token: str, method: str, path: str, body: Any = None) -> Any:
    until = time.monotonic() + _PATIENCE_S
    while True:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=90)
        headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
        try:
            data = None if body is None else json.dumps(body)
            connection.request(method, path, data, headers)
            return json.loads(connection.getresponse().read())
        except ConnectionRefusedError:
            assert time.monotonic() < until, "the server does not start"
            time.sleep(0.05)
        finally:
            connection.close()


def _wait_for(port: int, token: str, test: Any) -> list[dict[str, Any]]:
    """The runs, in the order they were made, once they are as they should be."""
    until = time.monotonic() + _PATIENCE_S
    while True:
        runs: list[dict[str, Any]] = _ask(port, token, "GET", "/runs")["runs"][::-1]
        if test(runs):
            return runs
        assert time.monotonic() < until, runs
        time.sleep(0.05)


def test_a_killed_and_restarted_server__goes_on_with_its_queue(tmp_path: Path) -> None:
    # proves: W1
    port = free_port()
    with _server(tmp_path, port) as (process, token):
        for name in _SAMPLES:
            _ask(port, token, "POST", "/runs", {"paths": [f"samples/{name}"]})
        _ask(port, token, "POST", "/runs", {"paths": ["samples/noisy line.mp3"]})
        paused = _ask(port, token, "GET", "/runs")["runs"][0]["id"]
        _ask(port, token, "POST", f"/runs/{paused}/pause")
        _wait_for(port, token, lambda runs: runs[0]["progress"] is not None)
        os.kill(process.pid, signal.SIGKILL)
    with _server(tmp_path, port) as (process, token):
        runs = _wait_for(
            port, token, lambda runs: [one["state"] for one in runs] == ["done", "done", "paused"]
        )
        assert [one["done"] for one in runs] == [1, 1, 0]
        cancelled = _ask(port, token, "POST", f"/runs/{paused}/cancel")
        assert cancelled["state"] == "cancelled"
        last = _ask(port, token, "POST", "/runs", {"paths": ["samples/noisy line.mp3"]})
        streams = [_opened(port, token, path) for path in ("/events", f"/runs/{last['id']}/events")]
        _wait_for(port, token, lambda runs: runs[-1]["progress"] is not None)
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        rest = [stream.read() for stream in streams]  # they end, and are whole
        said = process.communicate(timeout=90)[1]
        assert process.returncode == 3
        assert time.monotonic() - began < 30
        assert all(rest) and "Traceback" not in said and "graceful" not in said, said


def _opened(port: int, token: str, path: str) -> http.client.HTTPResponse:
    """A stream of events that has begun."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=90)
    connection.request("GET", path, headers={"authorization": f"Bearer {token}"})
    return connection.getresponse()
