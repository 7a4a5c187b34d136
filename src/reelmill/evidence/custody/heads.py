"""Statements about the head of a custody log: small files that can be signed and time-stamped.

`custody/head-12.json` says what the head was after entry 12; `head-12.sig` is a signature of
exactly these bytes, `head-12.tsr` the reply of a time-stamping authority about them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from reelmill.core.json_text import parse_json
from reelmill.errors import InputError
from reelmill.evidence.custody.chain import Head, Who
from reelmill.evidence.reading import read_record
from reelmill.export.jsontext import json_text

FOLDER = "custody"
SCHEMA = "reelmill.custody-head/1"
STATEMENT, SIGNATURE, PUBLIC_KEY = ".json", ".sig", ".pub.pem"
REQUEST, REPLY, AUTHORITY = ".tsq", ".tsr", ".tsa.pem"
_NAME = re.compile(r"head-([1-9]\d{0,11})\.json")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Statement:
    """A statement as it lies in an output folder."""

    out: Path
    head: Head
    data: bytes

    def beside(self, suffix: str) -> Path:
        """A file about this statement."""
        return self.out / FOLDER / f"head-{self.head.entries}{suffix}"

    def name(self, suffix: str) -> str:
        """Its name below the output folder."""
        return f"{FOLDER}/head-{self.head.entries}{suffix}"


def new_statement(out: Path, head: Head, manifest_sha256: str | None) -> Statement:
    """State the head as it is now."""
    who = Who.is_here()
    values = {
        "schema": SCHEMA,
        "entries": head.entries,
        "head": head.sha256,
        "manifest_sha256": manifest_sha256,
        "at": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "user": who.user,
        "host": who.host,
    }
    return Statement(out, head, (json_text(values, indent=1) + "\n").encode())


def read_statement(path: Path) -> Statement:
    """Read a statement.

    Raises:
        InputError: it cannot be read, is damaged, or is about another entry than its name says.
    """
    data = read_record(path)
    try:
        values = parse_json(data)
        head = Head(values["entries"], values["head"])
        fits = path.name == f"head-{head.entries}{STATEMENT}" and _SHA256.fullmatch(head.sha256)
        if values["schema"] != SCHEMA or type(head.entries) is not int or not fits:
            raise ValueError(path.name)
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: damaged ({error!r}); was it edited?") from error
    return Statement(path.parent.parent, head, data)


def statement_files(out: Path) -> Iterator[Path]:
    """The statements in an output folder, in the order of the log."""
    found = []
    folder = out / FOLDER
    if folder.is_dir() and not folder.is_symlink():
        for path in folder.iterdir():
            if (match := _NAME.fullmatch(path.name)) is not None:
                found.append((int(match[1]), path))
    for _, path in sorted(found):
        yield path
