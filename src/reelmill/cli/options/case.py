"""Options of `reelmill case` and `reelmill verify`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

TsaCa = Annotated[
    Path | None,
    typer.Option(help="Root certificates of time-stamping authorities (PEM) [this machine's]."),
]


class Checks:
    """What `verify` compares with."""

    strict: Annotated[
        bool, typer.Option("--strict", help="Also report files that are not on record.")
    ] = False
    manifest_sha256: Annotated[
        str | None,
        typer.Option(help="SHA-256 of the manifest, as printed at the end of the run."),
    ] = None
    custody_head: Annotated[
        str | None,
        typer.Option(help="Head of the custody log, as printed in a report or by a run."),
    ] = None
    signer: Annotated[
        str | None,
        typer.Option(help="Public key (file or fingerprint) that must have signed the log."),
    ] = None
    tsa_ca: TsaCa = None


class Case:
    """What is to be done with a case."""

    sign: Annotated[
        bool, typer.Option("--sign", help="Sign the head of the custody log (Ed25519).")
    ] = False
    signing_key: Annotated[
        Path | None,
        typer.Option(help="Private key in PEM [that of `reelmill key --signing`]."),
    ] = None
    timestamp_request: Annotated[
        bool, typer.Option("--timestamp-request", help="Write a request for a time stamp.")
    ] = False
    timestamp: Annotated[
        str | None, typer.Option(help="Send a request to this address, and keep the reply.")
    ] = None
    timestamp_reply: Annotated[
        Path | None, typer.Option(help="Check and keep a reply that you received otherwise.")
    ] = None
    tsa_ca: TsaCa = None
    viewed: Annotated[
        list[str] | None,
        typer.Option(help="Note that this original was listened to or viewed; repeatable."),
    ] = None
    note: Annotated[str | None, typer.Option(help="Note this text in the custody log.")] = None
    by: Annotated[str | None, typer.Option(help="Who does this [the user's name].")] = None
    bag: Annotated[
        Path | None, typer.Option(help="Copy the case into this new folder, as a BagIt bag.")
    ] = None
    with_originals: Annotated[
        bool, typer.Option("--with-originals", help="Put the originals into the bag too.")
    ] = False
    hashdeep: Annotated[
        bool, typer.Option("--hashdeep", help="Print the hashes as hashdeep reads them.")
    ] = False
    log: Annotated[bool, typer.Option("--log", help="Print the custody log, an entry a line.")] = (
        False
    )
