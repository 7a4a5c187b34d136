"""Checks the signatures and time stamps of heads."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from reelmill.core.printable import printable
from reelmill.errors import InputError, UsageError
from reelmill.evidence.custody import signing, timestamp
from reelmill.evidence.custody.check import Log, check_head
from reelmill.evidence.custody.heads import (
    AUTHORITY,
    PUBLIC_KEY,
    REPLY,
    REQUEST,
    SIGNATURE,
    Statement,
    read_statement,
    statement_files,
)
from reelmill.evidence.findings import Finding
from reelmill.evidence.reading import read_record


@dataclass(frozen=True)
class Trust:
    """Whom the user trusts.

    Attributes:
        signer: the public key that must have signed a head: its fingerprint (hex).
        authorities: certificates of time-stamping authorities' roots, in PEM.
    """

    signer: str | None = None
    authorities: bytes | None = None


@dataclass
class Proofs:
    """What was found of signatures and time stamps. `lines` are for people."""

    findings: list[Finding] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    signers: set[str] = field(default_factory=set)


def signer_of(text: str) -> str:
    """The fingerprint of the key that a user names: a fingerprint, or a file with a public key.

    Raises:
        UsageError: it is neither.
    """
    plain = text.strip().lower()
    if len(plain) == 64 and all(letter in "0123456789abcdef" for letter in plain):
        return plain
    try:
        return signing.fingerprint(signing.read_public(Path(text).read_bytes()))
    except (InputError, OSError) as error:
        raise UsageError(
            f"--signer {text}: neither a fingerprint (64 digits) nor a file with an Ed25519 public "
            f"key ({error})"
        ) from error


def check_proofs(out: Path, log: Log | None, trust: Trust) -> Proofs:
    """Check every statement in an output folder against the log, with its signature and time
    stamp."""
    proofs = Proofs()
    for path in statement_files(out):
        name = str(path.relative_to(out))
        try:
            statement = read_statement(path)
        except InputError as error:
            proofs.findings.append(Finding("record", "unreadable", name, (str(error),)))
            continue
        fault = check_head(log, statement.head, name)
        if fault is not None:
            proofs.findings.append(fault)
        _check_signature(statement, trust, proofs)
        _check_stamp(statement, trust, proofs)
    if trust.signer is not None and trust.signer not in proofs.signers:
        details = (f"no head is signed with the key {trust.signer}",)
        proofs.findings.append(Finding("record", "missing", "signature", details))
    return proofs


def _check_signature(statement: Statement, trust: Trust, proofs: Proofs) -> None:
    path = statement.beside(SIGNATURE)
    if not os.path.lexists(path):
        return
    entry = statement.head.entries
    try:
        key = read_record(statement.beside(PUBLIC_KEY))
        signer = signing.check_signature(statement.data, read_record(path), key)
    except InputError as error:
        name = statement.name(SIGNATURE)
        proofs.findings.append(Finding("record", "changed", name, (str(error),)))
    except UsageError as error:
        proofs.lines.append(f"NOT CHECKED: signature of entry {entry}: {error}")
    else:
        proofs.signers.add(signer)
        whose = "the one you gave" if signer == trust.signer else "--signer checks whose it is"
        proofs.lines.append(f"Signature of entry {entry}: valid, with the key {signer} ({whose})")


def _check_stamp(statement: Statement, trust: Trust, proofs: Proofs) -> None:
    path = statement.beside(REPLY)
    entry = statement.head.entries
    if not os.path.lexists(path):
        if os.path.lexists(statement.beside(REQUEST)):
            proofs.lines.append(f"Time stamp of entry {entry}: asked for, no reply yet")
        return
    try:
        request, reply = read_record(statement.beside(REQUEST)), read_record(path)
        kept = statement.beside(AUTHORITY)
        roots = trust.authorities
        if roots is None and os.path.lexists(kept):
            roots = read_record(kept)
        stamp = timestamp.check_reply(statement.data, request, reply, roots)
    except InputError as error:
        name = statement.name(REPLY)
        proofs.findings.append(Finding("record", "changed", name, (str(error),)))
    except UsageError as error:
        proofs.lines.append(f"NOT CHECKED: time stamp of entry {entry}: {error}")
    else:
        by = "" if trust.authorities else "; --tsa-ca checks whose it is"
        proofs.lines.append(
            f"Time stamp of entry {entry}: {stamp.at.isoformat()} by "
            f"{printable(stamp.authority)}{by}"
        )


def proof_names(out: Path) -> Iterator[str]:
    """The names of all files about heads, below the output folder."""
    for path in statement_files(out):
        stem = path.name.removesuffix(".json")
        for suffix in (".json", SIGNATURE, PUBLIC_KEY, REQUEST, REPLY, AUTHORITY):
            if (path.parent / f"{stem}{suffix}").is_file():
                yield f"{path.parent.name}/{stem}{suffix}"
