"""An S3-compatible server over HTTP (moto), behind a gateway that checks credentials, counts
requests and can break.

`python -m tests.scale.s3server PORT FOLDER KEY`. While there is a file `gone` in the folder, all
answers are 503; while there is `full`, nothing can be written.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from tests.ports import free_port
from tests.scale.brokers import _wait_for

_ROOT = Path(__file__).resolve().parents[2]


class S3Server:
    """A server with one bucket."""

    KEY, SECRET = "AKIAREELMILLTEST0001", "wJalrXUtnFEMI-top-secret-key"
    BUCKET = "archive"

    def __init__(self, folder: Path) -> None:
        pytest.importorskip("moto")
        pytest.importorskip("flask_cors")
        pytest.importorskip("s3fs")
        self.folder = folder
        self.port = free_port()
        self.endpoint = f"http://127.0.0.1:{self.port}"
        command = [
            sys.executable,
            "-m",
            "tests.scale.s3server",
            str(self.port),
            str(folder),
            self.KEY,
        ]
        with (folder / "server.log").open("w") as log:
            self._process = subprocess.Popen(
                [*command, self.KEY], cwd=_ROOT, stdout=log, stderr=log
            )
        _wait_for(self.port, 120)
        self.files = self.client()
        self.files.mkdir(self.BUCKET)

    @property
    def environment(self) -> dict[str, str]:
        """What a machine has to know."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": self.KEY,
            "AWS_SECRET_ACCESS_KEY": self.SECRET,
            "AWS_DEFAULT_REGION": "us-east-1",
        }

    def client(self) -> Any:
        import s3fs

        return s3fs.S3FileSystem(
            key=self.KEY,
            secret=self.SECRET,
            endpoint_url=self.endpoint,
            use_listings_cache=False,
            skip_instance_cache=True,
        )

    def objects(self, prefix: str) -> list[str]:
        return sorted(self.files.find(f"{self.BUCKET}/{prefix}"))

    def requests(self) -> list[str]:
        """All that were answered, each as `METHOD PATH BYTES`."""
        return (self.folder / "requests.log").read_text().splitlines()

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()


class _Gateway:
    def __init__(self, application: Any, folder: Path, key: str) -> None:
        self._application, self._folder, self._key = application, folder, key
        self._log = (folder / "requests.log").open("a", buffering=1)
        self._guard = threading.Lock()

    def __call__(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        if (self._folder / "gone").exists():
            return self._refuse(start, "503 Service Unavailable", "ServiceUnavailable")
        if f"Credential={self._key}/" not in environ.get("HTTP_AUTHORIZATION", ""):
            return self._refuse(start, "403 Forbidden", "InvalidAccessKeyId")
        if method in ("PUT", "POST") and (self._folder / "full").exists():
            return self._refuse(start, "507 Insufficient Storage", "XMinioStorageFull")
        with self._guard:
            self._log.write(f"{method} {path} {environ.get('CONTENT_LENGTH') or 0}\n")
        return self._application(environ, start)  # type: ignore[no-any-return]

    @staticmethod
    def _refuse(start: Callable[..., Any], status: str, code: str) -> list[bytes]:
        body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{code}</Message></Error>"
        start(status, [("Content-Type", "application/xml"), ("Content-Length", str(len(body)))])
        return [body.encode()]


def main() -> None:
    from moto.server import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import run_simple

    port, folder, key = int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
    os.environ["MOTO_ALLOW_NONEXISTENT_REGION"] = "True"
    application = DomainDispatcherApplication(create_backend_app)
    run_simple("127.0.0.1", port, _Gateway(application, folder, key), threaded=True)


if __name__ == "__main__":
    main()
