"""Artifacts on disk: JSON files named by what determines them, written atomically.

Each ends with a MAC under the user's key over everything before it: content, key, stage, recording,
and the digests of the files beside it. An artifact is not used if it was not made with the key, was
changed, or has been moved to another's place. A file that the user names is different: see
`load_named`.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from reelmill.artifacts import Artifact
from reelmill.core import gate, progress
from reelmill.core.atomic import write_bytes
from reelmill.core.keys import Seal
from reelmill.core.recording import Recording
from reelmill.engine.stage import ModelStage, Stage
from reelmill.errors import InputError, NotTrustedError, TransientError, UsageError, reason

_PURPOSE = "artifact"
_CHUNK_BYTES = 1 << 20

#: Device, inode, size, mtime and ctime of a file. While these are the same, so is its content.
Stamp = tuple[int, int, int, int, int]
#: Of the files beside an artifact, by name.
Stamps = dict[str, Stamp]

#: The full name of a spill file, of an artifact or of a file beside one. Nothing else is removed.
#: Spill files were called spools in 0.1.
SPILL_FILE = re.compile(r"[\w-]+-[0-9a-f]{16}\.sp(?:ill|ool)\.\d+\.[\w.-]+")
OURS = re.compile(rf"[\w-]+-[\w~-]+(\.[\w-]+)?\.(json|npz|pcm|mp4|jpg|ass)|{SPILL_FILE.pattern}")

_adapters: dict[type[Any], Any] = {}


@dataclass(frozen=True)
class Stored:
    """An artifact to be read: its path and what must be there. `recording` is a content's SHA-256.
    `stamps`: the files beside it as this run last saw them."""

    path: Path
    key: str
    recording: str
    stamps: Mapping[str, Stamp] = field(default_factory=dict)


@dataclass(frozen=True)
class Saved:
    """An artifact as it was written: its SHA-256 (hex), those of the files beside it by name, and
    the state of these files."""

    sha256: str
    beside: Mapping[str, str] = field(default_factory=dict)
    stamps: Stamps = field(default_factory=dict)


def stage_digest(stage: Stage) -> str:
    """The contribution of a stage to its results' keys: name, version, settings and model.

    Raises:
        UsageError: a setting of which no key can be made.
    """
    settings = stage.fingerprint()
    try:
        decisive = json.dumps(
            [stage.name, stage.version, stage.produces.schema, settings], sort_keys=True
        )
    except (TypeError, ValueError) as error:
        raise UsageError(_no_key(stage.name, settings)) from error
    return hashlib.sha256(decisive.encode()).hexdigest()


def _no_key(stage_name: str, settings: Mapping[str, Any]) -> str:
    """Which setting it is, and what to do."""
    for name, value in settings.items():
        try:
            json.dumps(value, sort_keys=True)
        except (TypeError, ValueError) as error:
            return (
                f"stage {stage_name}: its setting {name!r}, a {type(value).__name__}, cannot be "
                f"part of the cache key ({error}); use numbers, texts, lists, tuples, dicts and "
                "dataclasses of these (for a file, its digest), or declare it with setting(..., "
                "affects_result=False) if it does not affect the result"
            )
    return f"stage {stage_name}: the value of its fingerprint() cannot be part of the cache key"


def result_key(digest: str, sources: list[str]) -> str:
    """The key of a result: the stage's digest and the keys of its inputs.

    A stage that needs nothing reads the recording itself, whose key is its content's SHA-256.
    """
    text = "\n".join([digest, *sources])
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def artifacts(cache: Path) -> Path:
    """The folder of all artifacts."""
    return cache / "artifacts"


def recording_folder(cache: Path, sha256: str) -> Path:
    """The folder of the artifacts for a content. A renamed file finds its work again."""
    return artifacts(cache) / sha256[:2] / sha256[:24]


def artifact_path(folder: Path, stage_name: str, key: str) -> Path:
    return folder / f"{stage_name}-{key[:16]}.json"


def named_path(cache: Path, stage_name: str, recording_name: str) -> Path:
    """The path of the artifact for files named after a recording. It is the same for all contents
    and settings, because the files replace each other too."""
    name = hashlib.sha256(recording_name.encode("utf-8", "surrogateescape")).hexdigest()
    return artifacts(cache) / "named" / name[:2] / f"{stage_name}-{name[:16]}.json"


def save(
    path: Path,
    stage: Stage,
    key: str,
    recording: Recording,
    artifact: Artifact,
    seal: Seal,
    sources: Iterable[Stored] = (),
    *,
    durable: bool = True,
) -> Saved:
    """Write an artifact with its inputs, the digests of the files beside it, and a MAC over all of
    that. That of a stage which shows corrections has what is needed to make it again. If not
    `durable`, the caller flushes it before anything relies on it.

    Raises:
        OSError: as `atomic.replacing`.
    """
    folder = recording.folder
    stamps, digests = {}, {}
    for name in dict.fromkeys(artifact.sidecars()):
        digests[name], stamps[name] = _digest(folder / name)
    envelope: dict[str, Any] = {
        "schema": f"reelmill/{artifact.schema}",
        "stage": {"name": stage.name, "version": stage.version, "settings": stage.fingerprint()},
        "model": stage.model.name if isinstance(stage, ModelStage) else None,
        "recording": {"path": str(recording.path), "sha256": recording.id},
        "key": key,
        "data": _adapter(type(artifact)).dump_python(artifact, mode="json"),
        "files": digests,
    }
    if stage.corrected:
        envelope["stage"]["fields"] = _adapter(type(stage)).dump_python(stage, mode="json")
        envelope["sources"] = [
            {"path": os.path.relpath(one.path, path.parent), "key": one.key} for one in sources
        ]
    data = seal.signed(_PURPOSE, envelope)
    durable = durable and not stage.temporary
    if durable:
        flush(folder / name for name in digests)
    write_bytes(path, data, durable=durable)
    return Saved(hashlib.sha256(data).hexdigest(), digests, stamps)


def files_of(path: Path, folder: Path, saved: Saved) -> list[Path]:
    """The files of an artifact: those beside it, in the folder of its recording, then itself."""
    return [*(folder / name for name in saved.beside), path]


def flush(files: Iterable[Path]) -> None:
    """Flush files to the disk. Raises NotOursError or OSError as `gate.flush`."""
    for path in files:
        gate.flush(path)


def saved_as(path: Path) -> Saved:
    """How an artifact was written that an earlier run left.

    Raises:
        InputError: it cannot be read.
    """
    data = _read(path)
    return Saved(hashlib.sha256(data).hexdigest(), _parsed(path, data).get("files", {}))


def load(stored: Stored, kind: type[Artifact], seal: Seal) -> Artifact:
    """Read an artifact of ours, and check the files beside it.

    Raises:
        NotTrustedError: it was not made with our key, or belongs to another stage or recording; or
            a file beside it is not the one it was made with.
        InputError: not there, not JSON, of another schema or damaged.
    """
    envelope = _trusted(stored, seal)
    artifact = _artifact(stored.path, envelope, kind)
    for name in artifact.sidecars():
        _check_file(stored, name, envelope["files"].get(name))
    return artifact


def load_whole(
    stored: Stored, stage: Stage, recording: Recording, seal: Seal
) -> tuple[Artifact, list[str]] | None:
    """An artifact of ours with the files it needs, if all exist; otherwise None. The files' content
    is checked when they are read.

    Raises:
        InputError, NotTrustedError: as `load`.
    """
    if not _has_content(stored.path) or (stage.named_outputs and _is_of_other_work(stored)):
        return None
    artifact = _artifact(stored.path, _trusted(stored, seal), stage.produces)
    files = stage.files(recording, artifact)
    return (artifact, list(map(str, files))) if all(path.exists() for path in files) else None


def _has_content(path: Path) -> bool:
    """Whether a file is there and not empty. A power cut before it was flushed can leave it
    empty."""
    with contextlib.suppress(OSError):
        return path.stat().st_size > 0
    return False


def _is_of_other_work(stored: Stored) -> bool:
    """Recordings with the same name share a path for all settings, and replace each other there."""
    try:
        return bool(_parsed(stored.path)["key"] != stored.key)
    except InputError:
        return False


@dataclass(frozen=True)
class Recipe:
    """How an artifact was made: the stage, and what it read. `source` is the original. `paths` are
    those of what it read, from the artifact's folder."""

    stage: Stage
    source: Path
    content: str
    inputs: list[Artifact]
    keys: list[str]
    paths: list[str]


def maker_of(stored: Stored, seal: Seal) -> str:
    """The name of the stage that made an artifact of ours. Raises as `load`."""
    return str(_trusted(stored, seal)["stage"]["name"])


def read_recipe(path: Path, kind: type[Stage], seal: Seal) -> Recipe | None:
    """How an artifact of a stage that shows corrections was made; None where an earlier version
    made it, which did not say so.

    Raises:
        InputError, NotTrustedError: as `load`, of the artifact or of what it was made from.
    """
    data = _read(path)
    if not seal.is_signed(_PURPOSE, data):
        raise NotTrustedError(f"{path}: not made with your key, or changed since")
    envelope = _parsed(path, data)
    fields, sources = envelope["stage"].get("fields"), envelope.get("sources")
    if fields is None or sources is None:
        return None
    recording, inputs = envelope["recording"], []
    for one in sources:
        stored = Stored(path.parent / one["path"], one["key"], recording["sha256"])
        made = _trusted(stored, seal)
        inputs.append(load(stored, _kinds()[made["schema"]], seal))
    stage = _adapter(kind).validate_python(fields)
    keys = [one["key"] for one in sources]
    paths = [one["path"] for one in sources]
    return Recipe(stage, Path(recording["path"]), recording["sha256"], inputs, keys, paths)


def load_named(path: Path, kind: type[Artifact]) -> Artifact:
    """Read an artifact that the user named. The user vouches for it, so no MAC is required.

    Raises:
        InputError: as `load`.
    """
    return _artifact(path, _parsed(path), kind)


def is_ours(path: Path, seal: Seal) -> bool:
    """Whether a file is an artifact that was made with our key."""
    try:
        return is_signed(path.read_bytes(), seal)
    except OSError:
        return False


def is_signed(data: bytes, seal: Seal) -> bool:
    """Whether the content of a file is an artifact that was made with our key."""
    return seal.is_signed(_PURPOSE, data)


@dataclass(frozen=True)
class Sent:
    """An artifact on its way between machines, which was checked."""

    _envelope: Mapping[str, Any]

    @classmethod
    def opened(cls, data: bytes, stored: Stored, seal: Seal) -> Sent:
        """Check what came for `stored`, whose path says in messages where it came from.

        Raises:
            NotTrustedError: it was not made with our key, is damaged, or is of other work.
        """
        return cls(_envelope(stored, data, seal))

    @property
    def files(self) -> dict[str, str]:
        """The SHA-256 of the files that it needs beside it, by name."""
        return {name: sha256 for name, sha256 in self._envelope["files"].items() if "/" not in name}

    def of(self, recording: str, seal: Seal) -> bytes:
        """The artifact as it is written where the recording has this path: byte for byte."""
        named = {**self._envelope["recording"], "path": recording}
        return seal.signed(_PURPOSE, {**self._envelope, "recording": named})


@dataclass(frozen=True)
class Adopted:
    """An artifact that was adopted: its stage and recording."""

    artifact: Artifact
    stage: str
    source: str
    content: str


def reseal(path: Path, seal: Seal) -> Adopted:
    """Adopt an artifact: mark it as ours, with the files beside it as they are.

    Raises:
        InputError: it is no artifact, or names files elsewhere.
        OSError: it cannot be read or written.
    """
    envelope = _parsed(path)
    kind = _kinds().get(envelope["schema"])
    if kind is None:
        raise InputError(f"{path}: holds {envelope['schema']}, which no installed stage produces")
    artifact = _artifact(path, envelope, kind)
    files = [path.parent / name for name in artifact.sidecars()]
    digests = {file.name: _digest(file)[0] for file in files if file.is_file()}
    write_bytes(path, seal.signed(_PURPOSE, {**envelope, "files": digests}))
    of, recording = envelope.get("stage"), envelope["recording"]
    stage = of.get("name") if isinstance(of, dict) else None
    return Adopted(artifact, str(stage), str(recording.get("path")), str(recording["sha256"]))


def _kinds() -> dict[str, type[Artifact]]:
    """All artifact types that are imported, by schema."""
    found: dict[str, type[Artifact]] = {}
    waiting = [Artifact]
    while waiting:
        kinds = waiting.pop().__subclasses__()
        found |= {f"reelmill/{kind.schema}": kind for kind in kinds}
        waiting += kinds
    return found


def _trusted(stored: Stored, seal: Seal) -> dict[str, Any]:
    """An artifact's envelope, if we wrote it under this name for this recording."""
    return _envelope(stored, _read(stored.path), seal)


def _envelope(stored: Stored, data: bytes, seal: Seal) -> dict[str, Any]:
    path = stored.path
    if not seal.is_signed(_PURPOSE, data):
        raise NotTrustedError(f"{path}: not made with your key, or changed since")
    envelope = _parsed(path, data)
    if (envelope["key"], envelope["recording"]["sha256"]) != (stored.key, stored.recording):
        raise NotTrustedError(f"{path}: the result of other work, put in place of this one")
    return envelope


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: not a readable artifact ({_why(error)})") from error


def _artifact(path: Path, envelope: dict[str, Any], kind: type[Artifact]) -> Artifact:
    if envelope["schema"] != f"reelmill/{kind.schema}":
        raise InputError(f"{path}: holds {envelope['schema']}, not reelmill/{kind.schema}")
    try:
        artifact = _adapter(kind).validate_python(envelope["data"])
    except (ValueError, TypeError, RecursionError) as error:
        raise InputError(f"{path}: not a readable artifact ({_why(error)})") from error
    assert isinstance(artifact, kind)
    return artifact


def _why(error: Exception) -> str:
    """The first thing that is wrong with an artifact's content."""
    from pydantic import ValidationError

    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    return reason(error)


def _parsed(path: Path, data: bytes | None = None) -> dict[str, Any]:
    """The envelope in a file. Names that are not UTF-8 are restored."""
    try:
        data = path.read_bytes() if data is None else data
        envelope = json.loads(data.decode("utf-8", "surrogateescape"))
        if not isinstance(envelope["data"], dict) or not isinstance(envelope["key"], str):
            raise TypeError("not a stage's result")
        str(envelope["schema"]), str(envelope["recording"]["sha256"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise InputError(f"{path}: not a readable artifact ({_why(error)})") from error
    return dict(envelope)


def _check_file(stored: Stored, name: str, digest: str | None) -> None:
    """Raise NotTrustedError unless a file is as it was when its artifact was written: by the
    system's facts if this run has seen it, otherwise by its content."""
    path = stored.path.parent / name
    try:
        if stored.stamps.get(name) == _stamp(os.stat(path)) or _digest(path)[0] == digest:
            return
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({reason(error)})") from error
    raise NotTrustedError(f"{path}: not the file that Reelmill wrote here")


def _digest(path: Path) -> tuple[str, Stamp]:
    """A file's SHA-256, and the system's facts about the hashed bytes."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        before = _stamp(os.fstat(file.fileno()))
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
            progress.tick()
        after = _stamp(os.fstat(file.fileno()))
    if before != after:
        raise TransientError(f"{path}: changed while it was read")
    return digest.hexdigest(), after


def _stamp(stat: os.stat_result) -> Stamp:
    return stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns


def _adapter(kind: type[Any]) -> Any:
    if kind not in _adapters:
        from pydantic import TypeAdapter  # a tenth of a second that a run without work can save

        _adapters[kind] = TypeAdapter(kind)
    return _adapters[kind]
