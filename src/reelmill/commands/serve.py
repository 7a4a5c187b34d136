"""`reelmill serve`: the local server."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import secrets
import socket
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from reelmill.commands.exit_codes import EXIT_DONE, EXIT_STOPPED
from reelmill.core.paths import user_config
from reelmill.core.printable import printable
from reelmill.errors import UsageError

if TYPE_CHECKING:
    from reelmill.web.settings import WebSettings

_GB = 1 << 30


@dataclass(frozen=True)
class Wanted:
    """What the command line asks for; the names are those of the options."""

    root: Path | None = None
    data: Path | None = None
    host: str = "127.0.0.1"
    port: int = 8765
    allow_host: list[str] | None = None
    passwords: Path | None = None
    tls_cert: Path | None = None
    tls_key: Path | None = None
    behind_tls: bool = False
    model: str | None = None
    allow_model: list[str] | None = None
    device: str = "auto"
    workers: int | None = None
    memory_limit: int | None = None
    lang: Literal["en", "ko"] | None = None
    max_upload: float = 8.0
    max_queue: int = 1000
    parallel: int = 4
    private_webhooks: bool = False


def run_serve(wanted: Wanted) -> int:
    """Serve until a signal comes.

    Raises:
        UsageError: the extra is missing, a folder cannot be used, the port is taken, or others
            could reach the server without a password.
    """
    need_extra()
    from reelmill.web.server import make_server

    settings = settings_of(wanted)
    with contextlib.closing(_listening(settings)) as listening:
        server = make_server(settings, certificate=wanted.tls_cert, key=wanted.tls_key)
        logging.basicConfig(
            level=logging.WARNING, stream=sys.stderr, format="%(asctime)s %(name)s: %(message)s"
        )
        for line in _first_lines(settings):
            print(printable(line), flush=True)
        asyncio.run(server.serve(sockets=[listening]))
    return EXIT_DONE if server.started else EXIT_STOPPED


def settings_of(wanted: Wanted) -> WebSettings:
    """The settings of a server, with everything checked that can be.

    Raises:
        UsageError: the root is no folder, or others could reach the server without a password.
    """
    from platformdirs import user_data_path

    from reelmill.web.settings import WebSettings

    root = None if wanted.root is None else Path(os.path.realpath(wanted.root))
    if root is not None and not root.is_dir():
        raise UsageError(f"{wanted.root}: no such folder; --root takes a folder of recordings")
    if (wanted.tls_cert is None) != (wanted.tls_key is None):
        raise UsageError("--tls-cert and --tls-key go together")
    passwords = wanted.passwords or _known_passwords(wanted.host)
    settings = WebSettings(
        data=wanted.data or user_data_path("reelmill", appauthor=False) / "server",
        root=root,
        host=wanted.host,
        port=wanted.port,
        token="" if passwords is not None else secrets.token_urlsafe(24),
        passwords=passwords,
        tls=wanted.tls_cert is not None or wanted.behind_tls,
        proxied=wanted.behind_tls,
        hosts=tuple(wanted.allow_host or ()),
        model=wanted.model,
        models=tuple(wanted.allow_model or ()),
        device=wanted.device,
        workers=wanted.workers,
        memory_limit=wanted.memory_limit,
        lang=wanted.lang,
        max_upload=int(wanted.max_upload * _GB),
        max_queue=wanted.max_queue,
        parallel=wanted.parallel,
        private_webhooks=wanted.private_webhooks,
    )
    if not settings.is_loopback and settings.passwords is None:
        raise UsageError(
            f"--host {wanted.host}: others could reach the server, so it needs a password file; "
            "make one with `reelmill serve password NAME`, and start it again"
        )
    return settings


def _known_passwords(host: str) -> Path | None:
    """The password file in the user's configuration, which counts beyond this machine."""
    from reelmill.web.security.passwords import FILE_NAME
    from reelmill.web.settings import is_loopback

    known = user_config() / FILE_NAME
    return known if not is_loopback(host) and known.is_file() else None


def need_extra() -> None:
    """Raise UsageError where the extra `web` is not installed."""
    try:
        import argon2  # noqa: F401
        import fastapi  # noqa: F401
        import python_multipart  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError as error:
        raise UsageError(
            f"reelmill serve needs {error.name}: pip install 'reelmill[web]'"
        ) from error


def _listening(settings: WebSettings) -> socket.socket:
    """The socket, before anything else starts. Whoever opens the printed address at once waits for
    the server, and is not refused.

    Raises:
        UsageError: the port is taken, or the address is not one of this machine.
    """
    opened = socket.socket(socket.AF_INET6 if ":" in settings.host else socket.AF_INET)
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind((settings.host, settings.port))
        opened.listen()
    except OSError as error:
        opened.close()
        raise UsageError(
            f"{settings.host}:{settings.port}: cannot be opened ({error.strerror}); choose "
            "another --port or --host"
        ) from error
    return opened


def _secret(settings: WebSettings) -> str:
    return "this token" if settings.token else "one of `reelmill serve key NAME`"


def _first_lines(settings: WebSettings) -> Iterator[str]:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    address = f"{settings.scheme}://{host}:{settings.port}/"
    yield f"open {address}?token={settings.token}" if settings.token else f"open {address}"
    yield f"programs for OpenAI's API: {address}v1, with {_secret(settings)} as the key"
    yield f"uploads, queue and results: {settings.data}"
    if settings.root is not None:
        yield f"folders can be picked below {settings.root}"
    if not settings.is_loopback and not settings.tls:
        yield (
            "warning: passwords and recordings travel in the clear; give --tls-cert and --tls-key, "
            "or put a server with TLS before this one"
        )
    yield "stop with Ctrl-C; runs go on when it is started again"
