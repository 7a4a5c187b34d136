"""From a model's name to its folder: shipped, local, or from the model hub."""

from __future__ import annotations

import contextlib
import difflib
import hashlib
import io
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reelmill.core.json_text import parse_json
from reelmill.core.notices import announce
from reelmill.core.paths import ASSETS
from reelmill.errors import ModelUnavailableError
from reelmill.models.files import hub
from reelmill.models.files.catalog import CATALOG, DEMO, ModelKind, find, names
from reelmill.models.files.names import given_path
from reelmill.models.whisper.features import WINDOW_SECONDS

_DEMO_FOLDERS: dict[ModelKind, str] = {
    "whisper": "demo-whisper",
    "translator": "demo-translator",
}
_OPTIONS: dict[ModelKind, str] = {"whisper": "--model", "translator": "--translator"}
_DEMO_ROOT = ASSETS / "models"
_DEFAULT_MELS = 80

#: Files that a model needs. Of a tuple, one is enough.
_REQUIRED: dict[ModelKind, tuple[tuple[str, ...], ...]] = {
    "whisper": (
        ("config.json",),
        ("model.bin",),
        ("tokenizer.json",),
        ("vocabulary.json", "vocabulary.txt"),
    ),
    # Many conversions lack the tokenizer, so models.translators looks for it separately.
    "translator": (
        ("model.bin",),
        ("shared_vocabulary.json", "shared_vocabulary.txt"),
    ),
}
#: The files wanted from a hub repository, the same that faster-whisper downloads.
_WANTED: dict[ModelKind, tuple[str, ...]] = {
    "whisper": (
        "config.json",
        "preprocessor_config.json",
        "model.bin",
        "tokenizer.json",
        "vocabulary.*",
    ),
    "translator": (
        "config.json",
        "model.bin",
        "shared_vocabulary.*",
        "tokenizer.json",
        "translator.json",
    ),
}

#: Files up to this size are hashed completely for a model's identity; of larger ones, samples.
_HASHED_WHOLE = 64 << 20
_SAMPLES, _SAMPLE_BYTES = 32, 64 << 10
_READ_BYTES = 64 << 10


@dataclass(frozen=True)
class ModelFiles:
    """A model on this machine. `identity` changes when the weights do, not when they move."""

    path: Path
    name: str
    kind: ModelKind
    identity: str
    n_mels: int
    window_seconds: float = WINDOW_SECONDS
    padded_seconds: float = WINDOW_SECONDS


@dataclass(frozen=True)
class ModelEntry:
    """A line of `reelmill models`. `path` is None for a model that is not on this machine."""

    name: str
    kind: ModelKind
    source: str
    path: Path | None
    size_mb: float
    download_mb: int
    cuda_mb: int
    cpu_mb: int
    note: str


def resolve(
    name: str,
    kind: ModelKind = "whisper",
    *,
    download: bool = True,
    sleep: Callable[[float], None] = time.sleep,
) -> ModelFiles:
    """Find a model's folder, and download it from the hub if necessary.

    Args:
        name: `demo`, a folder, a name of the catalog, or any `owner/repository` of the hub.
        kind: what the model does.
        download: False to look on this machine only.
        sleep: waits between tries.

    Raises:
        ModelUnavailableError: not known, not here and not to be had, or a file is missing; the
            message names the ways out.
    """
    if name == DEMO:
        return _local(_DEMO_ROOT / _DEMO_FOLDERS[kind], DEMO, kind)
    repository = _repository(name, kind)
    if repository is None:
        return _local(_given_folder(name, kind), name, kind)
    copied = hub.models_folder() / name
    if not _missing(copied, kind):
        return _local(copied, name, kind)
    return _from_hub(repository, name, kind, download, sleep)


def pull(name: str, kind: ModelKind = "whisper") -> ModelFiles:
    """Download a model so that later runs need no network. Arguments as for `resolve`."""
    return resolve(name, kind)


def list_models() -> list[ModelEntry]:
    """Every known model and every other usable one in the cache, with path and size."""
    entries = [
        _entry(entry.name, entry.kind, entry.repository or "shipped with reelmill")
        for entry in CATALOG.values()
    ]
    known = {entry.source for entry in entries}
    others: tuple[ModelKind, ...] = ("whisper", "translator")
    entries += [
        _entry(repository, kind, repository)
        for repository in hub.cached_repositories()
        for kind in others
        if repository not in known and _is_complete(repository, kind)
    ]
    return entries


def folder_size(folder: Path) -> int:
    """Total size of the files in a folder in bytes, following links."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def _entry(name: str, kind: ModelKind, source: str) -> ModelEntry:
    try:
        path = resolve(name, kind, download=False).path
    except ModelUnavailableError:
        path = None
    known = find(name, kind)
    return ModelEntry(
        name=name,
        kind=kind,
        source=source,
        path=path,
        size_mb=folder_size(path) / 1e6 if path else 0.0,
        download_mb=known.download_mb if known else 0,
        cuda_mb=known.cuda_mb if known else 0,
        cpu_mb=known.cpu_mb if known else 0,
        note=known.note if known else "",
    )


def _is_complete(repository: str, kind: ModelKind) -> bool:
    snapshot = hub.cached_snapshot(repository)
    return snapshot is not None and not _missing(snapshot, kind)


def _repository(name: str, kind: ModelKind) -> str | None:
    """The hub repository that a name means; None for a folder."""
    known = find(name, kind)
    if known is not None:
        return known.repository
    return name if name.count("/") == 1 and given_path(name) is None else None


def _given_folder(name: str, kind: ModelKind) -> Path:
    folder = Path(name).expanduser()
    if folder.is_dir():
        return folder.resolve()
    if folder.exists():
        raise ModelUnavailableError(
            f"{folder} is a file; give the folder of a CTranslate2 model (with model.bin in it)"
        )
    copied = hub.models_folder() / name
    if copied.is_dir():
        return copied
    close = difflib.get_close_matches(name, names(kind), n=1)
    hint = f"did you mean {close[0]!r}? " if close else ""
    raise ModelUnavailableError(
        f"no model {name!r}: {hint}Give one of {', '.join(names(kind))}, "
        "a hub repository (owner/name), or the folder of a CTranslate2 model"
    )


def _local(folder: Path, name: str, kind: ModelKind) -> ModelFiles:
    missing = _missing(folder, kind)
    if missing:
        raise ModelUnavailableError(
            f"the model in {folder} lacks {', '.join(missing)}; it may be only partly copied, or "
            "converted without --copy_files tokenizer.json preprocessor_config.json: complete "
            f"the folder or give another {_OPTIONS[kind]}"
        )
    return _described(folder, name, kind, f"local:{folder_digest(folder, _WANTED[kind])}")


def _from_hub(
    repository: str,
    name: str,
    kind: ModelKind,
    download: bool,
    sleep: Callable[[float], None],
) -> ModelFiles:
    snapshot = hub.cached_snapshot(repository)
    missing = _missing(snapshot, kind) if snapshot else ["everything"]
    if missing and download:
        known = find(name, kind)
        size = f", about {known.download_mb:,} MB" if known else ""
        announce(f"fetching model {name} ({repository}{size})")
        snapshot = hub.download(repository, _WANTED[kind], sleep=sleep)
        missing = _missing(snapshot, kind)
    if snapshot is None:
        raise hub.unavailable(repository, "it is not on this machine")
    if missing:
        raise hub.unavailable(repository, f"{snapshot} lacks {', '.join(missing)}")
    identity = f"hub:{repository}@{snapshot.name}"
    return _described(snapshot, name, kind, identity)


def _missing(folder: Path, kind: ModelKind) -> list[str]:
    return [
        " or ".join(alternatives)
        for alternatives in _REQUIRED[kind]
        if not any((folder / file).is_file() for file in alternatives)
    ]


def _described(folder: Path, name: str, kind: ModelKind, identity: str) -> ModelFiles:
    """The settings for features in a model's folder, as faster-whisper reads them."""
    known = find(name)
    settings: dict[str, Any] = {}
    with contextlib.suppress(OSError, ValueError):
        settings = parse_json((folder / "preprocessor_config.json").read_text("utf-8"))
    n_mels = int(settings.get("feature_size", known.n_mels if known else _DEFAULT_MELS))
    # Two additional keys, for models that fail on full windows: `speech_seconds` is how much speech
    # goes into a window, `padded_seconds` the length to which it is padded. Without the first,
    # `chunk_length` applies; without the second, windows are padded to 30 s as in other programs.
    declared = settings.get("speech_seconds", settings.get("chunk_length", WINDOW_SECONDS))
    window = min(WINDOW_SECONDS, float(declared))
    padded = min(WINDOW_SECONDS, float(settings.get("padded_seconds", WINDOW_SECONDS)))
    return ModelFiles(folder, name, kind, identity, n_mels, min(window, padded), padded)


def folder_digest(folder: Path, patterns: Sequence[str]) -> str:
    """A digest of what determines results. It depends on content and not on times, so a copy is the
    same model."""
    digest = hashlib.sha256()
    files = {file for pattern in patterns for file in folder.glob(pattern)}
    for name, file in sorted((file.relative_to(folder).as_posix(), file) for file in files):
        size = file.stat().st_size
        digest.update(f"{name}\0{size}\0".encode())
        _add_content(digest, file, size)
    return digest.hexdigest()[:16]


def file_digest(path: Path) -> str:
    """A digest of the content of one file, regardless of its name."""
    digest = hashlib.sha256()
    _add_content(digest, path, path.stat().st_size)
    return digest.hexdigest()[:16]


def _add_content(digest: hashlib._Hash, file: Path, size: int) -> None:
    with file.open("rb", buffering=0) as content:
        if size <= _HASHED_WHOLE:
            _add_bytes(digest, content, size)
            return
        for sample in range(_SAMPLES):
            content.seek((size - _SAMPLE_BYTES) * sample // (_SAMPLES - 1), os.SEEK_SET)
            _add_bytes(digest, content, _SAMPLE_BYTES)


def _add_bytes(digest: hashlib._Hash, content: io.FileIO, count: int) -> None:
    """Through a small buffer: in a server, each thread that starts a run would keep the memory of a
    whole file."""
    buffer = memoryview(bytearray(_READ_BYTES))
    while count and (read := content.readinto(buffer[: min(count, _READ_BYTES)])):
        digest.update(buffer[:read])
        count -= read
