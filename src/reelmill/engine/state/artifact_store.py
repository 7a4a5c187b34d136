"""Artifacts on disk: JSON files named by what decided them, written whole or not at all."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

from reelmill.artifacts import Artifact
from reelmill.core.atomic import write_text
from reelmill.core.recording import Recording
from reelmill.engine.stage import ModelStage, Stage
from reelmill.errors import InputError

#: The whole name of a spool, of an artifact or a file beside one: nothing else is swept away.
SPOOL = re.compile(r"[\w-]+-[0-9a-f]{16}\.spool\.\d+\.[\w.-]+")
OURS = re.compile(rf"[\w-]+-[\w~-]+\.(json|npz|pcm|mp4|jpg|ass)|{SPOOL.pattern}")

_adapters: dict[type[Artifact], Any] = {}


def stage_digest(stage: Stage) -> str:
    """What a stage adds to the keys of its results: name, version, settings and model."""
    decisive = json.dumps(
        [stage.name, stage.version, stage.produces.schema, stage.fingerprint()],
        sort_keys=True,
        default=str,
    )
    return hashlib.sha256(decisive.encode()).hexdigest()


def result_key(digest: str, sources: list[str]) -> str:
    """The key of a result: the stage's digest and the keys of what it reads.

    A stage that needs nothing reads the recording itself, whose key is its content's SHA-256.
    """
    text = "\n".join([digest, *sources])
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def artifacts(cache: Path) -> Path:
    """Where all artifacts lie."""
    return cache / "artifacts"


def recording_folder(cache: Path, sha256: str) -> Path:
    """Where those about a content lie: a renamed file finds its work again."""
    return artifacts(cache) / sha256[:2] / sha256[:24]


def artifact_path(folder: Path, stage_name: str, key: str) -> Path:
    return folder / f"{stage_name}-{key[:16]}.json"


def named_path(cache: Path, stage_name: str, recording_name: str) -> Path:
    """Where the artifact about files with a recording's name lies: one place for all contents and
    settings, because they take each other's place too."""
    name = hashlib.sha256(recording_name.encode("utf-8", "surrogateescape")).hexdigest()
    return artifacts(cache) / "named" / name[:2] / f"{stage_name}-{name[:16]}.json"


def save(path: Path, stage: Stage, key: str, recording: Recording, artifact: Artifact) -> None:
    """Write an artifact with what it was made from."""
    envelope = {
        "schema": f"reelmill/{artifact.schema}",
        "stage": {"name": stage.name, "version": stage.version, "settings": stage.fingerprint()},
        "model": stage.model.name if isinstance(stage, ModelStage) else None,
        "recording": {"path": str(recording.path), "sha256": recording.id},
        "key": key,
        "data": _adapter(type(artifact)).dump_python(artifact, mode="json"),
    }
    write_text(path, json.dumps(envelope, ensure_ascii=False, indent=1, default=str) + "\n")


def load(path: Path, kind: type[Artifact]) -> Artifact:
    """Read an artifact.

    Raises:
        InputError: not there, not JSON, of another schema or damaged.
    """
    try:
        envelope = _parsed(path)
        if envelope["schema"] != f"reelmill/{kind.schema}":
            raise InputError(
                f"{path}: holds {envelope['schema']}, not reelmill/{kind.schema}; "
                "remove it to have it made again"
            )
        artifact = _adapter(kind).validate_python(envelope["data"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: not a readable artifact ({error}); remove it") from error
    assert isinstance(artifact, kind)
    return artifact


def key_in(path: Path) -> str | None:
    """The key an artifact file says it has; None when there is no readable file."""
    try:
        key = _parsed(path)["key"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return str(key)


def _parsed(path: Path) -> Any:
    """The JSON in a file; names in it that are no UTF-8 come back as Python had them."""
    return json.loads(path.read_bytes().decode("utf-8", "surrogateescape"))


def _adapter(kind: type[Artifact]) -> Any:
    if kind not in _adapters:
        from pydantic import TypeAdapter  # a tenth of a second that a run without work can save

        _adapters[kind] = TypeAdapter(kind)
    return _adapters[kind]
