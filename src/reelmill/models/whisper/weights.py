"""What CTranslate2's `model.bin` says of a model, read without loading it."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import BinaryIO

#: The version of the file format that this reads, in use since 2021.
_VERSION = 6


def variable_shape(path: Path, name: str) -> tuple[int, ...] | None:
    """The shape of one of a model's variables; None if there is none of this name, or the file is
    damaged or of another version.

    The format is that of `ModelSpec.save` in CTranslate2's `specs/model_spec.py`.
    """
    try:
        with path.open("rb") as file:
            return _find(file, name)
    except (OSError, struct.error, UnicodeDecodeError):
        return None


def _find(file: BinaryIO, name: str) -> tuple[int, ...] | None:
    if _number(file, "<I") != _VERSION:
        return None
    _text(file)
    _number(file, "<I")  # revision
    for _ in range(_number(file, "<I")):
        found = _text(file)
        rank = _number(file, "<B")
        shape = tuple(_number(file, "<I") for _ in range(rank))
        if found == name:
            return shape
        _number(file, "<B")  # type of numbers
        file.seek(_number(file, "<I"), 1)
    return None


def _number(file: BinaryIO, form: str) -> int:
    (number,) = struct.unpack(form, file.read(struct.calcsize(form)))
    return int(number)


def _text(file: BinaryIO) -> str:
    return file.read(_number(file, "<H"))[:-1].decode("utf-8")
