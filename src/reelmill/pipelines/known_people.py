"""`--people`: known faces from reference pictures, read in a separate process."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

from reelmill.core import gate
from reelmill.core.cores import usable_cores
from reelmill.core.kept import read_kept, write_kept
from reelmill.core.notices import announce
from reelmill.core.people_folder import Example
from reelmill.engine.process.call import call_alone
from reelmill.engine.stage import Device, ModelSpec
from reelmill.errors import CrashError, ModelUnavailableError, UsageError
from reelmill.stages.faces.known_people import KnownFace
from reelmill.stages.faces.reference_pictures import look_at, references

#: Raised when a picture would give a different result.
_VERSION = 2

_Seen = tuple[tuple[KnownFace, ...], tuple[str, ...]]


def known_people(
    folder: Path,
    detector: ModelSpec,
    network: ModelSpec,
    cache: Path,
) -> tuple[KnownFace, ...]:
    """The faces in the pictures in `folder`. Those of earlier runs are kept below `cache`, so that
    the same pictures always give the same faces.

    Args:
        folder: as `references` reads it.
        detector, network: what finds faces, and what tells them apart.
        cache: the run's.

    Raises:
        UsageError: no pictures, or no face in any of them.
        ModelUnavailableError: a network cannot be loaded.
    """
    pictures = references(folder)
    kept = cache / gate.KNOWN_PEOPLE / f"{_key(pictures, detector, network)}.json"
    seen = _read(kept)
    if seen is None:
        seen = _looked_at(pictures, detector, network)
        write_kept(kept, {"faces": [asdict(face) for face in seen[0]], "notes": seen[1]})
    faces, notes = seen
    for note in notes:
        announce(note)
    if not faces:
        raise UsageError(f"--people {folder}: no face in any of its {len(pictures)} pictures")
    names = dict.fromkeys(face.name for face in faces)
    announce(f"{len(names)} known people: {', '.join(names)}")
    return faces


def _key(pictures: Sequence[Example], detector: ModelSpec, network: ModelSpec) -> str:
    digest = hashlib.sha256(f"{_VERSION} {detector.identity} {network.identity}".encode())
    for picture in pictures:
        content = hashlib.sha256(picture.path.read_bytes()).hexdigest()
        digest.update(f"\n{picture.name}\0{content}".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()[:24]


def _read(path: Path) -> _Seen | None:
    content = read_kept(path)
    if content is None:
        return None
    try:
        faces = (KnownFace(one["name"], tuple(one["vector"])) for one in content["faces"])
        return tuple(faces), tuple(content["notes"])
    except (ValueError, KeyError, TypeError):
        return None


def _looked_at(pictures: Sequence[Example], detector: ModelSpec, network: ModelSpec) -> _Seen:
    """Load the models in another process, because this one has to stay small."""
    absolute = [replace(one, path=Path(os.path.abspath(one.path))) for one in pictures]
    try:
        return call_alone(look_in_this_process, absolute, detector, network)
    except CrashError as error:
        raise ModelUnavailableError(
            "the process that read the pictures of --people died, perhaps for lack of memory; "
            "close other programs or use smaller pictures"
        ) from error


def look_in_this_process(
    pictures: Sequence[Example], detector: ModelSpec, network: ModelSpec
) -> _Seen:
    """As `look_at`, with the models loaded in this process. Raises ModelUnavailableError."""
    device, threads = Device("cpu"), usable_cores()
    return look_at(pictures, detector.load(device, threads), network.load(device, threads))
