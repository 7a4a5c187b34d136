"""What `reelmill serve` was told."""

from __future__ import annotations

import ipaddress
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from reelmill.web.openai.limits import EndpointLimits

DEFAULT_PORT = 8765
_GB = 1 << 30


@dataclass(frozen=True)
class Limits:
    """What a client may cost.

    Attributes:
        body: bytes of a request that is no upload.
        patience: seconds without a byte of a request, or without one of an answer being read.
        slowest: bytes a second that a request has to bring after `patience`.
        uploads: files of one person that no run has yet.
        connections: most connections at once.
    """

    body: int = 1 << 20
    patience: float = 30.0
    slowest: int = 1024
    uploads: int = 2000
    connections: int = 512


@dataclass(frozen=True)
class WebSettings:
    """The settings of a server.

    Attributes:
        data: the folder with uploads, the queue, and results where no other folder was chosen.
        root: the folder below which recordings and output folders can be picked; None for none.
        host, port: the address it listens on.
        token: lets whoever has it in as an administrator; empty for nobody.
        passwords: the file with names, hashed passwords and roles; None on loopback.
        tls: whether people reach it by HTTPS.
        proxied: whether another server on this machine stands before it, and says who asks.
        hosts: further names by which it is reached.
        model: the recognizer of runs that choose none.
        models: further models that runs may choose, besides those in the cache and the catalog.
        device, workers, memory_limit: as of a run.
        lang: the language of pages; None by the browser's preference.
        max_upload: the largest upload, in bytes.
        max_queue: the most runs that wait.
        parallel: how many runs go on at once.
        endpoint: what a client of the endpoint under `/v1` may cost.
        private_webhooks: whether webhooks may lead into the local network.
        limits: what a client may cost.
    """

    data: Path
    root: Path | None = None
    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    token: str = ""
    passwords: Path | None = None
    tls: bool = False
    proxied: bool = False
    hosts: tuple[str, ...] = ()
    model: str | None = None
    models: tuple[str, ...] = ()
    device: str = "auto"
    workers: int | None = None
    memory_limit: int | None = None
    lang: Literal["en", "ko"] | None = None
    max_upload: int = 8 * _GB
    max_queue: int = 1000
    parallel: int = 4
    private_webhooks: bool = False
    endpoint: EndpointLimits = field(default_factory=EndpointLimits)
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        """Runs tell of recordings by their absolute paths, so what is below `data` has them too."""
        object.__setattr__(self, "data", Path(os.path.abspath(self.data)))

    @property
    def is_loopback(self) -> bool:
        """Whether only programs on this machine can reach it."""
        return is_loopback(self.host)

    @property
    def scheme(self) -> str:
        return "https" if self.tls else "http"


def is_loopback(host: str) -> bool:
    """Whether only programs on this machine reach a server that listens there."""
    return host == "localhost" or is_address(host, loopback=True)


def is_address(text: str, *, loopback: bool = False) -> bool:
    """Whether a host is an IP address, with `loopback` one of this machine alone."""
    try:
        address = ipaddress.ip_address(text.removeprefix("[").removesuffix("]"))
    except ValueError:
        return False
    return address.is_loopback if loopback else True
