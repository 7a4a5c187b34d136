"""The hashes of a case as hashdeep writes and checks them (`hashdeep -a -l -k FILE -r .`)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from reelmill.core.recording import read_state
from reelmill.evidence.paths import Folder
from reelmill.evidence.record import Evidence

_HEADER = "%%%% HASHDEEP-1.0\n%%%% size,md5,sha256,filename\n"


def hashdeep_lines(out: Path, evidence: Evidence) -> Iterator[bytes]:
    """Lines with size, MD5, SHA-256 and name: originals as they are on record, results as they are
    now.

    Names are as seen from the output folder.

    Raises:
        InputError: a result cannot be read.
    """
    yield _HEADER.encode()
    yield b"## Invoked from: the output folder\n## $ reelmill case --hashdeep\n##\n"
    for name in sorted(evidence.originals):
        state = evidence.state(name)
        yield _line(name, state.size, state.md5, state.sha256)
    folder = Folder(out)
    for name in sorted(evidence.results):
        state = read_state(folder.locate(name))
        yield _line(f"./{name}", state.size, state.md5, state.sha256)


def _line(name: str, size: int, md5: str, sha256: str) -> bytes:
    return f"{size},{md5},{sha256},{name}\n".encode("utf-8", "surrogateescape")
