"""Options of `reelmill serve`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

Name = Annotated[str, typer.Argument(help="Name of the person.")]
Role = Annotated[
    str | None,
    typer.Option(help="viewer looks, editor also makes runs, admin changes all [viewer]."),
]
PasswordFile = Annotated[
    Path | None, typer.Option(help="Password file [serve-passwords.json in the user's settings].")
]


class Serve:
    """Where it listens, what it may touch, and its limits."""

    root: Annotated[
        Path | None,
        typer.Option(help="Folder below which recordings and output folders can be picked [none]."),
    ] = None
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port.")] = 8765
    data: Annotated[
        Path | None,
        typer.Option(help="Folder for uploads, the queue and results [in the user's data]."),
    ] = None
    host: Annotated[
        str,
        typer.Option(help="Address to listen on; beyond this machine it needs --passwords."),
    ] = "127.0.0.1"
    allow_host: Annotated[
        list[str] | None, typer.Option(help="Another name of this server; repeatable.")
    ] = None
    passwords: Annotated[
        Path | None,
        typer.Option(help="Password file [that of `reelmill serve password`, beyond loopback]."),
    ] = None
    tls_cert: Annotated[Path | None, typer.Option(help="Certificate (PEM), for HTTPS.")] = None
    tls_key: Annotated[Path | None, typer.Option(help="Its private key (PEM).")] = None
    behind_tls: Annotated[
        bool,
        typer.Option("--behind-tls", help="A server on this machine adds TLS before this one."),
    ] = False
    model: Annotated[
        str | None, typer.Option(help="Recognizer of runs that choose none [by free memory].")
    ] = None
    allow_model: Annotated[
        list[str] | None,
        typer.Option(help="A model that runs may choose besides the known ones; repeatable."),
    ] = None
    device: Annotated[str, typer.Option(help="auto, cpu or cuda[:n].")] = "auto"
    workers: Annotated[
        int | None, typer.Option(min=1, help="CPU worker processes [cores - 2].")
    ] = None
    memory_limit: Annotated[
        int | None, typer.Option(min=1, max=100, help="Percentage of memory that may be used [80].")
    ] = None
    lang: Annotated[
        Literal["en", "ko"] | None, typer.Option(help="Language of the pages [the browser's].")
    ] = None
    max_upload: Annotated[
        float, typer.Option(min=0.001, help="Largest file that can be uploaded, in GB.")
    ] = 8.0
    max_queue: Annotated[int, typer.Option(min=1, help="The most runs that wait.")] = 1000
    parallel: Annotated[int, typer.Option(min=1, max=64, help="Runs that go on at once.")] = 4
    private_webhooks: Annotated[
        bool,
        typer.Option("--private-webhooks", help="Let webhooks lead into the local network."),
    ] = False
