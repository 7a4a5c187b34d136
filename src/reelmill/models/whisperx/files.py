"""Find WhisperX: the environment it runs in, and the models it uses."""

from __future__ import annotations

import re
from pathlib import Path

from reelmill.errors import ModelUnavailableError
from reelmill.models.files.cache import ModelFiles, folder_digest, folder_size
from reelmill.models.files.environments import Environment, look, try_import
from reelmill.models.files.names import given_path
from reelmill.models.whisperx.whisperx import WhisperXAlignerSpec, WhisperXOptions, WhisperXSpec

_PACKAGE = "whisperx"
_OLDEST = (3, 4)
_INSTALL = (
    'install it into an environment of its own (pip install "whisperx>=3.8" there) and name that '
    'with --python, or install "reelmill[whisperx]" here'
)
_ALIGNER_FILES = ("*.json", "*.bin", "*.safetensors")


def find_whisperx(python: Path | None) -> Environment:
    """The environment of `python`, which has WhisperX.

    Raises:
        ModelUnavailableError: no interpreter, no WhisperX, too old a one or one that cannot be
            imported, and how to get it.
    """
    found = look(python, (_PACKAGE, "torch"))
    version = found.versions.get(_PACKAGE)
    if version is None:
        raise ModelUnavailableError(f"WhisperX is not in {found.where}; {_INSTALL}")
    numbers = re.match(r"(\d+)\.(\d+)", version)
    if numbers is None or tuple(map(int, numbers.groups())) < _OLDEST:
        raise ModelUnavailableError(f"{found.where} has WhisperX {version}; {_INSTALL}")
    try_import(found, _PACKAGE)
    return found


def recognizer_spec(
    found: Environment, files: ModelFiles, options: WhisperXOptions, compute_type: str
) -> WhisperXSpec:
    """WhisperX's recognizer with a Whisper model that is on this machine."""
    return WhisperXSpec(
        str(files.path),
        files.name,
        files.identity,
        folder_size(files.path) / (1 << 20),
        found.versions[_PACKAGE],
        options,
        compute_type,
        files.window_seconds,
        found.python,
        found.has_cuda,
    )


def aligner_spec(found: Environment, name: str | None) -> WhisperXAlignerSpec:
    """WhisperX's aligners: `name` for all languages, or None for its own choice for each."""
    folder = None if name is None else given_path(name)
    model, digest = name, f"whisperx:{name}"
    if folder is not None and folder.is_dir():
        folder = folder.absolute()
        model, digest = str(folder), f"local:{folder_digest(folder, _ALIGNER_FILES)}"
    return WhisperXAlignerSpec(
        model, digest, found.versions[_PACKAGE], found.python, found.has_cuda
    )
