"""Resolve the name of a face network: find, download and convert it."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path

from reelmill.core import gate
from reelmill.core.notices import announce
from reelmill.core.paths import caches
from reelmill.core.retries import RETRY_WAITS
from reelmill.errors import ModelUnavailableError
from reelmill.models.faces.dlib import DLIB, shipped
from reelmill.models.faces.facenet import FacenetSpec
from reelmill.models.faces.facenet_convert import convert
from reelmill.models.faces.network import FaceNetworkSpec
from reelmill.models.files import hub
from reelmill.models.files.cache import file_digest
from reelmill.models.files.download import fetch
from reelmill.models.files.names import given_path

#: facenet-pytorch's weights, by the name it gives them.
VGGFACE2 = "vggface2"
#: Not a network: people are told apart by their clothes.
APPEARANCE = "appearance"
#: The default network, and the former name of the default.
DEFAULT, _FORMER_DEFAULT = DLIB, "auto"
DOWNLOAD_MB = 107
_FILE = "20180402-114759-vggface2.pt"
_ADDRESS = f"https://github.com/timesler/facenet-pytorch/releases/download/v2.2.9/{_FILE}"
#: A folder below the models folder; the number changes with the conversion's result.
_CONVERTED = "reelmill-faces-1"
_PATTERNS = ("*.pt", "*.pth", "*.bin", "*.safetensors")


def face_spec(
    name: str,
    *,
    waits: tuple[float, ...] = RETRY_WAITS,
) -> FaceNetworkSpec:
    """The network `name`: `dlib` (shipped), `vggface2`, a file of facenet-pytorch's weights (.pt)
    or of a network converted from them (.onnx), the address of one, or a hub repository with one
    in it.

    Args:
        name: as above.
        waits: seconds before each further try of a download.

    Raises:
        ModelUnavailableError: it is not available, or is something else; the message says what to
            do.
    """
    if name in (DEFAULT, _FORMER_DEFAULT):
        return shipped()
    path = given_path(name, (VGGFACE2,))
    if path is not None and path.exists():
        given = path.resolve()
        return _from_file(_only_file(given) if given.is_dir() else given, path.name)
    made = converted_path(name)
    if made.is_file():
        return _spec(made, name)
    if name == VGGFACE2 and (left := _left_by_facenet_pytorch()).is_file():
        return _converted(left, made, name)
    if name == VGGFACE2 or name.startswith(("http://", "https://")):
        return _from_address(_ADDRESS if name == VGGFACE2 else name, made, name, waits)
    if path is None and name.count("/") == 1:
        return _from_hub(name, made)
    raise ModelUnavailableError(
        f"no face network {name!r}: give {DLIB}, {VGGFACE2}, the file or URL of "
        "facenet-pytorch's weights (.pt), or a hub repository (owner/name) with them; "
        f"{APPEARANCE} tells people apart by their clothes"
    )


def converted_path(name: str) -> Path:
    """The path of the network made from the weights called `name`."""
    kept = name.replace("/", "--")
    if "://" in name:
        kept = f"url--{hashlib.sha256(name.encode()).hexdigest()[:16]}"
    return hub.models_folder() / _CONVERTED / f"{kept}.onnx"


def here(name: str = VGGFACE2) -> Path | None:
    """The network made of the weights called `name`, or the weights themselves, if they are on
    this machine."""
    places = [converted_path(name), *([_left_by_facenet_pytorch()] if name == VGGFACE2 else [])]
    return next((place for place in places if place.is_file()), None)


def unavailable(name: str, cause: str) -> ModelUnavailableError:
    """The message for weights that are not available, with everything the user can do."""
    return ModelUnavailableError(
        f"the face network {name} is not available: {cause}. Choose one of these: run `reelmill "
        f"models pull faces:{VGGFACE2}` on a machine with a network, then copy "
        f"{hub.models_folder() / _CONVERTED} here; give facenet-pytorch's weights yourself "
        f"(--identity {_FILE}); or use the shipped network (--identity {DLIB})"
    )


def _left_by_facenet_pytorch() -> Path:
    """Where facenet-pytorch keeps the weights it has downloaded."""
    home = Path(os.environ.get("TORCH_HOME") or caches() / "torch").expanduser()
    return home / "checkpoints" / _FILE


def _from_file(path: Path, label: str) -> FacenetSpec:
    if path.suffix == ".onnx":
        return _spec(path, label)
    digest = file_digest(path)
    return _converted(path, converted_path(f"local--{digest}"), label)


def _from_address(address: str, made: Path, name: str, waits: tuple[float, ...]) -> FacenetSpec:
    announce(f"fetching face network {name}")
    suffix = Path(address.partition("?")[0]).suffix or ".pt"
    fetched = made.with_suffix(suffix)
    try:
        fetch(address, fetched, waits=waits)
    except ModelUnavailableError as error:
        raise unavailable(name, str(error)) from error
    if fetched == made:
        return _spec(made, name)
    try:
        return _converted(fetched, made, name)
    finally:
        gate.remove(fetched)


def _from_hub(repository: str, made: Path) -> FacenetSpec:
    snapshot = hub.cached_snapshot(repository)
    if snapshot is None:
        announce(f"fetching face network {repository}")
        try:
            snapshot = hub.download(repository, _PATTERNS, sleep=time.sleep)
        except ModelUnavailableError as error:
            raise unavailable(repository, _cause(error)) from error
    return _converted(_only_file(snapshot), made, repository)


def _cause(error: ModelUnavailableError) -> str:
    """The part of the hub's message that does not concern other kinds of models."""
    cause = str(error).partition(" is not available: ")[2]
    return cause.partition(". Choose one of these:")[0] or str(error)


def _only_file(folder: Path) -> Path:
    found = sorted(file for pattern in (*_PATTERNS, "*.onnx") for file in folder.glob(pattern))
    if len(found) != 1:
        raise ModelUnavailableError(
            f"{folder} holds {len(found)} files of weights ({', '.join(_PATTERNS)}); give the "
            "path of the one to use"
        )
    return found[0]


def _converted(source: Path, made: Path, label: str) -> FacenetSpec:
    if not made.is_file():
        announce(f"converting face network {label}")
        convert(source, made)
    return _spec(made, label)


def _spec(path: Path, label: str) -> FacenetSpec:
    return FacenetSpec(path, label, file_digest(path))
