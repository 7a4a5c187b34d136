"""`manifest.sha256`: the list that `sha256sum -c` checks without this program."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from reelmill.core.atomic import write_pieces
from reelmill.errors import InputError
from reelmill.evidence.paths import is_plain
from reelmill.evidence.reading import read_record

MANIFEST = "manifest.sha256"

#: Coreutils mark a line whose name is escaped with a leading backslash.
_ESCAPES = {b"\\": b"\\\\", b"\n": b"\\n", b"\r": b"\\r"}
_UNESCAPES = {escaped: plain for plain, escaped in _ESCAPES.items()}
_LINE = re.compile(rb"(\\?)([0-9a-f]{64})  (.+)", re.DOTALL)


def write_manifest(out: Path, hashes: Mapping[str, str]) -> str:
    """Write the manifest of `out`: names as `Folder` gives them -> SHA-256 (hex). Gives the
    SHA-256 of the manifest itself.

    Raises:
        OSError: it cannot be written.
    """
    return write_manifest_lines(out, ((name, hashes[name]) for name in sorted(hashes)))


def write_manifest_lines(out: Path, hashes: Iterable[tuple[str, str]]) -> str:
    """As `write_manifest`, with names and hashes one after the other, in order of the names."""
    return write_pieces(out / MANIFEST, (line(name, sha256) for name, sha256 in hashes))


def line(name: str, sha256: str) -> bytes:
    """One line as `sha256sum` writes it, for any name a file can have."""
    raw = name.encode("utf-8", "surrogateescape")
    if raw == b"-":  # would be the standard input
        raw = b"./-"
    escaped = re.sub(rb"[\\\n\r]", lambda match: _ESCAPES[match[0]], raw)
    mark = b"\\" if escaped != raw else b""
    return mark + sha256.encode("ascii") + b"  " + escaped + b"\n"


def read_manifest(out: Path) -> dict[str, str]:
    """The manifest of `out` as `write_manifest` got it.

    Raises:
        InputError: it is not there, cannot be read, or has a line of another form.
    """
    path = out / MANIFEST
    return parse_manifest(path, read_record(path))


def manifest_sha256(out: Path) -> str | None:
    """The SHA-256 of the manifest itself; None where there is none to read."""
    try:
        return hashlib.sha256(read_record(out / MANIFEST)).hexdigest()
    except InputError:
        return None


def parse_manifest(path: Path, data: bytes) -> dict[str, str]:
    """The manifest in `data`, the content of `path`.

    Raises:
        InputError: it has a line of another form, or two for one file.
    """
    hashes: dict[str, str] = {}
    lines = data.removesuffix(b"\n").split(b"\n") if data else []
    for at, text in enumerate(lines, 1):
        name, sha256 = _parsed(path, at, text)
        if name in hashes:
            raise InputError(
                f"{path}: line {at} lists a file a second time; was the manifest edited?"
            )
        hashes[name] = sha256
    return hashes


def _parsed(path: Path, at: int, text: bytes) -> tuple[str, str]:
    match = _LINE.fullmatch(text)
    if match is None:
        raise InputError(f"{path}: line {at} is not a valid manifest line; was the file edited?")
    mark, sha256, name = match.groups()
    if mark:
        name = re.sub(rb"\\[\\nr]", lambda found: _UNESCAPES[found[0]], name)
    if name == b"./-":
        name = b"-"
    file = name.decode("utf-8", "surrogateescape")
    if not is_plain(file):
        raise InputError(f"{path}: line {at} has a file name that Reelmill never writes: {file!r}")
    return file, sha256.decode("ascii")
