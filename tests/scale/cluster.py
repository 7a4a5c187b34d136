"""Starts workers and submitters of the toy pipeline on a broker, and looks at what they made."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).resolve().parents[2]
#: A worker that a busy machine does not let run for so long would count as lost.
LEASE_S = 3.0
#: How long to wait for what should come, on a machine with much else to do.
PATIENCE_S = 240.0


class Cluster:
    """One broker, any number of workers, and one shared folder, or else a store: then each process
    has a cache of its own, and knows of no folder of others."""

    def __init__(
        self,
        folder: Path,
        broker: str,
        batch: float = 4,
        delay: float = 0.0,
        store: str | None = None,
    ) -> None:
        """`batch`: the most items in a batch; `delay`: how long the model takes for each."""
        self.folder, self.data, self._delay = folder, folder / "data", delay
        self._root, self._caches = ("-" if store else self.data), 0
        self.data.mkdir(parents=True)
        self.log = folder / "toys.log"
        self.log.touch()
        self.environment = {
            **os.environ,
            "REELMILL_BROKER": broker,
            "REELMILL_CLAIM_LEASE": str(LEASE_S),
            "OMP_NUM_THREADS": "1",
            "TOY_BATCH": str(int(batch)),
        }
        if store:
            self.environment["REELMILL_STORE"] = store
        self.workers: list[subprocess.Popen[bytes]] = []

    def recordings(self, name: str, texts: dict[str, str]) -> Path:
        """A folder of text files that pass for recordings."""
        folder = self.data / name
        folder.mkdir()
        for one, text in texts.items():
            (folder / one).write_text(text)
        return folder

    def start_worker(self, core: int | None = None) -> subprocess.Popen[bytes]:
        """Returns at once; `wait_for_workers` waits until they are ready."""
        said = self.folder / f"worker{len(self.workers)}.log"
        pinned = [] if core is None else ["taskset", "-c", str(core)]
        worker = self._begin(["worker", self._root, self.log, self._delay], said, pinned)
        self.workers.append(worker)
        return worker

    def worker_log(self, number: int) -> str:
        return (self.folder / f"worker{number}.log").read_text()

    def wait_for_workers(self) -> None:
        for number in range(len(self.workers)):
            wait_until(lambda n=number: "waits for shards" in self.worker_log(n))

    def submit(self, folder: Path, out: Path, priority: int = 0) -> subprocess.Popen[bytes]:
        command = ["submit", self._root, folder, out, self._delay, priority]
        return self._begin(command, self.folder / f"{out.name}.log")

    def local(self, folder: Path, out: Path) -> subprocess.Popen[bytes]:
        """A run by one engine of its own."""
        command = ["local", self.data, folder, out, self._delay]
        return self._begin(command, self.folder / f"{out.name}.log")

    def said(self, out: Path) -> str:
        return (self.folder / f"{out.name}.log").read_text()

    def count(self, what: str) -> dict[str, int]:
        """How often the stage `read` or `merge` did each recording."""
        lines = [line.split() for line in self.log.read_text().splitlines()]
        names = [name for kind, name in lines if kind == what]
        return {name: names.count(name) for name in names}

    def close(self) -> None:
        for worker in self.workers:
            worker.terminate()
        for worker in self.workers:
            with contextlib.suppress(subprocess.TimeoutExpired):
                worker.wait(10)
            worker.kill()
            worker.wait()

    def _begin(
        self, arguments: list[Any], said: Path, before: Sequence[str] = ()
    ) -> subprocess.Popen[bytes]:
        environment = self.environment
        if self._root == "-":
            self._caches += 1
            cache = self.folder / f"cache{self._caches}"
            environment = {**environment, "REELMILL_CACHE": str(cache)}
        with said.open("ab") as file:
            return subprocess.Popen(
                [*before, sys.executable, "-m", "tests.scale.toycluster", *map(str, arguments)],
                cwd=_ROOT,
                env=environment,
                stdout=file,
                stderr=file,
            )


def wait_until(condition: Callable[[], object], within: float = PATIENCE_S) -> None:
    until = time.monotonic() + within
    while not condition():
        assert time.monotonic() < until, "it did not come to it"
        time.sleep(0.02)


def artifacts(out: Path) -> dict[str, bytes]:
    """What stages made, by content."""
    folder = out / ".cache" / "artifacts"
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.glob("??/*/*.json")
    }


def written(out: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in out.glob("*.up")}


def failed(out: Path) -> list[dict[str, Any]]:
    """Without what differs from run to run: numbers of processes, and how often a batch was tried
    until the item was found that kills model workers."""
    text = (out / "failed_files.json").read_text()
    found = json.loads(re.sub(r"model-worker-\d+-\d+", "model-worker", text))
    for one in found:
        if one["kind"] == "crash":
            del one["tries"]
    return sorted(found, key=lambda one: json.dumps(one, sort_keys=True))


def interrupt(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGINT)
