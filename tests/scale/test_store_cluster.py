"""Submitter and workers that share nothing but a store: an S3-compatible server over HTTP."""

# proves: G16 G17

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from reelmill.commands.submit import submit
from reelmill.errors import UsageError
from reelmill.runs.run import Run
from reelmill.scale.stored import recording_place
from tests.ports import free_port
from tests.scale.brokers import RedisServer
from tests.scale.cluster import PATIENCE_S, Cluster, artifacts, failed, wait_until, written
from tests.scale.s3server import S3Server
from tests.scale.toycluster import toys

pytest.importorskip("celery")

TEXTS = {f"call{n:02d}.wav": f"call {n} {'step ' * (n % 3)} words" for n in range(16)}
BAD = {"bad.wav": "unreadable", "통화.wav": "안녕 hello", "copy.wav": "call 3  words"}


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    server = S3Server(tmp_path_factory.mktemp("s3"))
    yield server
    server.stop()


@pytest.fixture(scope="module")
def cluster(s3: S3Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    redis = RedisServer(tmp_path_factory.mktemp("redis"))
    made = Cluster(tmp_path_factory.mktemp("cluster"), redis.url, store=f"s3://{s3.BUCKET}/team")
    made.environment |= s3.environment
    made.start_worker()
    made.start_worker()
    made.wait_for_workers()
    yield made
    made.close()
    redis.stop()


def left_by(cluster: Cluster) -> list[Path]:
    """Recordings that workers, but the one that was killed, have left."""
    return [
        path
        for cache in ("cache2", "cache3")
        for path in cluster.folder.glob(f"{cache}/scratch/**/*.wav")
    ]


def test_a_killed_worker_and_one_engine_make_the_same(
    cluster: Cluster, s3: S3Server, tmp_path: Path
) -> None:
    folder, out = cluster.recordings("calls", TEXTS | BAD), cluster.data / "out"
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    submitter = cluster.submit(folder, out)
    wait_until(lambda: len(written(out)) >= 3)
    cluster.workers[0].kill()
    assert submitter.wait(PATIENCE_S) == 1, cluster.said(out)
    one = tmp_path / "one"
    with Run(toys(None, 0.0)("toy"), folder, out=one, device="cpu", workers=1) as run:
        run.wait(PATIENCE_S)
    assert artifacts(out) == artifacts(one), "byte for byte"
    assert written(out) == written(one) and len(written(one)) == len(TEXTS) + 2
    assert failed(out) == failed(one) and len(failed(one)) == 1
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    said = cluster.said(out)
    assert "takes part" in said and "sent to the store" in said
    everything = said + "".join(map(cluster.worker_log, range(len(cluster.workers))))
    assert s3.SECRET not in everything and s3.KEY not in everything
    for path in [*out.rglob("*"), *cluster.folder.glob("cache*/**/*")]:
        if path.is_file():
            content = path.read_bytes()
            assert s3.SECRET.encode() not in content and s3.KEY.encode() not in content, path
    there = {path.partition("/artifacts/")[2] for path in s3.objects("team/artifacts")}
    assert there == set(artifacts(one)), "workers made everything, and nobody else"
    assert not re.search(r"left out|made again", said)
    assert len(s3.objects("team/recordings")) == len({*TEXTS.values(), *BAD.values()})


def test_a_store_that_is_gone_for_some_seconds_and_a_damaged_recording(
    cluster: Cluster, s3: S3Server
) -> None:
    texts = {f"later{n:02d}.wav": f"later {n} step step" for n in range(8)}
    folder, out = cluster.recordings("later", texts), cluster.data / "later-out"
    place = recording_place(hashlib.sha256(b"later 7 step step").hexdigest(), ".wav").path
    s3.files.pipe_file(f"{s3.BUCKET}/team/{place}", b"later 7 step stop")
    submitter = cluster.submit(folder, out)
    wait_until(lambda: len(written(out)) >= 2)
    (s3.folder / "gone").touch()
    time.sleep(3)
    (s3.folder / "gone").unlink()
    assert submitter.wait(PATIENCE_S) == 0, cluster.said(out)
    assert {name: text for name, text in written(out).items() if "7" in name} == {
        "later07.up": "LATER0 71 STEP2 STEP3"
    }
    assert len(written(out)) == len(texts)
    said = " ".join(cluster.said(out).split())
    assert "its content is not the one it is named by" in said and "it is sent again" in said
    assert s3.files.cat_file(f"{s3.BUCKET}/team/{place}") == b"later 7 step step"
    wait_until(lambda: not left_by(cluster))


def test_a_store_that_cannot_be_used_is_said_at_the_start(
    s3: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "none.wav").write_text("none")
    about = {"fresh": False, "quiet": True, "as_json": False, "on": "celery", "priority": 0}
    about |= {"broker": f"redis://127.0.0.1:{free_port()}/0", "roots": []}
    given = {"out": tmp_path / "out", "store": f"s3://{s3.BUCKET}/team"}

    def refused(changes: dict[str, str], store: dict[str, str], said: str) -> None:
        for name, value in (s3.environment | changes).items():
            monkeypatch.setenv(name, value)
        with pytest.raises(UsageError, match=said) as error:
            submit(toys(None, 0.0)("toy"), [tmp_path], {**given, **store}, about)
        assert "s3://" in str(error.value) and "AKIA" not in str(error.value)

    refused({"AWS_ACCESS_KEY_ID": "AKIAWRONG"}, {}, r"refuses access .*AWS_PROFILE")
    refused({"AWS_ENDPOINT_URL": f"http://127.0.0.1:{free_port()}"}, {}, "check the network")
    refused({}, {"store": "s3://nobucket/x"}, "create the bucket first")
    (s3.folder / "full").touch()
    refused({}, {"store": f"s3://{s3.BUCKET}/other"}, r"is full .*make room")
    (s3.folder / "full").unlink()
