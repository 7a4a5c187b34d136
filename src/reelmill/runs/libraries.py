"""The program and the libraries that results are made with: versions, and digests of their
files."""

from __future__ import annotations

import functools
import hashlib
import os
import platform
import re
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import reelmill

_NAME = re.compile(r"[A-Za-z0-9._-]+")
_VERSION = re.compile(r"^Version: *(\S+) *$", re.MULTILINE)


@functools.lru_cache(maxsize=1)
def libraries() -> dict[str, dict[str, str | None]]:
    """Version and digest of every installed package that Reelmill depends on, extras included.

    The digest of a package is the SHA-256 of its `RECORD`, the list of its files with their
    hashes, None where the installer left none. That of Reelmill itself is over its own source.
    """
    found: dict[str, dict[str, str | None]] = {
        "reelmill": {"version": reelmill.__version__, "sha256": _own_digest()},
        "python": {"version": platform.python_version(), "sha256": None},
    }
    for text in metadata.requires("reelmill") or ():
        name = _NAME.match(text)
        if name is not None and name[0] not in found and (facts := _facts(name[0])) is not None:
            found[name[0]] = facts
    return found


def _facts(name: str) -> dict[str, str | None] | None:
    try:
        package = metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return None
    record = package.read_text("RECORD")
    sha256 = None if record is None else hashlib.sha256(record.encode()).hexdigest()
    return {"version": _version(package), "sha256": sha256}


def _version(package: metadata.Distribution) -> str:
    """As `package.version`, which parses everything that a package says of itself. For fifty
    packages that would take longer than all their digests."""
    found = _VERSION.search(package.read_text("METADATA") or "")
    return found[1] if found else package.version


def _own_digest() -> str:
    """Over names and contents of the modules, in order of their names."""
    root = Path(reelmill.__file__).parent
    digest = hashlib.sha256()
    for name in sorted(_modules(root), key=lambda name: name.split("/")):
        data = (root / name).read_bytes()
        digest.update(f"{name} {len(data)}\n".encode())
        digest.update(data)
    return digest.hexdigest()


def _modules(folder: str | Path, below: str = "") -> Iterator[str]:
    """The names of all modules below a folder. `Path.rglob` would take three times as long, at the
    start of every command."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield from _modules(entry.path, f"{below}{entry.name}/")
            elif entry.name.endswith(".py"):
                yield below + entry.name
