"""The endpoint of `reelmill serve` beside a server that handles requests one by one.

    python -m benchmarks.endpoint SOUND --model FOLDER --json benchmarks/results/endpoint.json
    python -m benchmarks.endpoint SOUND --model FOLDER --memory 2000

SOUND is a folder with short recordings. Clients send them at once, each one after the other, with
OpenAI's client for Python. Both servers get the same ones, in turns, each round in a new process;
the first call, which waits for the model, does not count. `difference` is how many words of the two
servers' texts differ.

With `--memory`, so many requests are sent to ours alone, and its memory, descriptors and files are
looked at after each twentieth of them. SOUND has WAV files then, which are sent again and again,
each time with another first sample, so that no request has the content of another.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import itertools
import os
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import wave
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jiwer
import openai
import psutil

from benchmarks.common import show, told_command, tree_memory_mb, write_result
from benchmarks.endpoint_servers import SERVERS, TOKEN

#: Seconds for a model to be loaded, and for a request.
_PATIENCE_S = 600.0
_SUFFIXES = frozenset({".flac", ".m4a", ".mp3", ".ogg", ".wav", ".webm"})
_POINTS = 20
#: Requests before memory is looked at: everything is loaded by then.
_WARM = 100


@dataclass
class Load:
    """What clients got from a server: texts by file, seconds of each call, of all, and CPU seconds
    of the server's processes."""

    texts: dict[str, str]
    calls: list[float]
    seconds: float
    cpu_seconds: float
    memory_mb: float

    @property
    def p95(self) -> float:
        return statistics.quantiles(self.calls, n=20)[-1]


class Server:
    """A running server."""

    def __init__(self, name: str, model: str, folder: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        command = [sys.executable, "-m", "benchmarks.endpoint_servers", name, model]
        environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
        self.process = subprocess.Popen([*command, str(self.port), str(folder)], env=environment)
        until = time.monotonic() + _PATIENCE_S
        while time.monotonic() < until:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port)):
                return
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        raise SystemExit(f"{name} does not start")

    def client(self) -> openai.OpenAI:
        url = f"http://127.0.0.1:{self.port}/v1"
        return openai.OpenAI(api_key=TOKEN, base_url=url, max_retries=0, timeout=_PATIENCE_S)

    def cpu_seconds(self) -> float:
        root, total = psutil.Process(self.process.pid), 0.0
        for process in [root, *root.children(recursive=True)]:
            with contextlib.suppress(psutil.Error):
                used = process.cpu_times()
                total += used.user + used.system
        return total

    def descriptors(self) -> int:
        return psutil.Process(self.process.pid).num_fds()

    def memory_mb(self) -> float:
        return tree_memory_mb(self.process.pid)

    def close(self) -> None:
        self.process.terminate()
        self.process.wait(60)


@contextlib.contextmanager
def running(name: str, model: str) -> Iterator[tuple[Server, Path]]:
    """A server with a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="reelmill-endpoint-") as folder:
        server = Server(name, model, Path(folder))
        try:
            yield server, Path(folder)
        finally:
            server.close()


def unlike(files: Sequence[Path]) -> Iterator[bytes]:
    """The files again and again, no two with the same content."""
    for number, file in enumerate(itertools.cycle(files)):
        with wave.open(str(file)) as read:
            sound = number.to_bytes(4, "little") + read.readframes(read.getnframes())[4:]
            written = io.BytesIO()
            with wave.open(written, "wb") as write:
                write.setparams(read.getparams())
                write.writeframes(sound)
        yield written.getvalue()


def ask(client: openai.OpenAI, file: Path | tuple[str, bytes]) -> tuple[str, float]:
    """The text of a file, and how long it took."""
    began = time.monotonic()
    text = client.audio.transcriptions.create(file=file, model="whisper-1").text
    return text, time.monotonic() - began


def loaded(name: str, model: str, files: Sequence[Path], clients: int) -> Load:
    """Send all files to a server, by so many clients at once."""
    with running(name, model) as (server, _):
        ask(server.client(), files[0])
        cpu, began = server.cpu_seconds(), time.monotonic()
        client = server.client()
        with ThreadPoolExecutor(clients) as pool:
            found = list(pool.map(lambda file: ask(client, file), files))
        seconds = time.monotonic() - began
        texts = {str(file): text for file, (text, _) in zip(files, found, strict=True)}
        calls = [took for _, took in found]
        return Load(texts, calls, seconds, server.cpu_seconds() - cpu, server.memory_mb())


def compare(files: Sequence[Path], model: str, clients: int, rounds: int) -> dict[str, Any]:
    """Both servers in turns."""
    loads: dict[str, list[Load]] = {name: [] for name in SERVERS}
    for number, name in itertools.product(range(rounds), SERVERS):
        loads[name].append(one := loaded(name, model, files, clients))
        print(f"round {number + 1}, {name}: {one.seconds:.1f} s, {one.cpu_seconds:.1f} CPU s")
    rows = [_row(name, each, len(files)) for name, each in loads.items()]
    ours, peer = (rows[0], rows[1])
    show(f"{clients} clients, {len(files)} calls", rows)
    ratios = {
        "throughput, ours by the peer's": ours["calls/s"] / peer["calls/s"],
        "p95, the peer's by ours": peer["p95 s"] / ours["p95 s"],
        "CPU seconds, the peer's by ours": peer["CPU s"] / ours["CPU s"],
        "difference %": 100 * _difference(loads["one-by-one"][0].texts, loads["reelmill"][0].texts),
    }
    show("ratios", [{"what": what, "": value} for what, value in ratios.items()])
    return {"clients": clients, "calls": len(files), "rounds": rounds, "rows": rows, **ratios}


def _row(name: str, loads: Sequence[Load], calls: int) -> dict[str, Any]:
    seconds = statistics.median(one.seconds for one in loads)
    return {
        "what": name,
        "s": seconds,
        "calls/s": calls / seconds,
        "median s": statistics.median(took for one in loads for took in one.calls),
        "p95 s": statistics.median(one.p95 for one in loads),
        "CPU s": statistics.median(one.cpu_seconds for one in loads),
        "MB": max(one.memory_mb for one in loads),
    }


def _difference(before: dict[str, str], after: dict[str, str]) -> float:
    pairs = [(_plain(text), _plain(after[file])) for file, text in before.items()]
    pairs = [pair for pair in pairs if pair[0]]
    return float(jiwer.wer([one for one, _ in pairs], [other for _, other in pairs]))


def _plain(text: str) -> str:
    return " ".join(re.sub(r"[^\w\s']", " ", text.casefold()).split())


def memory(files: Sequence[Path], model: str, clients: int, requests: int) -> dict[str, Any]:
    """Ours, over many requests."""
    rows: list[dict[str, Any]] = []
    with running("reelmill", model) as (server, folder), ThreadPoolExecutor(clients) as pool:
        client, endless = server.client(), unlike(files)
        sent = 0
        for some in (_WARM, *[requests // _POINTS] * _POINTS):
            began = time.monotonic()
            sounds = itertools.islice(endless, some)
            list(pool.map(lambda sound: ask(client, ("a.wav", sound)), sounds))
            sent += some
            sizes = list(_sizes(folder))
            rows.append(
                {
                    "what": f"after {sent}",
                    "s": time.monotonic() - began,
                    "MB": server.memory_mb(),
                    "server's own MB": psutil.Process(server.process.pid).memory_info().rss / 2**20,
                    "descriptors": server.descriptors(),
                    "files": len(sizes),
                    "MB on disk": sum(sizes) / 2**20,
                }
            )
            print(rows[-1], flush=True)
    show("memory", rows)
    quarter = len(rows) // 4
    growth = (
        max(row["MB"] for row in rows[-quarter:]) / max(row["MB"] for row in rows[:quarter]) - 1
    )
    print(f"growth, last quarter by first: {100 * growth:.1f} %")
    return {"requests": sent, "clients": clients, "growth %": 100 * growth, "rows": rows}


def _sizes(folder: Path) -> Iterator[int]:
    """The bytes of each file below a folder; files come and go meanwhile."""
    for parent, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                yield Path(parent, name).stat().st_size


def short_recordings(sound: Path, most: int) -> list[Path]:
    """As many recordings from the folder as are wanted, of all its parts."""
    files = sorted(path for path in sound.rglob("*") if path.suffix in _SUFFIXES)
    if not files:
        raise SystemExit(f"{sound}: no recordings")
    step = max(1, len(files) // most)
    return files[::step][:most]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sound", type=Path, help="folder with short recordings")
    parser.add_argument("--model", required=True, help="folder of a Whisper model for CTranslate2")
    parser.add_argument("--clients", type=int, default=16, help="clients at once [16]")
    parser.add_argument("--calls", type=int, default=64, help="calls of all clients [64]")
    parser.add_argument("--rounds", type=int, default=2, help="rounds of both servers [2]")
    parser.add_argument("--memory", type=int, help="look at ours over so many requests instead")
    parser.add_argument("--json", type=Path, help="write the rows there")
    given = parser.parse_args(arguments)
    files = short_recordings(given.sound, given.calls)
    if given.memory:
        result = memory(files, given.model, given.clients, given.memory)
    else:
        result = compare(files, given.model, given.clients, given.rounds)
    if given.json:
        command = told_command("benchmarks.endpoint")
        write_result(given.json, {"command": command, **result})
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
