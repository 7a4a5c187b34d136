"""A case as a BagIt bag (RFC 8493): a folder with copies and their hashes that other programs
check too.

The payload keeps the places of files to each other, so that `evidence.json`, `manifest.sha256` and
the custody log fit in the bag as they do outside: the output folder is in `data/`, and originals,
where they are included, lie as far from it as they did.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path, PurePosixPath

from reelmill import __version__
from reelmill.core import gate
from reelmill.core.atomic import replacing, write_bytes
from reelmill.core.recording import Original
from reelmill.core.walk import walk
from reelmill.errors import InputError, ReelmillError, UsageError
from reelmill.evidence.custody.chain import CUSTODY, Head
from reelmill.evidence.custody.proofs import proof_names
from reelmill.evidence.findings import Finding
from reelmill.evidence.manifest import MANIFEST
from reelmill.evidence.paths import Folder, is_plain
from reelmill.evidence.reading import read_record
from reelmill.evidence.record import EVIDENCE, Evidence

DECLARATION, INFO, PAYLOAD, TAGS = (
    "bagit.txt",
    "bag-info.txt",
    "manifest-sha256.txt",
    "tagmanifest-sha256.txt",
)
DATA = "data"
_CASE = "Reelmill-Folder"
_ORIGINALS = "Reelmill-Originals"
_VERSION = "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
_LINE = re.compile(r"([0-9a-f]{64})[ \t]+(.+)")
_CHUNK_BYTES = 1 << 20
_ESCAPES = {"%": "%25", "\n": "%0A", "\r": "%0D"}


@dataclass(frozen=True)
class Bag:
    """A bag that was written: number and bytes of its payload files, and the SHA-256 (hex) of the
    list of its tag files, which covers everything in it."""

    path: Path
    files: int
    size: int
    sha256: str


@dataclass(frozen=True)
class _File:
    """A file to be copied; `sha256` is what it must be, None for a record."""

    source: Path
    target: PurePosixPath
    sha256: str | None


def write_bag(
    out: Path,
    bag: Path,
    evidence: Evidence,
    head: Head | None,
    tags: Mapping[str, bytes],
    *,
    with_originals: bool,
) -> Bag:
    """Write a bag of an output folder.

    Args:
        out: the output folder.
        bag: a folder that is new or empty.
        evidence: what is on record in `out`.
        head: of the custody log.
        tags: further tag files, by name.
        with_originals: include copies of the originals.

    Raises:
        UsageError: the bag's folder has something in it, lies in the output folder, or a name
            cannot be in a bag.
        InputError: a file is not as it is on record.
        OSError: it cannot be written.
    """
    _refuse_place(out, bag)
    gate.own(bag)
    files = list(_files(out, evidence, with_originals=with_originals))
    hashes, size = {}, 0
    for file in files:
        name = str(file.target)
        hashes[name], length = _copy(file, bag / file.target)
        size += length
    case = files[0].target.parent
    info = {
        "Bag-Software-Agent": f"Reelmill {__version__}",
        "Bagging-Date": datetime.now(timezone.utc).date().isoformat(),
        "Payload-Oxum": f"{size}.{len(hashes)}",
        "External-Description": "Transcripts and analyses of recordings, with evidence and custody",
        _CASE: str(case),
        _ORIGINALS: "included" if with_originals else "not included",
    }
    if head is not None:
        info |= {"Custody-Entries": str(head.entries), "Custody-Head": head.sha256}
    written = {
        DECLARATION: _VERSION.encode(),
        INFO: "".join(f"{name}: {_encoded(value)}\n" for name, value in info.items()).encode(),
        PAYLOAD: _manifest(hashes),
        **tags,
    }
    for name, data in written.items():
        write_bytes(bag / name, data)
    listed = {name: hashlib.sha256(data).hexdigest() for name, data in written.items()}
    last = _manifest(listed)
    write_bytes(bag / TAGS, last)
    return Bag(bag, len(hashes), size, hashlib.sha256(last).hexdigest())


def _refuse_place(out: Path, bag: Path) -> None:
    real, inside = os.path.realpath(bag), os.path.realpath(out)
    if real == inside or real.startswith(inside + os.sep):
        raise UsageError(f"{bag}: lies in the output folder; give a folder elsewhere")
    if os.path.lexists(bag) and (not bag.is_dir() or any(bag.iterdir())):
        raise UsageError(f"{bag}: already exists; give a folder that is new or empty")


def _files(out: Path, evidence: Evidence, *, with_originals: bool) -> Iterator[_File]:
    """The records first, then results, then originals."""
    folder = Folder(out)
    originals = evidence.originals if with_originals else {}
    case = PurePosixPath(DATA, *_below_common(out, originals))
    for name in (EVIDENCE, MANIFEST, CUSTODY):
        if (out / name).is_file():
            yield _File(out / name, case / name, None)
    results = {name: result.sha256 for name, result in evidence.results.items()}
    for name in proof_names(out):
        results.setdefault(name, "")
    for name, sha256 in sorted(results.items()):
        yield _File(out / name, case / name, sha256 or None)
    for name in sorted(originals):
        target = PurePosixPath(os.path.normpath(case / name))
        yield _File(folder.locate(name), target, evidence.state(name).sha256)


def _below_common(out: Path, names: Mapping[str, object]) -> tuple[str, ...]:
    """The last parts of an output folder's path: so many that no name leads out of them."""
    up = max((PurePosixPath(name).parts.count("..") for name in names), default=0)
    parts = Path(os.path.realpath(out)).parts[1:]
    return parts[-max(up, 1) :] or ("results",)


def _copy(file: _File, target: Path) -> tuple[str, int]:
    """Copy a file that must match its record, with its time."""
    if _encodable(str(file.target)) is None:
        raise UsageError(f"{file.source}: its name is not UTF-8 and cannot be in a bag; rename it")
    digest, size = hashlib.sha256(), 0
    with Original(file.source) as original, replacing(target) as copy:
        reader = original.reader()
        while data := reader.read(_CHUNK_BYTES):
            digest.update(data)
            copy.write(data)
            size += len(data)
        mtime_ns = original.identity.mtime_ns
    gate.set_time(target, mtime_ns)
    if file.sha256 is not None and digest.hexdigest() != file.sha256:
        raise InputError(
            f"{file.source}: not as it is on record; `reelmill verify` says what changed"
        )
    return digest.hexdigest(), size


def _encodable(text: str) -> bytes | None:
    try:
        return text.encode()
    except UnicodeEncodeError:
        return None


def _encoded(name: str) -> str:
    return "".join(_ESCAPES.get(letter, letter) for letter in name)


def _decoded(name: str) -> str:
    for letter, code in reversed(_ESCAPES.items()):
        name = re.sub(code, letter, name, flags=re.IGNORECASE)
    return name


def _manifest(hashes: Mapping[str, str]) -> bytes:
    return "".join(f"{hashes[name]}  {_encoded(name)}\n" for name in sorted(hashes)).encode()


# -- checking


@dataclass(frozen=True)
class Checked:
    """A bag that was checked: the output folder in it, None where it has none."""

    findings: Sequence[Finding]
    files: int
    case: Path | None
    has_originals: bool


def is_bag(folder: Path) -> bool:
    """Whether a folder is marked as a bag."""
    return (folder / DECLARATION).is_file()


def check_bag(bag: Path) -> Checked:
    """Check a bag: every file against its hash, and that there are no others."""
    findings: list[Finding] = []
    tags = _listed(bag, TAGS, findings)
    payload = _listed(bag, PAYLOAD, findings)
    for name in (DECLARATION, INFO, PAYLOAD):
        if name not in tags:
            findings.append(Finding("bag file", "missing", name, (f"{TAGS} has no line for it",)))
    for name, sha256 in {**tags, **payload}.items():
        findings += _compare(bag, name, sha256)
    for at, _, files in walk(bag / DATA):
        for one in files:
            name = Path(at, one).relative_to(bag).as_posix()
            if name not in payload:
                findings.append(Finding("bag file", "contradiction", name, ("in no manifest",)))
    info = _info(bag)
    case = info.get(_CASE, "")
    folder = bag / case if case.startswith(f"{DATA}/") and is_plain(case, inside=True) else None
    return Checked(findings, len(payload), folder, info.get(_ORIGINALS) == "included")


def _listed(bag: Path, name: str, findings: list[Finding]) -> dict[str, str]:
    """The hashes in a manifest of a bag."""
    listed = {}
    try:
        lines = read_record(bag / name).decode().splitlines()
        for number, text in enumerate(lines, 1):
            match = _LINE.fullmatch(text)
            path = "" if match is None else _decoded(match[2])
            if match is None or not is_plain(path, inside=True) or path in listed:
                raise InputError(f"line {number} is not a line of a manifest")
            listed[path] = match[1]
    except (InputError, UnicodeDecodeError) as error:
        findings.append(Finding("bag file", "unreadable", name, (str(error),)))
    return listed


def _compare(bag: Path, name: str, sha256: str) -> Iterator[Finding]:
    path = bag / name
    try:
        with Original(path) as original:
            digest, reader = hashlib.sha256(), original.reader()
            while data := reader.read(_CHUNK_BYTES):
                digest.update(data)
    except (ReelmillError, OSError) as error:
        there = os.path.lexists(path)
        details = (str(error),) if there else ()
        yield Finding("bag file", "unreadable" if there else "missing", name, details)
    else:
        if digest.hexdigest() != sha256:
            details = (f"sha256: {sha256} -> {digest.hexdigest()}",)
            yield Finding("bag file", "changed", name, details)


def _info(bag: Path) -> dict[str, str]:
    try:
        lines = read_record(bag / INFO).decode(errors="replace").splitlines()
    except InputError:
        return {}
    pairs = (line.partition(": ") for line in lines)
    return {name: _decoded(value) for name, _, value in pairs}
