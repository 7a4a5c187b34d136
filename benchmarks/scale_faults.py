"""What becomes of work on several machines when something breaks: `benchmarks.scale faults`.

Redis keeps nothing on disk, so a restart loses all messages; RabbitMQ keeps its queues. Both are
reached by TLS. The pipeline is the tests' toy.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from reelmill.runs.run import Run
from tests.certificates import certificates
from tests.scale.brokers import RabbitServer, RedisServer
from tests.scale.cluster import Cluster, artifacts, failed, interrupt, wait_until, written
from tests.scale.toycluster import toys

Broker = RedisServer | RabbitServer

#: What a row says; not all of it applies to all faults.
_EMPTY = dict.fromkeys(("exit_code", "done", "of", "same_results", "same_failures", "besides"))


def faults(work: Path, count: int | None) -> list[dict[str, Any]]:
    """By both brokers: a worker killed, the broker restarted, a worker added; urgent work; a job
    that is cancelled and goes on."""
    many, rows = count or 48, []
    tls = certificates(work / "tls")
    for name, kind in (("Redis", RedisServer), ("RabbitMQ", RabbitServer)):
        folder = work / name
        (folder / "broker").mkdir(parents=True)
        broker = kind(folder / "broker", tls=tls)
        cluster = Cluster(folder / "cluster", broker.url)
        # RabbitMQ takes ten seconds to start again; a worker is not gone because of that.
        cluster.environment["REELMILL_CLAIM_LEASE"] = "5"
        try:
            for _ in range(3):
                cluster.start_worker()
            cluster.wait_for_workers()
            for what in (_broken, _urgent, _cancelled):
                began = time.monotonic()
                row = {"broker": name, "what": what.__name__.strip("_"), **_EMPTY}
                row.update(what(cluster, broker, many))
                rows.append({**row, "seconds": round(time.monotonic() - began, 1)})
        finally:
            cluster.close()
            broker.stop()
    return rows


def _broken(cluster: Cluster, broker: Broker, many: int) -> Iterator[tuple[str, Any]]:
    """A worker is killed in the middle, the broker restarted, a worker added."""
    texts = {f"c{n:03d}.wav": f"call {n} has step {'w' * (n % 7 + 1)} words" for n in range(many)}
    texts |= {"bad.wav": "unreadable", "deadly.wav": "some boom words", "통화.wav": "안녕 hello"}
    folder, out = cluster.recordings("same", texts), cluster.data / "same-out"
    submitter = cluster.submit(folder, out)
    wait_until(lambda: len(written(out)) >= 3)
    cluster.workers[0].kill()
    broker.stop()
    time.sleep(0.5)
    broker.start()
    cluster.start_worker()
    code = submitter.wait(300)
    one = cluster.data / "one"
    with Run(toys(None, 0.0)("toy"), folder, out=one, device="cpu", workers=1) as run:
        run.wait(120)
    yield "exit_code", code
    yield "done", len(written(out))
    yield "of", len(texts) - 2
    yield "same_results", artifacts(out) == artifacts(one) and written(out) == written(one)
    yield "same_failures", failed(out) == failed(one)
    again = sum(n > 1 for name, n in cluster.count("read").items() if name in texts)
    yield "besides", f"{again} of {len(texts)} were read twice"


def _urgent(cluster: Cluster, broker: Broker, many: int) -> Iterator[tuple[str, Any]]:
    """A job of high priority comes while another one waits."""
    texts = {f"later{n:03d}.wav": f"step step step step word{n}" for n in range(10 * many)}
    later, later_out = cluster.recordings("later", texts), cluster.data / "later-out"
    urgent = cluster.recordings("urgent", {"urgent.wav": "now"})
    slow = cluster.submit(later, later_out)
    wait_until(lambda: "takes part" in cluster.said(later_out))
    quick = cluster.submit(urgent, cluster.data / "urgent-out", priority=9)
    yield "exit_code", quick.wait(200)
    interrupt(slow)
    yield "done", len(written(cluster.data / "urgent-out"))
    yield "of", 1
    read = [line.split()[1] for line in cluster.log.read_text().splitlines() if "read" in line]
    after = read[read.index("urgent.wav") + 1 :]
    overtaken = len(texts) - len(set(texts) & set(read) - set(after))
    yield "besides", f"{overtaken} of {len(texts)} overtaken"
    slow.wait(60)


def _cancelled(cluster: Cluster, broker: Broker, many: int) -> Iterator[tuple[str, Any]]:
    """The submitter is interrupted; the same command, given again, goes on."""
    texts = {f"slow{n:03d}.wav": f"{'step ' * 3} word{n}" for n in range(2 * many)}
    folder, out = cluster.recordings("slow", texts), cluster.data / "slow-out"
    first = cluster.submit(folder, out)
    wait_until(lambda: written(out))
    interrupt(first)
    assert first.wait(60) == 3, cluster.said(out)
    begun = sum(name.startswith("slow") for name in cluster.count("read"))
    second = cluster.submit(folder, out)
    yield "exit_code", second.wait(300)
    yield "done", len(written(out))
    yield "of", len(texts)
    yield "besides", f"{len(texts) - begun} of {len(texts)} not begun when cancelled"
