"""Outputs of a model on their way through a spill file, as JSON and raw arrays, never as a pickle.

A record can only be read into numbers, text, arrays, and lists, tuples, dicts and dataclasses of
these. Nothing in it is executed. It is sealed with its position and a key that only the run's own
processes have, so that no other bytes are taken for an output. This module needs only the standard
library, because the model worker may run in another environment. Arrays need numpy there.
"""

from __future__ import annotations

import dataclasses
import hmac
import json
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from reelmill.errors import TransientError

#: Kinds of numbers an array may hold: bool, int, uint, float, complex.
_NUMBERS = "biufc"
_PLAIN = (type(None), bool, int, float, str)
_SEAL_BYTES = 32
_LENGTH = struct.Struct("<Q")


def pack(value: Any) -> bytes:
    """A record of an output.

    Raises:
        TypeError: there is something in it that a record cannot hold.
    """
    buffers: list[bytes] = []
    tree = _tree(value, buffers)
    header = json.dumps([tree, [len(buffer) for buffer in buffers]], separators=(",", ":")).encode()
    return b"".join([_LENGTH.pack(len(header)), header, *buffers])


def unpack(record: bytes) -> Any:
    """Reverse `pack`. Arrays are copies.

    Raises:
        ValueError, TypeError, KeyError, IndexError: it is no such record.
    """
    (length,) = _LENGTH.unpack_from(record)
    at = _LENGTH.size + length
    tree, sizes = json.loads(record[_LENGTH.size : at])
    buffers = []
    for size in sizes:
        buffers.append(record[at : at + size])
        at += size
    return _value(tree, buffers)


def sealed(key: bytes, path: Path, offset: int, record: bytes) -> bytes:
    """A record as it is stored at `offset` in a spill file."""
    return _seal(key, path, offset, record) + record


def unsealed(key: bytes, path: Path, offset: int, data: bytes) -> bytes:
    """Read the record in the bytes from `offset` of a spill file.

    Raises:
        TransientError: it is not what a process of this run wrote there.
    """
    record = data[_SEAL_BYTES:]
    if not hmac.compare_digest(data[:_SEAL_BYTES], _seal(key, path, offset, record)):
        raise TransientError(f"{path}: changed by another program during the run; not used")
    return record


def read(key: bytes, path: Path, offset: int, size: int) -> Any:
    """Read one output.

    Raises:
        TransientError: it is not what a process of this run wrote there.
        OSError: it cannot be read.
        ValueError, TypeError, KeyError, IndexError: it is no record.
    """
    with path.open("rb") as file:
        file.seek(offset)
        return unpack(unsealed(key, path, offset, file.read(size)))


def _seal(key: bytes, path: Path, offset: int, record: bytes) -> bytes:
    place = f"{path.name}\0{offset}\0".encode("utf-8", "surrogateescape")
    return hmac.digest(key, place + record, "sha256")


def _tree(value: Any, buffers: list[bytes]) -> Any:
    kind = type(value)
    if kind in _PLAIN:
        return value
    if kind is list:
        return [_tree(one, buffers) for one in value]
    if kind is tuple:
        return {"tuple": [_tree(one, buffers) for one in value]}
    if kind is dict:
        return {"dict": [[_tree(k, buffers), _tree(v, buffers)] for k, v in value.items()]}
    if dataclasses.is_dataclass(kind):
        fields = [_tree(getattr(value, f.name), buffers) for f in dataclasses.fields(kind)]
        return {"class": [kind.__module__, kind.__qualname__, fields]}
    return _in_buffer(value, buffers)


def _in_buffer(value: Any, buffers: list[bytes]) -> Any:
    if type(value) is bytes:
        buffers.append(value)
        return {"bytes": len(buffers) - 1}
    numpy = sys.modules.get("numpy")
    if numpy is not None and isinstance(value, (numpy.ndarray, numpy.generic)):
        array = numpy.ascontiguousarray(value)
        if array.dtype.kind in _NUMBERS:
            buffers.append(array.tobytes())
            what = "array" if isinstance(value, numpy.ndarray) else "number"
            return {what: [len(buffers) - 1, array.dtype.str, list(value.shape)]}
    raise TypeError(
        f"an output holds a {type(value).__qualname__}; outputs are made of numbers, text, bytes, "
        "numeric arrays, and lists, tuples, dicts and dataclasses of them"
    )


def _value(tree: Any, buffers: list[bytes]) -> Any:
    if isinstance(tree, list):
        return [_value(one, buffers) for one in tree]
    if isinstance(tree, dict):
        ((what, content),) = tree.items()
        return _READERS[what](content, buffers)
    return tree


def _dict(pairs: list[list[Any]], buffers: list[bytes]) -> dict[Any, Any]:
    return {_value(key, buffers): _value(value, buffers) for key, value in pairs}


def _instance(content: list[Any], buffers: list[bytes]) -> Any:
    """A dataclass that is imported already, filled without executing any code of its own."""
    module, name, values = content
    kind: Any = sys.modules.get(module)
    for part in name.split("."):
        kind = getattr(kind, part, None)
    if not isinstance(kind, type) or not dataclasses.is_dataclass(kind):
        raise TypeError(f"{module}.{name} is not a loaded dataclass")
    instance = object.__new__(kind)
    for field, value in zip(dataclasses.fields(kind), values, strict=True):
        object.__setattr__(instance, field.name, _value(value, buffers))
    return instance


def _array(content: list[Any], buffers: list[bytes]) -> Any:
    import numpy as np

    buffer, kind, shape = content
    dtype = np.dtype(kind)
    if dtype.kind not in _NUMBERS:
        raise TypeError(f"records cannot hold arrays of {kind}")
    return np.frombuffer(buffers[buffer], dtype).reshape(shape).copy()


_READERS: dict[str, Callable[[Any, list[bytes]], Any]] = {
    "tuple": lambda content, buffers: tuple(_value(one, buffers) for one in content),
    "dict": _dict,
    "bytes": lambda content, buffers: buffers[content],
    "class": _instance,
    "array": _array,
    "number": lambda content, buffers: _array(content, buffers)[()],
}
