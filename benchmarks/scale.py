"""Several workers against one engine: the same results, what it costs, how full batches stay.

    python -m benchmarks.scale same --json benchmarks/results/scale_same.json
    python -m benchmarks.scale tiny --json benchmarks/results/scale_tiny.json
    python -m benchmarks.scale pinned --json benchmarks/results/scale_pinned.json
    python -m benchmarks.scale fill --json benchmarks/results/scale_fill.json
    python -m benchmarks.scale faults --json benchmarks/results/scale_faults.json
    python -m benchmarks.scale long --json benchmarks/results/scale_long.json

`same` runs `reelmill voice` on calls by one engine, by three Celery workers through Redis and
through RabbitMQ, by three that share an S3-compatible store and no folder, by the actors of a Ray
cluster on this machine, and by three workers of `--claim`, and compares the results byte for byte.
`long` is one call of an hour (`--recordings`: minutes) that two workers on a core each share.
The others use the toy pipeline of the tests, whose work is known: 10,000 recordings of few words;
two workers on a core each against one; the mean number of items in a batch; what happens when
workers and brokers break. Needs redis-server, for `same` and `faults` rabbitmq-server, and for
`same` espeak-ng, Ray and moto.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import itertools
import json
import os
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil

from benchmarks.common import REELMILL, show, told_command, write_result
from benchmarks.scale_faults import faults
from benchmarks.scale_long import long
from synthetic.corpus import generate_corpus
from tests.scale.brokers import RabbitServer, RedisServer
from tests.scale.cluster import Cluster, artifacts
from tests.scale.s3server import S3Server

_MB = 1 << 20
_WORKERS = 3
#: For `fill`: items in a full batch, and the seconds that the model takes for any batch.
_BATCH, _BATCH_S = 16, 0.5
#: What a shard costs, as a recording is taken to cost 0.05 s: 30 recordings.
_SHARD_S = 1.5
#: For `fill`: shards as they are by default, of 5 s where work is estimated by length; and of 16
#: recordings, which are 3 s of work.
_OWN_SHARD_S, _SHORT_SHARD_S = 5.0, 0.8
#: The same for `pinned`, whose whole job is 42 s: 6 recordings, 3 s of work.
_PINNED_SHARD_S = 0.3


def main() -> None:
    trials = {
        "same": same,
        "tiny": tiny,
        "pinned": pinned,
        "fill": fill,
        "faults": faults,
        "long": long,
    }
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=list(trials))
    parser.add_argument("--recordings", type=int, help="how many recordings")
    parser.add_argument("--json", type=Path, help="write the figures here")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="reelmill-bench-") as folder:
        rows = trials[options.what](Path(folder), options.recordings)
    show(f"several workers: {options.what}", rows)
    command = told_command("benchmarks.scale")
    write_result(options.json, {"command": command, "load": os.getloadavg()[0], "rows": rows})


# -- the same results


def same(work: Path, count: int | None) -> list[dict[str, Any]]:
    """Compare the results of stages, by one engine and by several workers."""
    calls = work / "data" / "calls"
    durations = [4.0 + number % 5 for number in range(count or 12)]
    generate_corpus(calls, len(durations), seed=18, durations=durations)
    (calls / "damaged.wav").write_bytes(b"RIFF" + bytes(2000))
    one = work / "data" / "one"
    rows = [_row("one engine", _timed([*_voice(calls, one)], {}), one, one)]
    out = work / "data" / "claims"
    rows.append(_row("three of --claim", _claimed(calls, out), out, one))
    (work / "redis").mkdir()
    redis = RedisServer(work / "redis")
    try:
        out = work / "data" / "redis"
        rows.append(_row("Celery, Redis", _through(redis.url, work, calls, out), out, one))
        rows.append(_by_store(redis.url, work, calls, one))
    finally:
        redis.stop()
    rabbit = RabbitServer(work / "rabbit")
    try:
        out = work / "data" / "rabbit"
        rows.append(_row("Celery, RabbitMQ", _through(rabbit.url, work, calls, out), out, one))
    finally:
        rabbit.stop()
    if importlib.util.find_spec("ray") is None:
        print("Ray is not installed (pip install 'reelmill[ray]'): its row is missing")
        return rows
    out = work / "data" / "ray"
    rows.append(_row("Ray", _by_ray(work, calls, out), out, one))
    return rows


def _voice(calls: Path, out: Path) -> list[str]:
    return [*REELMILL, "voice", str(calls), "--model", "demo", "-o", str(out), "--quiet"]


def _timed(command: list[str], environment: dict[str, str]) -> float:
    began = time.monotonic()
    code = subprocess.run(command, env={**os.environ, **environment}, check=False).returncode
    assert code == 1, f"the damaged call alone fails, not: exit code {code}"
    return time.monotonic() - began


def _claimed(calls: Path, out: Path) -> float:
    began = time.monotonic()
    command = [*_voice(calls, out), "--claim"]
    workers = [subprocess.Popen(command) for _ in range(_WORKERS)]
    codes = {worker.wait() for worker in workers}
    assert codes <= {0, 1}, codes
    return time.monotonic() - began


def _through(
    url: str, work: Path, calls: Path, out: Path, instead: dict[str, str] | None = None
) -> float:
    environment = {"REELMILL_BROKER": url, **(instead or {"REELMILL_ROOTS": str(work / "data")})}
    command = [*REELMILL, "worker", "--device", "cpu"]
    with (work / "workers.log").open("a") as log:
        workers = [
            subprocess.Popen(command, env={**os.environ, **environment}, stderr=log, stdout=log)
            for _ in range(_WORKERS)
        ]
        try:
            return _timed([*_voice(calls, out), "--on", "celery"], environment)
        finally:
            for worker in workers:
                worker.terminate()
            for worker in workers:
                worker.wait(60)


def _by_store(url: str, work: Path, calls: Path, one: Path) -> dict[str, Any]:
    """Workers that see neither the calls nor the output folder, with what goes over the network for
    each recording. Few of the requests are about the store itself."""
    folder, out = work / "s3", work / "elsewhere" / "store"
    folder.mkdir()
    server = S3Server(folder)
    try:
        store = {"REELMILL_STORE": f"s3://{server.BUCKET}/bench", **server.environment}
        row = _row("Celery, S3", _through(url, work, calls, out, store), out, one)
        requests = [line.rsplit(" ", 1) for line in server.requests()]
    finally:
        server.stop()
    many = len(list(calls.iterdir()))
    cards = sum("/jobs/" in what and what.endswith("card.json") for what, _ in requests)
    sent = sum(int(size) for what, size in requests if what.startswith("PUT"))
    size = sum(path.stat().st_size for path in calls.iterdir())
    return {
        **row,
        "requests_per_recording": round((len(requests) - cards) / many, 1),
        "card_requests": cards,
        "mb_sent_per_mb_of_recording": round(sent / size, 3),
    }


def _by_ray(work: Path, calls: Path, out: Path) -> float:
    environment = {"REELMILL_ROOTS": str(work / "data"), "RAY_AUTH_MODE": "disabled"}
    return _timed([*_voice(calls, out), "--on", "ray", "--actor-cores", "1"], environment)


def _row(how: str, seconds: float, out: Path, one: Path) -> dict[str, Any]:
    found, wanted = artifacts(out), artifacts(one)
    # The note of decoded sound is gone when a recording is done.
    named = {name for name in wanted if "/decode-" not in name and not name.startswith("named/")}
    files = {path.name: path.read_bytes() for path in _for_people(out)}
    return {
        "how": how,
        "results": len(named),
        "same_bytes": sum(found.get(name) == wanted[name] for name in named),
        "files": len(files),
        "same_files": sum(files.get(path.name) == path.read_bytes() for path in _for_people(one)),
        "seconds": round(seconds, 1),
    }


def _for_people(out: Path) -> list[Path]:
    suffixes = {".json", ".txt", ".srt", ".vtt", ".tsv"}
    reports = {"performance_report.json", "failed_files.json", "evidence.json"}
    return [path for path in out.iterdir() if path.suffix in suffixes and path.name not in reports]


# -- what it costs


@contextlib.contextmanager
def _toys(
    work: Path, workers: int, pinned: bool = False, shard_s: float = _SHARD_S, **toys: float
) -> Iterator[tuple[Cluster, RedisServer]]:
    (work / "redis").mkdir(exist_ok=True)
    redis = RedisServer(work / "redis")
    cluster = Cluster(work / f"cluster{workers}", redis.url, **toys)
    cluster.environment |= {"REELMILL_CLAIM_LEASE": "60", "TOY_SHARD_S": str(shard_s)}
    cores = sorted(os.sched_getaffinity(0))
    try:
        for number in range(workers):
            cluster.start_worker(cores[number % len(cores)] if pinned else None)
        cluster.wait_for_workers()
        yield cluster, redis
    finally:
        cluster.close()
        redis.stop()


class _Watch:
    """The memory of processes, twice a second, in MB, and the CPU seconds of each and of all
    processes that it started. Their peak is the kernel's own figure, asked for ten times a second
    because it is gone with the process."""

    def __init__(self, pids: dict[str, int]) -> None:
        self.seen: dict[str, list[float]] = {name: [] for name in pids}
        self._peak: dict[str, float] = dict.fromkeys(pids, 0.0)
        self._cpu: dict[str, dict[int, float]] = {name: {} for name in pids}
        self._pids = pids
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def end(self) -> None:
        self._over.set()
        self._thread.join()

    def row(self, name: str, many: int) -> dict[str, Any]:
        """What a process took for each of `many` recordings, and its memory as time went on."""
        cpu, seen = self._cpu[name], self.seen[name] or [0.0]
        row = {
            "process": name,
            "cpu_ms_per_recording": 1000 * cpu.get(self._pids[name], 0.0) / many,
        }
        row["with_its_processes"] = 1000 * sum(cpu.values()) / many
        for share in (0.25, 0.5, 0.75, 1):
            at = min(int(share * len(seen)), len(seen) - 1)
            row[f"mb_at_{share:.0%}"] = seen[at]
        row["mb_peak"] = self._peak[name]
        return {key: round(one, 3) if isinstance(one, float) else one for key, one in row.items()}

    def _look(self) -> None:
        for tick in itertools.count():
            for name, pid in self._pids.items():
                with contextlib.suppress(OSError, psutil.Error):
                    self._peak[name] = max(self._peak[name], _peak_mb(pid))
                    if tick % 5 == 0:
                        self._sample(name, psutil.Process(pid))
            if self._over.wait(0.1):
                return

    def _sample(self, name: str, process: psutil.Process) -> None:
        self.seen[name].append(process.memory_info().rss / _MB)
        for one in (process, *process.children(recursive=True)):
            times = one.cpu_times()
            self._cpu[name][one.pid] = times.user + times.system


def _peak_mb(pid: int) -> float:
    """The most memory that a process has had. Raises OSError when it is gone."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM")), 0.0)


def tiny(work: Path, count: int | None) -> list[dict[str, Any]]:
    """10,000 recordings of a few words: what submitter and broker take for each."""
    many = count or 10_000
    with _toys(work, 2) as (cluster, redis):
        folder = cluster.data / "tiny"
        folder.mkdir()
        for number in range(many):
            (folder / f"call{number:05d}.wav").write_text(f"tiny number{number}")
        out = cluster.data / "out"
        began = time.monotonic()
        submitter = cluster.submit(folder, out)
        pids = {"submitter": submitter.pid, "broker": redis.pid}
        pids |= {f"worker {n}": one.pid for n, one in enumerate(cluster.workers)}
        watch = _Watch(pids)
        code = submitter.wait()
        watch.end()
        seconds = time.monotonic() - began
        report = json.loads((out / "performance_report.json").read_text())
        gathering = _gathering(work, cluster, folder)
    rows = [watch.row(name, many) for name in pids]
    local = gathering | {"process": "a run here that finds all results made"}
    told = {"process": "the whole", "recordings": many, "exit_code": code}
    told["seconds"] = round(seconds, 1)
    told |= {"successful": report["successful"], "failed": report["failed"]}
    return [*rows, local, told]


def _gathering(work: Path, cluster: Cluster, folder: Path) -> dict[str, Any]:
    """What a plain run on this machine takes that only writes the files for people: the part of the
    submitter's work that has nothing to do with other machines."""
    source, out = cluster.data / "out", cluster.data / "again"
    (out / ".cache").mkdir(parents=True, mode=0o700)
    (source / ".cache" / "workers").rename(out / ".cache" / "workers")
    process = cluster.local(folder, out)
    watch = _Watch({"run": process.pid})
    assert process.wait() == 0, cluster.said(out)
    watch.end()
    return watch.row("run", len(list(folder.iterdir())))


def pinned(work: Path, count: int | None) -> list[dict[str, Any]]:
    """Two workers on a core each against one on a core."""
    rows = []
    for workers in (1, 2):
        with _toys(work, workers, pinned=True, shard_s=_PINNED_SHARD_S) as (cluster, _):
            texts = {f"c{n:04d}.wav": f"crunch crunch word{n} others" for n in range(count or 80)}
            folder = cluster.recordings("calls", texts)
            warm = cluster.recordings("warm", {"warm.wav": "crunch warm"})
            assert cluster.submit(warm, cluster.data / "warm-out").wait() == 0
            began = time.monotonic()
            assert cluster.submit(folder, cluster.data / "out").wait() == 0
            rows.append({"workers": workers, "seconds": time.monotonic() - began})
    rows[1]["times_one"] = round(rows[0]["seconds"] / rows[1]["seconds"], 2)
    return rows


def fill(work: Path, count: int | None) -> list[dict[str, Any]]:
    """The mean number of items in a batch, by one engine and by two workers, with a model that
    takes longer than the work on the CPU, so that batches could be full."""
    many = count or 720
    toys = {"batch": _BATCH, "delay": _BATCH_S}
    with _toys(work, 2, shard_s=_OWN_SHARD_S, **toys) as (cluster, _):
        texts = {
            f"c{n:04d}.wav": " ".join(f"w{n}x{k}" for k in range(n % 5 + 4)) for n in range(many)
        }
        folder = cluster.recordings("calls", texts)
        one, several, short = (cluster.data / name for name in ("one", "several", "short"))
        assert cluster.local(folder, one).wait() == 0
        assert cluster.submit(folder, several).wait() == 0
        cluster.environment["TOY_SHARD_S"] = str(_SHORT_SHARD_S)
        assert cluster.submit(folder, short).wait() == 0
        cluster.close()
        means = {
            "one engine": _mean_items([one]),
            "two workers": _mean_items(list((several / ".cache" / "workers").iterdir())),
            "two workers, shards of 3 s": _mean_items(
                list((short / ".cache" / "workers").iterdir())
            ),
        }
    whole = means["one engine"]
    return [
        {
            "how": how,
            "recordings": many,
            "items_per_batch": round(mean, 3),
            "of_at_most": round(mean / _BATCH, 3),
            "of_one_engine": round(mean / whole, 3),
        }
        for how, mean in means.items()
    ]


def _mean_items(outs: list[Path]) -> float:
    sizes = []
    for out in outs:
        for metrics in (out / ".cache" / "runs").glob("*.jsonl"):
            lines = map(json.loads, metrics.read_text().splitlines())
            sizes += [line["items"] for line in lines if line["event"] == "batch"]
    return statistics.mean(sizes)


if __name__ == "__main__":
    main()
