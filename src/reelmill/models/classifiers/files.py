"""Find a classification model: a folder here or a repository of the hub, and what computes it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from reelmill.core.json_text import parse_json
from reelmill.core.notices import announce
from reelmill.errors import ModelUnavailableError
from reelmill.models.classifiers.spec import ClassifierSpec, Task
from reelmill.models.files import hub
from reelmill.models.files.cache import folder_digest
from reelmill.models.files.environments import look, try_import
from reelmill.models.files.names import given_path
from reelmill.models.runtimes.onnx import knows_cuda

CONFIG = "config.json"
#: Where Optimum puts the graph.
ONNX_FILES = ("model.onnx", "onnx/model.onnx")
_PACKAGES = ("transformers", "torch")
_INSTALL = (
    'install "reelmill[classifiers]", or name an environment that has transformers and torch with '
    "--python, or give a folder with a model.onnx"
)
#: The ends of architectures' names. Wav2Vec2ForSequenceClassification classifies sound.
_ARCHITECTURES: dict[Task, tuple[str, ...]] = {
    "audio": ("ForAudioClassification", "ForSequenceClassification"),
    "text": ("ForSequenceClassification",),
}
_SMALL_FILES = ("*.json", "*.txt", "*.model")
_SAFE, _PICKLED = ("model*.safetensors",), ("pytorch_model*.bin",)
_DIGESTED = (*_SMALL_FILES, *_SAFE, *_PICKLED, *ONNX_FILES, "*.onnx_data", "onnx/*.onnx_data")


def classifier_spec(
    name: str, task: Task, option: str, python: Path | None = None
) -> ClassifierSpec:
    """The classifier `name`, a folder or a hub name.

    Args:
        name: as the user gave it.
        task: what it has to classify.
        option: the option it was given with, for messages.
        python: the environment that has transformers; None for this one.

    Raises:
        ModelUnavailableError: there is no such model, it is of another kind, or what computes it
            is missing; the message says how to get it.
    """
    folder, digest = _folder(name, option)
    config = read_config(folder)
    _check(folder, config, task, option)
    if onnx_file(folder) is not None:
        return ClassifierSpec(task, str(folder), name, digest, "onnx", cuda=knows_cuda())
    found = look(python, _PACKAGES)
    missing = [package for package in _PACKAGES if package not in found.versions]
    if missing:
        raise ModelUnavailableError(
            f"{option} {name}: {' and '.join(missing)} not in {found.where}; {_INSTALL}"
        )
    try_import(found, "transformers")
    return ClassifierSpec(
        task,
        str(folder),
        name,
        digest,
        "transformers",
        found.versions["transformers"],
        found.python,
        found.has_cuda,
    )


def read_config(folder: Path) -> dict[str, Any]:
    """The model's `config.json`.

    Raises:
        ModelUnavailableError: there is none that can be read.
    """
    try:
        config = parse_json((folder / CONFIG).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelUnavailableError(f"{folder / CONFIG}: cannot be read ({error})") from error
    if not isinstance(config, dict):
        raise ModelUnavailableError(f"{folder / CONFIG}: is not the configuration of a model")
    return config


def labels_of(config: dict[str, Any]) -> list[str]:
    """The names of the classes, in their order."""
    names = config.get("id2label")
    if isinstance(names, dict) and names:
        return [str(names[key]) for key in sorted(names, key=int)]
    return [f"LABEL_{number}" for number in range(int(config.get("num_labels", 2)))]


def onnx_file(folder: Path) -> Path | None:
    """The graph, where the folder has one."""
    return next((folder / name for name in ONNX_FILES if (folder / name).is_file()), None)


def _folder(name: str, option: str) -> tuple[Path, str]:
    given = given_path(name)
    if given is not None:
        path = given.absolute()
        if not (path / CONFIG).is_file():
            raise ModelUnavailableError(
                f"{option} {name}: contains no {CONFIG}; give the folder of a classification model "
                "as transformers or Optimum saves it"
            )
        return path, folder_digest(path, _DIGESTED)
    snapshot = hub.cached_snapshot(name)
    if snapshot is None or not (snapshot / CONFIG).is_file() or not _has_weights(snapshot):
        snapshot = _fetched(name, option)
    return snapshot, f"hub:{name}@{snapshot.name}"


def _fetched(name: str, option: str) -> Path:
    """Weights in safetensors if the repository has them: nothing in those can be run."""
    announce(f"fetching {name}")
    ways_out = f"give a copy on this machine ({option} FOLDER); or leave out {option}"
    wanted: Sequence[str] = (*_SMALL_FILES, *_SAFE)
    snapshot = hub.download(name, wanted, sleep=time.sleep, ways_out=ways_out)
    if _has_weights(snapshot):
        return snapshot
    return hub.download(name, (*wanted, *_PICKLED), sleep=time.sleep, ways_out=ways_out)


def _has_weights(folder: Path) -> bool:
    return onnx_file(folder) is not None or any(
        next(folder.glob(pattern), None) for pattern in (*_SAFE, *_PICKLED)
    )


def _check(folder: Path, config: dict[str, Any], task: Task, option: str) -> None:
    """Refuse what is no classifier of that kind: transformers would give it a head of random
    weights, and its answers would mean nothing."""
    architectures = config.get("architectures") or []
    fits = any(str(one).endswith(_ARCHITECTURES[task]) for one in architectures)
    is_sound = any((folder / one).is_file() for one in ("preprocessor_config.json",))
    if not fits or is_sound != (task == "audio"):
        kind = "sound" if task == "audio" else "text"
        raise ModelUnavailableError(
            f"{option} {folder}: not a model that classifies {kind} (architecture "
            f"{', '.join(map(str, architectures)) or 'not stated'})"
        )
    if config.get("problem_type") == "regression" or len(labels_of(config)) < 2:
        raise ModelUnavailableError(
            f"{option} {folder}: gives a number, not classes; give a classification model"
        )
