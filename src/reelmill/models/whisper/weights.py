"""What CTranslate2's `model.bin` says of a model, read without loading it."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

#: The version of the file format that this reads, in use since 2021.
_VERSION = 6
_LAYER = re.compile(r"(?P<side>encoder|decoder)/layer_(?P<number>\d+)/")


def variable_shape(path: Path, name: str) -> tuple[int, ...] | None:
    """The shape of one of a model's variables; None if there is none of this name, or the file is
    damaged or of another version.

    The format is that of `ModelSpec.save` in CTranslate2's `specs/model_spec.py`.
    """
    try:
        with path.open("rb") as file:
            return next((shape for found, shape in _variables(file) if found == name), None)
    except (OSError, struct.error, UnicodeDecodeError):
        return None


def layers(path: Path) -> tuple[int, int]:
    """The number of layers of a model's encoder and decoder; 0 for what cannot be read."""
    found: dict[str, set[str]] = {"encoder": set(), "decoder": set()}
    try:
        with path.open("rb") as file:
            for name, _ in _variables(file):
                if layer := _LAYER.match(name):
                    found[layer["side"]].add(layer["number"])
    except (OSError, struct.error, UnicodeDecodeError):
        return 0, 0
    return len(found["encoder"]), len(found["decoder"])


def _variables(file: BinaryIO) -> Iterator[tuple[str, tuple[int, ...]]]:
    """The variables in a file by name, with their shapes."""
    if _number(file, "<I") != _VERSION:
        return
    _text(file)
    _number(file, "<I")  # revision
    for _ in range(_number(file, "<I")):
        name = _text(file)
        rank = _number(file, "<B")
        yield name, tuple(_number(file, "<I") for _ in range(rank))
        _number(file, "<B")  # type of numbers
        file.seek(_number(file, "<I"), 1)


def _number(file: BinaryIO, form: str) -> int:
    (number,) = struct.unpack(form, file.read(struct.calcsize(form)))
    return int(number)


def _text(file: BinaryIO) -> str:
    return file.read(_number(file, "<H"))[:-1].decode("utf-8")
