"""Convert translators from the transformers library's format to CTranslate2's.

The conversion needs transformers and PyTorch, which Reelmill does not install. A converted model is
kept and needs neither.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
from pathlib import Path

from reelmill.core.atomic import replacing_folder
from reelmill.core.notices import announce
from reelmill.errors import ModelUnavailableError, reason
from reelmill.models.files import hub

#: The small files of a checkpoint.
DESCRIBING = (
    "config.json",
    "generation_config.json",
    "tokenizer*.json",
    "special_tokens_map.json",
    "*.model",
    "*.index.json",
    "shared_vocabulary.*",
    "translator.json",
)
_WEIGHTS = ("model*.safetensors", "pytorch_model*.bin")
#: All files of a checkpoint. Not `model.bin`, which is CTranslate2's name.
WANTED = (*DESCRIBING, *_WEIGHTS)
_NEEDED = ("transformers", "torch")
_ARCHITECTURE = "M2M100ForConditionalGeneration"


def is_checkpoint(folder: Path) -> bool:
    """Whether a folder has a translator in transformers' format (with or without weights), not
    CTranslate2's."""
    config = folder / "config.json"
    with contextlib.suppress(OSError, UnicodeDecodeError):
        described = _ARCHITECTURE in config.read_text("utf-8")
        return described and not (folder / "model.bin").is_file()
    return False


def convert(checkpoint: Path, name: str) -> Path:
    """The folder of the converted model (int8), which is converted if it does not exist yet.

    Raises:
        ModelUnavailableError: transformers or PyTorch is missing, or the checkpoint is damaged.
    """
    made = hub.models_folder() / "reelmill-converted" / _key(checkpoint)
    if (made / "model.bin").is_file():
        return made
    missing = [needed for needed in _NEEDED if importlib.util.find_spec(needed) is None]
    if missing:
        raise ModelUnavailableError(
            f"{name} is a model for the transformers library and must be converted first, which "
            f"needs {' and '.join(missing)}: `pip install transformers torch` into this "
            "environment, or use a converted model such as --translator nllb-200-distilled-600M"
        )
    announce(f"converting {name} to CTranslate2, once")
    with replacing_folder(made) as folder:
        _convert(checkpoint, folder, name)
    return made


def _convert(checkpoint: Path, out: Path, name: str) -> None:
    from ctranslate2.converters import TransformersConverter

    copied = [
        file for file in ("tokenizer.json", "translator.json") if (checkpoint / file).exists()
    ]
    try:
        TransformersConverter(str(checkpoint), copy_files=copied).convert(
            str(out),
            quantization="int8",
            force=True,  # the folder exists, and is empty
        )
    except Exception as error:
        raise ModelUnavailableError(
            f"{name} in {checkpoint} cannot be converted ({reason(error)}); "
            "fetch it again, or use a converted model such as --translator nllb-200-distilled-600M"
        ) from error


def _key(checkpoint: Path) -> str:
    """The cache key: it changes with the checkpoint's files, not with its path."""
    digest = hashlib.sha256()
    files = {file for pattern in WANTED for file in checkpoint.glob(pattern)}
    for file in sorted(files, key=lambda one: one.name):
        state = file.stat()
        digest.update(f"{file.name}\0{state.st_size}\0{state.st_mtime_ns}\0".encode())
    return digest.hexdigest()[:24]
