"""A real broker that is reached by TLS and a password."""

# proves: G17

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from reelmill.core.keys import Seal
from reelmill.errors import UsageError
from reelmill.scale.executor import ShardDone
from reelmill.scale.messages import Place, ShardRecording, ShardTask, Work
from tests.certificates import Certificates, certificates
from tests.scale.brokers import RedisServer

pytest.importorskip("celery")

SEAL = Seal(b"ours" * 8)
WORK = Work("voice", {}, {"recognize": "abc123"}, Place("data", "out"))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return certificates(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def redis(made: Certificates, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path_factory.mktemp("redis"), tls=made)
    yield server
    server.stop()


def test_shards_and_events_go_through_tls(redis: RedisServer) -> None:
    from reelmill.scale.celery.app import make_app
    from reelmill.scale.celery.executor import CeleryExecutor
    from reelmill.scale.celery.worker import Reporter

    task = ShardTask("job", "first", "one", WORK, [ShardRecording(Place("data", "a.wav"), 4)])
    done = ShardDone("one", "worker-1", {"abc": 1.5}, 60.0)
    report = Reporter(make_app(redis.url, 20.0), SEAL).to("job")
    threading.Timer(0.2, report, [done]).start()
    assert list(CeleryExecutor(redis.url, 20.0, SEAL).submit([task])) == [done]


def test_a_broker_that_nobody_vouches_for_is_refused(redis: RedisServer, tmp_path: Path) -> None:
    from reelmill.scale.celery.app import check_reachable, make_app

    other = certificates(tmp_path).ca
    bare = redis.url.partition("?")[0]
    for url in (bare, f"{bare}?ssl_ca_certs={other}"):
        with pytest.raises(UsageError, match="its certificate is not trusted") as caught:
            check_reachable(make_app(url, 20.0), url)
        assert RedisServer.PASSWORD not in str(caught.value)
    url = f"{bare}?ssl_cert_reqs=none"
    check_reachable(make_app(url, 20.0), url)  # as asked for


def test_a_worker_ends_where_nobody_vouches_for_the_broker(
    redis: RedisServer, tmp_path: Path
) -> None:
    environment = {**os.environ, "REELMILL_BROKER": redis.url.partition("?")[0]}
    command = [sys.executable, "-c", "from reelmill.cli.app import main; main()", "worker"]
    worker = subprocess.run(
        [*command, "--roots", str(tmp_path), "--device", "cpu"],
        env=environment, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert worker.returncode == 2 and "its certificate is not trusted" in worker.stderr
    assert RedisServer.PASSWORD not in worker.stderr


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("rediss://broker/0?ssl_ca_certs=/nowhere.pem", "there is no such file"),
        ("amqps://broker//?ssl_cert_reqs=perhaps", "give required or none"),
        ("amqps://broker//?ssl_version=3", "ssl_version is none of"),
        ("redis://broker/0?ssl_cert_reqs=none", "is for rediss:// and amqps://"),
    ],
)
def test_what_an_address_cannot_say_of_tls(url: str, why: str) -> None:
    from reelmill.scale.celery.app import make_app

    with pytest.raises(UsageError, match=why):
        make_app(url, 20.0)


def test_amqps_checks_the_name_of_the_broker(made: Certificates) -> None:
    import ssl

    from reelmill.scale.celery.tls import tls_of

    address, settings = tls_of(
        f"amqps://me:secret@broker:5671//?ssl_ca_certs={made.ca}&heartbeat=9"
    )
    assert address == "amqps://me:secret@broker:5671//?heartbeat=9"
    assert settings == {
        "ca_certs": str(made.ca), "cert_reqs": ssl.CERT_REQUIRED, "server_hostname": "broker",
    }  # fmt: skip
    assert tls_of("redis://:secret@broker/0") == ("redis://:secret@broker/0", None)
