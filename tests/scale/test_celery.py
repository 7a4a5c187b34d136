"""Celery with a real Redis: the same results as one engine, whatever happens to workers."""

# proves: G16 G17

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from reelmill.runs.run import Run
from tests.scale.brokers import RedisServer
from tests.scale.cluster import (
    LEASE_S,
    PATIENCE_S,
    Cluster,
    artifacts,
    failed,
    interrupt,
    wait_until,
    written,
)
from tests.scale.toycluster import toys

pytest.importorskip("celery")

WORDS = {f"call{n:02d}.wav": f"call {n} has step {'w' * (n % 7 + 1)} words" for n in range(30)}


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    yield server
    server.stop()


@pytest.fixture(scope="module")
def cluster(redis: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Two workers for most tests of this file."""
    made = Cluster(tmp_path_factory.mktemp("cluster"), redis.url)
    for _ in range(2):
        made.start_worker()
    made.wait_for_workers()
    yield made
    made.close()


def alone(folder: Path, out: Path) -> Path:
    """The results of one engine."""
    with Run(toys(None, 0.0)("toy"), folder, out=out, device="cpu", workers=1) as run:
        run.wait(PATIENCE_S)
    return out


def test_a_shard_of_any_length_stays_with_its_worker(cluster: Cluster) -> None:
    steps = int(3 * LEASE_S / 0.2)
    folder = cluster.recordings("long", {"long.wav": "step " * steps + "end"})
    out = cluster.data / "long-out"
    assert cluster.submit(folder, out).wait(PATIENCE_S) == 0, cluster.said(out)
    assert cluster.count("read")["long.wav"] == 1, "not given to another one meanwhile"
    assert "goes to another worker" not in cluster.said(out)


def test_a_submitter_may_die_and_may_cancel_and_the_same_command_goes_on(cluster: Cluster) -> None:
    texts = {f"slow{n:02d}.wav": f"{'step ' * 3} word{n}" for n in range(48)}
    folder, out = cluster.recordings("slow", texts), cluster.data / "slow-out"

    def reads() -> dict[str, int]:
        return {name: n for name, n in cluster.count("read").items() if name.startswith("slow")}

    first = cluster.submit(folder, out)
    wait_until(lambda: written(out))
    interrupt(first)
    assert first.wait(PATIENCE_S) == 3, cluster.said(out)
    begun = reads()
    assert len(begun) < len(texts), "the rest was not begun"
    second = cluster.submit(folder, out)
    wait_until(lambda: reads() != begun)
    in_work = {name: n for name, n in reads().items() if n != begun.get(name)}
    second.kill()
    second.wait()
    third = cluster.submit(folder, out)
    assert third.wait(PATIENCE_S) == 0, cluster.said(out)
    assert "of an earlier command are with the workers" in cluster.said(out)
    assert len(written(out)) == len(texts)
    assert in_work.items() <= reads().items(), "what was in work went on"


def test_urgent_work_overtakes(cluster: Cluster) -> None:
    texts = {f"later{n:03d}.wav": f"step step step step word{n}" for n in range(400)}
    later, later_out = cluster.recordings("later", texts), cluster.data / "later-out"
    urgent = cluster.recordings("urgent", {"urgent.wav": "now"})
    urgent_out = cluster.data / "urgent-out"
    slow = cluster.submit(later, later_out)
    wait_until(lambda: "takes part" in cluster.said(later_out))
    quick = cluster.submit(urgent, urgent_out, priority=9)
    assert quick.wait(PATIENCE_S) == 0, cluster.said(urgent_out)
    interrupt(slow)
    read = [line for line in cluster.log.read_text().splitlines() if line.startswith("read ")]
    before = [line for line in read[: read.index("read urgent.wav")] if "later" in line]
    assert len(before) < len(texts), "it did not wait for what was submitted before"
    assert slow.wait(PATIENCE_S) == 3


def test_what_is_no_shard_is_refused_and_logged(cluster: Cluster, redis: RedisServer) -> None:
    import pickle

    from kombu import Connection, Producer

    from reelmill.scale.celery.app import SHARDS, TASK

    def headers(task: str) -> dict[str, object]:
        return {"task": task, "id": "x", "lang": "py", "argsrepr": "", "kwargsrepr": ""}

    bare = {"callbacks": None, "errbacks": None, "chain": None, "chord": None}
    good, chained = [["{}"], {}, bare], {"chain": [{"task": TASK}]}
    sent = [
        (pickle.dumps(good), "application/x-python-serialize", headers(TASK), "only JSON"),
        (json.dumps(good), "application/json", headers("os.system"), "no task"),
        (json.dumps(good), "application/json", headers(TASK), "not sealed"),
        (json.dumps([["x"], {}, chained]), "application/json", headers(TASK), "more than"),
        (json.dumps([["x" * 4_000_000], {}, bare]), "application/json", headers(TASK), "bytes"),
        ("not json", "application/json", headers(TASK), "not as Celery"),
        ("{}", "application/json", {}, "no task"),
    ]  # fmt: skip
    with Connection(redis.url) as connection:
        producer = Producer(connection)
        for body, content, head, _ in sent:
            producer.publish(
                body, routing_key=SHARDS, headers=head, content_type=content,
                content_encoding="binary" if isinstance(body, bytes) else "utf-8",
            )  # fmt: skip

    def refused() -> list[str]:
        lines = "".join(map(cluster.worker_log, range(2))).splitlines()
        return [line for line in lines if "message refused" in line]

    wait_until(lambda: len(refused()) >= len(sent))
    for _, _, _, why in sent:
        assert any(why in line for line in refused()), (why, refused())
    time.sleep(LEASE_S * 1.5)
    assert len(refused()) == len(sent), "never tried again"


def test_a_lost_worker_a_lost_broker_and_a_new_worker(
    cluster: Cluster, redis: RedisServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Without measured costs the long recording is shared, whatever ran before.
    monkeypatch.setitem(cluster.environment, "REELMILL_CACHE", str(tmp_path / "cache"))
    bad = {"bad.wav": "unreadable", "deadly.wav": "some boom words", "통화.wav": "안녕 hello"}
    long = {"shared.wav": " ".join(f"word{n}" for n in range(1500))}
    folder, out = cluster.recordings("same", WORDS | bad | long), cluster.data / "same-out"
    cluster.start_worker()
    cluster.wait_for_workers()
    submitter = cluster.submit(folder, out)
    wait_until(lambda: len(written(out)) >= 3 and list(out.glob(".cache/portions/*/*.portion")))
    cluster.workers[0].kill()
    cluster.start_worker()
    redis.stop()  # it keeps nothing on disk: all messages are lost
    time.sleep(3.5)  # the submitter tries several times in vain
    redis.start()
    assert submitter.wait(PATIENCE_S) == 1, cluster.said(out)
    one = alone(folder, tmp_path / "one")
    assert artifacts(out) == artifacts(one), "byte for byte"
    assert len(artifacts(one)) == 2 * len(WORDS) + 5
    assert written(out) == written(one) and len(written(one)) == len(WORDS) + 2
    assert failed(out) == failed(one), "failures with stage, kind and message"
    assert len(failed(one)) == 2
    said = cluster.said(out)
    assert "several workers work on 1 long recording" in said
    assert not list(out.glob(".cache/portions/*/*")), "nobody needs them any more"
    assert said.count("takes part") >= 3 and "unreadable on purpose" in said
    assert "Workers" in (out / "report.html").read_text()
    logs = "".join(map(cluster.worker_log, range(len(cluster.workers))))
    assert RedisServer.PASSWORD not in said + logs
