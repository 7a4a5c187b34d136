"""`manifest.sha256`: the list that `sha256sum -c` checks without this program."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from reelmill.core.atomic import write_bytes
from reelmill.errors import InputError

MANIFEST = "manifest.sha256"

#: Coreutils mark a line whose name is escaped with a leading backslash.
_ESCAPES = {b"\\": b"\\\\", b"\n": b"\\n", b"\r": b"\\r"}
_UNESCAPES = {escaped: plain for plain, escaped in _ESCAPES.items()}
_LINE = re.compile(rb"(\\?)([0-9a-f]{64})  (.+)", re.DOTALL)


def write_manifest(out: Path, hashes: Mapping[str, str]) -> Path:
    """Write the manifest of `out`: names as `Folder` gives them -> SHA-256 (hex).

    Raises:
        OSError: it cannot be written.
    """
    path = out / MANIFEST
    write_bytes(path, b"".join(line(name, hashes[name]) for name in sorted(hashes)))
    return path


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
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    lines = data.removesuffix(b"\n").split(b"\n") if data else []
    return dict(_parsed(path, at, text) for at, text in enumerate(lines, 1))


def _parsed(path: Path, at: int, text: bytes) -> tuple[str, str]:
    match = _LINE.fullmatch(text)
    if match is None:
        raise InputError(f"{path}: line {at} is no line of a manifest; was the file edited?")
    mark, sha256, name = match.groups()
    if mark:
        name = re.sub(rb"\\[\\nr]", lambda found: _UNESCAPES[found[0]], name)
    if name == b"./-":
        name = b"-"
    return name.decode("utf-8", "surrogateescape"), sha256.decode("ascii")
