"""Real brokers on free ports, in temporary folders."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

from tests.certificates import Certificates
from tests.ports import free_port


def _wait_for(port: int, within: float) -> None:
    until = time.monotonic() + within
    while True:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        assert time.monotonic() < until, f"no broker on port {port}"
        time.sleep(0.05)


class RedisServer:
    """A Redis that asks for a password and keeps nothing on disk unless told to. With `tls` it is
    reached by TLS only."""

    PASSWORD = "geheim-und-lang"

    def __init__(self, folder: Path, keep: bool = False, tls: Certificates | None = None) -> None:
        if shutil.which("redis-server") is None:
            pytest.skip("redis-server is not installed")
        self.port = free_port()
        self.url = f"redis://:{self.PASSWORD}@127.0.0.1:{self.port}/0"
        self._command = ["redis-server", "--dir", str(folder), "--port"]
        self._command += [str(self.port)] if tls is None else ["0", *_with_tls(self.port, tls)]
        if tls is not None:
            self.url = f"rediss{self.url.removeprefix('redis')}?ssl_ca_certs={tls.ca}"
        self._command += ["--bind", "127.0.0.1", "--save", "", "--requirepass", self.PASSWORD]
        self._command += ["--appendonly", "yes" if keep else "no", "--appendfsync", "always"]
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL)
        _wait_for(self.port, 60)

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()


def _with_tls(port: int, tls: Certificates) -> list[str]:
    options = ["--tls-port", str(port), "--tls-cert-file", str(tls.certificate)]
    options += ["--tls-key-file", str(tls.key), "--tls-ca-cert-file", str(tls.ca)]
    return [*options, "--tls-auth-clients", "no"]


class RabbitServer:
    """A RabbitMQ of its own, which keeps its queues on disk. With `tls` it is reached by TLS
    only."""

    def __init__(self, folder: Path, tls: Certificates | None = None) -> None:
        if shutil.which("rabbitmq-server") is None:
            pytest.skip("rabbitmq-server is not installed")
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._port = folder, free_port()
        self.url = f"amqp://guest:guest@127.0.0.1:{self._port}//"
        settings = [f"listeners.tcp.1 = 127.0.0.1:{self._port}"]
        if tls is not None:
            self.url = f"amqps{self.url.removeprefix('amqp')}?ssl_ca_certs={tls.ca}"
            settings = ["listeners.tcp = none", f"listeners.ssl.1 = 127.0.0.1:{self._port}"]
            settings += [f"ssl_options.cacertfile = {tls.ca}", f"ssl_options.keyfile = {tls.key}"]
            settings += [f"ssl_options.certfile = {tls.certificate}"]
            settings += ["ssl_options.verify = verify_none"]
        config = folder / "rabbitmq.conf"
        config.write_text("\n".join([*settings, ""]))
        self._environment = {
            **os.environ,
            "RABBITMQ_NODENAME": f"reelmill{self._port}@localhost",
            "RABBITMQ_CONFIG_FILE": str(config),
            "RABBITMQ_DIST_PORT": str(free_port()),
            "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
            "RABBITMQ_PID_FILE": str(folder / "pid"),
            "HOME": str(folder),
            "ERL_EPMD_PORT": str(free_port()),
        }
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        server = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
        command = [str(server) if server.exists() else "rabbitmq-server"]
        with (self._folder / "out").open("a") as out:
            self._process = subprocess.Popen(
                command, env=self._environment, stdout=out, stderr=out, start_new_session=True
            )
        _wait_for(self._port, 90)

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def stop(self) -> None:
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGTERM)
            self._process.wait(60)
            # The daemon that finds Erlang's nodes outlives them.
            subprocess.run(
                ["epmd", "-kill"], env=self._environment, capture_output=True, check=False
            )
