"""One long recording: two workers on a core each against one, and one of them killed.

Called by `python -m benchmarks.scale long`.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.common import REELMILL
from synthetic.corpus import generate_corpus
from tests.scale.brokers import RedisServer
from tests.scale.cluster import artifacts, wait_until

_LEASE_S = 5


def long(work: Path, minutes: int | None) -> list[dict[str, Any]]:
    """How much sooner a long call is done by two workers, and whether the results are the same."""
    data = work / "data"
    calls, warm = data / "call", data / "warm"
    generate_corpus(calls, 1, seed=181, durations=[60.0 * (minutes or 60)])
    generate_corpus(warm, 1, seed=182, durations=[60.0])
    one = data / "one"
    subprocess.run(_voice(calls, one), check=True)
    rows = []
    for how, workers, is_killed in (("one", 1, False), ("two", 2, False), ("one of two", 2, True)):
        out = data / f"out-{how.replace(' ', '-')}"
        with _workers(work / out.name, data, workers) as (environment, started):
            _submit(warm, data / f"warm-{out.name}", environment)
            left = started[:1] if is_killed else started
            began, used = time.monotonic(), _cpu_seconds(left)
            submitter = subprocess.Popen([*_voice(calls, out), "--on", "celery"], env=environment)
            if is_killed:
                wait_until(lambda out=out: _portions(out) >= 5, 600)
                started[1].kill()
            assert submitter.wait() == 0
            seconds = time.monotonic() - began
            rows.append(
                {
                    "workers": "two, one killed" if is_killed else how,
                    "minutes": minutes or 60,
                    "seconds": round(seconds, 1),
                    "times_one": round(rows[0]["seconds"] / seconds, 2) if rows else 1.0,
                    "worker_cpu_seconds": round(_cpu_seconds(left) - used, 1),
                    **_same(out, one),
                }
            )
    return rows


def _voice(calls: Path, out: Path) -> list[str]:
    return [*REELMILL, "voice", str(calls), "--model", "demo", "-o", str(out), "--quiet"]


def _submit(calls: Path, out: Path, environment: dict[str, str]) -> None:
    subprocess.run([*_voice(calls, out), "--on", "celery"], env=environment, check=True)


@contextlib.contextmanager
def _workers(
    folder: Path, data: Path, count: int
) -> Iterator[tuple[dict[str, str], list[subprocess.Popen[bytes]]]]:
    """Workers that are pinned to a core each, and the environment of those who submit to them."""
    folder.mkdir()
    redis = RedisServer(folder)
    environment = {
        **os.environ,
        "REELMILL_BROKER": redis.url,
        "REELMILL_ROOTS": str(data),
        "REELMILL_CACHE": str(folder / "cache"),
        "REELMILL_CLAIM_LEASE": str(_LEASE_S),
        "OMP_NUM_THREADS": "1",
    }
    cores = sorted(os.sched_getaffinity(0))
    started: list[subprocess.Popen[bytes]] = []
    try:
        for number in range(count):
            pinned = ["taskset", "-c", str(cores[number % len(cores)])]
            command = [*pinned, *REELMILL, "worker", "--device", "cpu"]
            log = folder / f"worker{number}.log"
            with log.open("wb") as said:
                started.append(subprocess.Popen(command, env=environment, stdout=said, stderr=said))
        for number in range(count):
            log = folder / f"worker{number}.log"
            wait_until(lambda log=log: "waits for shards" in log.read_text())
        yield environment, started
    finally:
        for worker in started:
            worker.terminate()
        for worker in started:
            with contextlib.suppress(subprocess.TimeoutExpired):
                worker.wait(30)
            worker.kill()
        redis.stop()


def _cpu_seconds(workers: list[subprocess.Popen[bytes]]) -> float:
    """Of these processes and all they have started, as far as they are still there."""
    import psutil

    total = 0.0
    for worker in workers:
        with contextlib.suppress(psutil.Error):
            whole = psutil.Process(worker.pid)
            for one in [whole, *whole.children(recursive=True)]:
                with contextlib.suppress(psutil.Error):
                    times = one.cpu_times()
                    total += times.user + times.system
    return total


def _portions(out: Path) -> int:
    return len(list((out / ".cache" / "portions").glob("*/*.portion")))


def _same(out: Path, one: Path) -> dict[str, int]:
    """How many results of stages there are, and how many are the same bytes as one engine's."""
    found, wanted = artifacts(out), artifacts(one)
    # The note of decoded sound is gone when a recording is done.
    named = [name for name in wanted if "/decode-" not in name and not name.startswith("named/")]
    return {
        "results": len(named),
        "same_bytes": sum(found.get(name) == wanted[name] for name in named),
    }
