"""Resolve the name of an active speaker network: find, download and convert it."""

from __future__ import annotations

import hashlib
from pathlib import Path

from reelmill.core import gate
from reelmill.core.notices import announce
from reelmill.core.retries import RETRY_WAITS
from reelmill.errors import ModelUnavailableError
from reelmill.models.faces.lr_asd import LrAsdSpec
from reelmill.models.faces.lr_asd_convert import convert
from reelmill.models.files import hub
from reelmill.models.files.cache import file_digest
from reelmill.models.files.download import fetch
from reelmill.models.files.names import given_path

#: The name for the weights of the paper, adapted to recordings of talks.
LR_ASD = "lr-asd"
DOWNLOAD_MB = 3
_FILE = "finetuning_TalkSet.model"
_ADDRESS = f"https://github.com/Junhua-Liao/LR-ASD/raw/main/weight/{_FILE}"
#: SHA-256 of the file for which the converted network was compared with the original.
_DIGEST = "6b4ef53694e874e96cf630198dc479c78aebb3993bbf166aee3d926dfe7d9342"
#: A folder below the models folder; the number changes with the conversion's result.
_CONVERTED = "reelmill-speaking-1"


def speaking_spec(
    name: str,
    *,
    waits: tuple[float, ...] = RETRY_WAITS,
) -> LrAsdSpec:
    """The network `name`: `lr-asd`, fetched at first use, or a file of its weights (.model).

    Args:
        name: as above.
        waits: seconds before each further try of a download.

    Raises:
        ModelUnavailableError: it is not available, or is something else; the message says what to
            do.
    """
    folder = hub.models_folder() / _CONVERTED
    path = given_path(name, (LR_ASD,))
    if path is not None and path.is_file():
        made = folder / f"local--{file_digest(path)}.onnx"
        if not made.is_file():
            announce(f"converting active speaker detector {path.name}")
            convert(path, made)
        return LrAsdSpec(made, path.name, file_digest(made))
    if name != LR_ASD:
        raise ModelUnavailableError(
            f"no active speaker detector {name!r}: give {LR_ASD} or the file of its weights"
        )
    made = folder / f"{LR_ASD}.onnx"
    if not made.is_file():
        _fetch(made, waits)
    return LrAsdSpec(made, LR_ASD, file_digest(made))


def here() -> Path | None:
    """The network made of the weights of `lr-asd`, if it is on this machine."""
    made = hub.models_folder() / _CONVERTED / f"{LR_ASD}.onnx"
    return made if made.is_file() else None


def _fetch(made: Path, waits: tuple[float, ...]) -> None:
    announce(f"fetching active speaker detector {LR_ASD} ({DOWNLOAD_MB} MB)")
    fetched = made.with_suffix(".model")
    try:
        fetch(_ADDRESS, fetched, waits=waits)
    except ModelUnavailableError as error:
        raise ModelUnavailableError(
            f"the active speaker detector {LR_ASD} is not available: {error}. Choose one of "
            f"these: run `reelmill models pull speaking:{LR_ASD}` on a machine with a network, "
            f"then copy {made.parent} here; give a file of its weights (--active-speaker "
            f"{_FILE}); or leave out --active-speaker and --follow"
        ) from error
    try:
        _check(fetched)
        convert(fetched, made)
    finally:
        gate.remove(fetched)


def _check(fetched: Path) -> None:
    """Raise ModelUnavailableError unless it is the file that was compared."""
    found = hashlib.sha256(fetched.read_bytes()).hexdigest()
    if found != _DIGEST:
        raise ModelUnavailableError(
            f"the active speaker detector {LR_ASD} is not available: {_ADDRESS} delivered a file "
            f"with SHA-256 {found}, not {_DIGEST}; get the right {_FILE} elsewhere and give it "
            "(--active-speaker FILE)"
        )
