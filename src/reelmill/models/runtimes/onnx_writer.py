"""Write ONNX files without the onnx package. A graph is a few nested protobuf messages.

Field numbers are those of onnx.proto (ONNX 1.x, IR version 8).
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from reelmill.core.atomic import replacing

_IR_VERSION, _OPSET = 8, 13
_TYPES = {np.dtype(np.float32): 1, np.dtype(np.uint8): 2, np.dtype(np.int64): 7}

Attribute = int | float | Sequence[int]
Array = npt.NDArray[np.float32] | npt.NDArray[np.int64]
#: A message in pieces, so that weights are not copied from one message into the next.
_Pieces = list[bytes | memoryview]


@dataclass
class Value:
    """An input or output. Free dimensions have a name."""

    name: str
    type: npt.DTypeLike
    shape: Sequence[int | str]


@dataclass
class Graph:
    """A graph that is built node by node."""

    name: str
    nodes: list[_Pieces] = field(default_factory=list)
    constants: dict[str, Array] = field(default_factory=dict)

    def add(self, kind: str, inputs: Sequence[str], **attributes: Attribute) -> str:
        """Add a node with one output, and return the output's name."""
        return self.add_named(f"{kind.lower()}_{len(self.nodes)}", kind, inputs, **attributes)

    def add_named(
        self, output: str, kind: str, inputs: Sequence[str], **attributes: Attribute
    ) -> str:
        node = [piece for name in inputs for piece in _text(1, name)]
        node += [*_text(2, output), *_text(3, output), *_text(4, kind)]
        for name, value in attributes.items():
            node += _nested(5, _attribute(name, value))
        self.nodes.append(node)
        return output

    def constant(self, value: Array) -> str:
        """Add a constant, and return its name."""
        name = f"constant_{len(self.constants)}"
        self.constants[name] = value
        return name

    def save(self, path: Path, inputs: Sequence[Value], outputs: Sequence[Value]) -> None:
        """Write the model atomically. Raises OSError as `atomic.replacing` does."""
        graph: _Pieces = [piece for node in self.nodes for piece in _nested(1, node)]
        graph += _text(2, self.name)
        for name, array in self.constants.items():
            graph += _nested(5, _tensor(name, array))
        for number, values in ((11, inputs), (12, outputs)):
            for value in values:
                graph += _nested(number, _described(value))
        model = [*_number(1, _IR_VERSION), *_text(2, "reelmill"), *_nested(7, graph)]
        model += _nested(8, [*_text(1, ""), *_number(2, _OPSET)])
        with replacing(path) as file:
            file.writelines(model)


def _attribute(name: str, value: Attribute) -> _Pieces:
    if isinstance(value, float):
        return [*_text(1, name), _key(2, 5), struct.pack("<f", value), *_number(20, 1)]
    if isinstance(value, int):
        return [*_text(1, name), *_number(3, value), *_number(20, 2)]
    numbers = [piece for one in value for piece in _number(8, one)]
    return [*_text(1, name), *numbers, *_number(20, 7)]


def _tensor(name: str, array: Array) -> _Pieces:
    flat = np.ascontiguousarray(array).reshape(-1).view(np.uint8).data
    sizes = [piece for size in array.shape for piece in _number(1, size)]
    return [*sizes, *_number(2, _TYPES[array.dtype]), *_text(8, name), *_nested(9, [flat])]


def _described(value: Value) -> _Pieces:
    shape: _Pieces = []
    for size in value.shape:
        shape += _nested(1, _number(1, size) if isinstance(size, int) else _text(2, size))
    tensor = [*_number(1, _TYPES[np.dtype(value.type)]), *_nested(2, shape)]
    return [*_text(1, value.name), *_nested(2, _nested(1, tensor))]


def _number(field_number: int, value: int) -> _Pieces:
    return [_key(field_number, 0), _varint(value & (1 << 64) - 1)]


def _text(field_number: int, value: str) -> _Pieces:
    return _nested(field_number, [value.encode()])


def _nested(field_number: int, pieces: Iterable[bytes | memoryview]) -> _Pieces:
    inside = list(pieces)
    return [_key(field_number, 2), _varint(sum(len(piece) for piece in inside)), *inside]


def _key(field_number: int, wire_type: int) -> bytes:
    return _varint(field_number << 3 | wire_type)


def _varint(value: int) -> bytes:
    groups = bytearray()
    while value > 0x7F:
        groups.append(value & 0x7F | 0x80)
        value >>= 7
    groups.append(value)
    return bytes(groups)
