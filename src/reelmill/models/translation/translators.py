"""Resolve the name of a translator to its folder, tokenizer and languages."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from reelmill.core.json_text import parse_json
from reelmill.core.notices import announce
from reelmill.errors import ModelUnavailableError
from reelmill.models.files import cache, hub
from reelmill.models.files.catalog import DEMO, names
from reelmill.models.files.names import given_path
from reelmill.models.translation import conversion
from reelmill.models.translation.nllb import NllbSpec

#: All NLLB-200 models have the same tokenizer; most conversions come without it.
TOKENIZER_REPOSITORY = "facebook/nllb-200-distilled-600M"
_TOKENIZER = "tokenizer.json"
#: An optional description of a small model: `max_tokens`, `directions`.
_ABOUT = "translator.json"
_MAX_TOKENS = 200


def resolve_translator(
    name: str,
    compute_type: str = "auto",
    *,
    download: bool = True,
    sleep: Callable[[float], None] = time.sleep,
) -> NllbSpec:
    """Find a translator, and download and convert it if necessary.

    Args:
        name: `demo`, a name of the catalog, any `owner/repository` of the hub, or a folder; the
            latter two in CTranslate2's format or, with transformers and PyTorch there, in theirs.
        compute_type: of CTranslate2, or "auto".
        download: False to look on this machine only.
        sleep: waits between tries.

    Raises:
        ModelUnavailableError: it is unknown or not available, or a file is missing or damaged; the
            message says what to do.
    """
    files = _converted(name, download, sleep) or cache.resolve(
        name, "translator", download=download, sleep=sleep
    )
    about = _about(files.path)
    return NllbSpec(
        path=files.path,
        label=name,
        digest=files.identity,
        tokenizer=_tokenizer(files.path, download, sleep),
        compute_type=compute_type,
        max_tokens=about[0],
        directions=about[1],
    )


def _converted(
    name: str, download: bool, sleep: Callable[[float], None]
) -> cache.ModelFiles | None:
    """A model in the transformers library's format, converted; None for all others."""
    folder = given_path(name, (DEMO, *names("translator")))
    if folder is not None and folder.is_dir():
        checkpoint: Path | None = folder.resolve()
    elif folder is None and name.count("/") == 1:
        checkpoint = hub.cached_snapshot(name)
        if checkpoint is None and download:
            # Small files first, because they show the kind of model.
            checkpoint = hub.download(name, (*conversion.DESCRIBING,), sleep=sleep)
        if checkpoint is not None and download and conversion.is_checkpoint(checkpoint):
            announce(f"fetching model {name}, to be converted")
            checkpoint = hub.download(name, conversion.WANTED, sleep=sleep)
    else:
        return None
    if checkpoint is None or not conversion.is_checkpoint(checkpoint):
        return None
    return cache.resolve(str(conversion.convert(checkpoint, name)), "translator")


def _tokenizer(folder: Path, download: bool, sleep: Callable[[float], None]) -> Path:
    """The model's own tokenizer.json, or the one all NLLB-200 models have."""
    if (folder / _TOKENIZER).is_file():
        return folder / _TOKENIZER
    snapshot = hub.cached_snapshot(TOKENIZER_REPOSITORY)
    if snapshot is not None and (snapshot / _TOKENIZER).is_file():
        return snapshot / _TOKENIZER
    if not download or hub.is_offline():
        raise ModelUnavailableError(
            f"the translator in {folder} has no {_TOKENIZER}: copy the one of "
            f"{TOKENIZER_REPOSITORY} into the folder (all NLLB-200 models share it), or run "
            "`reelmill models pull` once with a network"
        )
    announce(f"fetching NLLB's tokenizer ({TOKENIZER_REPOSITORY}, 17 MB)")
    snapshot = hub.download(TOKENIZER_REPOSITORY, (_TOKENIZER,), sleep=sleep)
    if not (snapshot / _TOKENIZER).is_file():
        raise hub.unavailable(TOKENIZER_REPOSITORY, f"it has no {_TOKENIZER}")
    return snapshot / _TOKENIZER


def _about(folder: Path) -> tuple[int, tuple[tuple[str, str], ...] | None]:
    """The longest text in tokens, and the directions, as described in the folder."""
    file = folder / _ABOUT
    if not file.is_file():
        return _MAX_TOKENS, None
    try:
        said: dict[str, Any] = parse_json(file.read_text("utf-8"))
        pairs = said.get("directions")
        directions = tuple((str(one), str(other)) for one, other in pairs) if pairs else None
        return max(1, int(said.get("max_tokens", _MAX_TOKENS))), directions
    except (ValueError, TypeError, AttributeError) as error:
        raise ModelUnavailableError(
            f"{file} cannot be read ({error}): restore the original, or remove the file"
        ) from error
