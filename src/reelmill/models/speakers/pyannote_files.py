"""Find a pipeline of pyannote.audio: the environment it runs in, and its files."""

from __future__ import annotations

import re
import time
from pathlib import Path

from reelmill.core.notices import announce
from reelmill.errors import ModelUnavailableError
from reelmill.models.files import hub
from reelmill.models.files.cache import file_digest, folder_digest
from reelmill.models.files.environments import look, try_import
from reelmill.models.files.names import given_path
from reelmill.models.speakers.pyannote import PyannoteSpec

#: The pipeline of pyannote.audio 4. Everything it needs is in its own repository.
DEFAULT = "pyannote/speaker-diarization-community-1"

_PACKAGE = "pyannote.audio"
_INSTALL = (
    'install it into an environment of its own (pip install "pyannote.audio>=4,<5" there) and '
    'name that with --python, or install "reelmill[pyannote]" here'
)
#: A downloaded pipeline or model has one of these in its folder.
_WHOLE = ("config.yaml", "pytorch_model.bin", "plda.npz")
#: A pipeline's setting that is the name of a model on the hub, with or without a revision.
_PART = re.compile(r"^[\s-]*\w+:\s*[\"']?([A-Za-z][\w.-]*/[\w.-]+)(?:@[\w.-]+)?[\"']?\s*$", re.M)
_FILES = ("*.yaml", "*.bin", "*.safetensors", "*.npz", "**/*.yaml", "**/*.bin", "**/*.npz")


def pyannote_spec(python: Path | None, name: str) -> PyannoteSpec:
    """The pipeline `name` (hub name, folder or config file) in the environment of `python`.

    Raises:
        ModelUnavailableError: there is no interpreter, no pyannote.audio that can be imported, or
            no pipeline; the message says how to get it.
    """
    found = look(python, (_PACKAGE, "torch"))
    version = found.versions.get(_PACKAGE)
    if version is None:
        raise ModelUnavailableError(f"pyannote.audio is not in {found.where}; {_INSTALL}")
    if version.partition(".")[0] != "4":
        raise ModelUnavailableError(f"{found.where} has pyannote.audio {version}; {_INSTALL}")
    path, digest = _local(name) or _fetched(name)
    for part in _parts(path if path.is_file() else path / "config.yaml"):
        _snapshot(part)
    try_import(found, _PACKAGE)
    return PyannoteSpec(str(path), name, digest, version, found.python, found.has_cuda)


def _local(name: str) -> tuple[Path, str] | None:
    given = given_path(name)
    if given is None:
        return None
    path = given.absolute()
    if path.is_file():
        return path, f"local:{file_digest(path)}"
    if (path / "config.yaml").is_file():
        return path, f"local:{folder_digest(path, _FILES)}"
    if path.is_dir():
        raise ModelUnavailableError(f"{path}: contains no config.yaml of a pyannote pipeline")
    return None


def _fetched(name: str) -> tuple[Path, str]:
    snapshot = _snapshot(name)
    return snapshot, f"hub:{name}@{snapshot.name}"


def _parts(config: Path) -> list[str]:
    """The hub models that a pipeline refers to. Models in its own folder have no such names."""
    found = _PART.findall(config.read_text("utf-8"))
    return [name for name in found if given_path(name) is None]


def _snapshot(name: str) -> Path:
    snapshot = hub.cached_snapshot(name)
    if snapshot is not None and any((snapshot / one).is_file() for one in _WHOLE):
        return snapshot
    if not has_token():
        raise hub.unavailable(name, "HF_TOKEN is not set", _ways_out(name))
    announce(f"fetching {name}")
    return hub.download(name, _FILES, sleep=time.sleep, ways_out=_ways_out(name))


def _ways_out(name: str) -> str:
    return (
        f"accept its terms at https://huggingface.co/{name} and set HF_TOKEN; or give a copy on "
        "this machine (--pyannote-model FOLDER)"
    )


def has_token() -> bool:
    """Whether the user has logged in with the hub's library."""
    from huggingface_hub import get_token

    return bool(get_token())
