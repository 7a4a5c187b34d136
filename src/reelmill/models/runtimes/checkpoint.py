"""Read weights in the formats of the model hub with NumPy alone, so that conversion needs no
PyTorch."""

from __future__ import annotations

import pickle
import struct
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from reelmill.errors import ModelUnavailableError, reason

Weights = dict[str, npt.NDArray[np.float32]]

#: Best first. A safetensors file holds nothing but numbers and is read without a copy.
WEIGHT_FILES = ("model.safetensors", "pytorch_model.bin")

_BFLOAT16 = "bfloat16"
_SAFETENSORS = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": _BFLOAT16, "I64": "<i8"}
_STORAGES = {
    "DoubleStorage": "<f8",
    "FloatStorage": "<f4",
    "HalfStorage": "<f2",
    "BFloat16Storage": _BFLOAT16,
    "LongStorage": "<i8",
}
_BYTES = {"<f8": 8, "<f4": 4, "<f2": 2, _BFLOAT16: 2, "<i8": 8}

#: The start of files of PyTorch before 1.6: this number pickled, then a version.
_OLD_MAGIC, _OLD_VERSION = 0x1950A86A20F9469CFC6C, 1001
_PICKLED_WRONG = (pickle.PickleError, EOFError, struct.error, IndexError, AttributeError)


def read_weights(folder: Path) -> Weights:
    """All tensors of `model.safetensors` or `pytorch_model.bin` in `folder`, as float32.

    Raises:
        ModelUnavailableError: there is neither, or the file is damaged or of an unknown form.
    """
    for name in WEIGHT_FILES:
        if (folder / name).is_file():
            return read_weight_file(folder / name)
    raise ModelUnavailableError(f"{folder} has no weights; it needs {' or '.join(WEIGHT_FILES)}")


def read_weight_file(path: Path) -> Weights:
    """Read all tensors of one file as float32: safetensors, or a dictionary saved by PyTorch, in
    its zip format or the one before version 1.6.

    Raises:
        ModelUnavailableError: the file is damaged or of another form.
    """
    read = _read_torch
    if path.suffix == ".safetensors":
        read = _read_safetensors
    elif not zipfile.is_zipfile(path):
        read = _read_old_torch
    try:
        return read(path)
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile, *_PICKLED_WRONG) as error:
        raise ModelUnavailableError(
            f"{path} cannot be read ({reason(error)}); it may be only partly "
            "downloaded: remove it and fetch the model again"
        ) from error


def _read_safetensors(path: Path) -> Weights:
    from safetensors import SafetensorError, deserialize

    try:
        entries = deserialize(path.read_bytes())  # type: ignore[no-untyped-call]
    except SafetensorError as error:
        raise ValueError(str(error)) from error
    return {
        name: _floats(bytes(entry["data"]), _SAFETENSORS[entry["dtype"]]).reshape(entry["shape"])
        for name, entry in entries
    }


def _floats(data: bytes, kind: str) -> npt.NDArray[np.float32]:
    if kind == _BFLOAT16:  # the upper half of a float32
        wide = np.frombuffer(data, "<u2").astype(np.uint32) << 16
        return wide.view(np.float32)
    return np.frombuffer(data, kind).astype(np.float32)


def _read_torch(path: Path) -> Weights:
    """PyTorch's zip format: a pickle of the dictionary, and a file with the numbers of each
    storage."""
    with zipfile.ZipFile(path) as archive:
        pickled = next((one for one in archive.namelist() if one.endswith("/data.pkl")), None)
        if pickled is None:
            raise ValueError("not a PyTorch checkpoint")
        root = pickled.removesuffix("data.pkl")
        storages = _Storages(lambda key: archive.read(f"{root}data/{key}"))
        with archive.open(pickled) as file:
            loaded = _Unpickler(file, storages).load()
        return _arrays(loaded)


def _read_old_torch(path: Path) -> Weights:
    """Five pickles (magic number, version, system, the dictionary, the names of its storages), then
    for each storage the count of numbers and the numbers."""
    with path.open("rb") as file:
        storages = _Storages(lambda key: numbers[key])
        magic, version = (_Unpickler(file, storages).load() for _ in range(2))
        if (magic, version) != (_OLD_MAGIC, _OLD_VERSION):
            raise ValueError("not a PyTorch checkpoint")
        _Unpickler(file, storages).load()
        loaded = _Unpickler(file, storages).load()
        numbers: dict[str, bytes] = {}
        for key in _Unpickler(file, storages).load():
            (count,) = struct.unpack("<q", file.read(8))
            numbers[key] = file.read(count * _BYTES[storages.kinds[key]])
        return _arrays(loaded)


@dataclass
class _Storages:
    """The numbers of tensors by the key of their storage, read when they are needed."""

    fetch: Callable[[str], bytes]
    kinds: dict[str, str] = field(default_factory=dict)

    def numbers(self, key: str, count: int) -> npt.NDArray[np.float32]:
        found = _floats(self.fetch(key), self.kinds[key])
        if len(found) < count:
            raise ValueError(f"storage {key} is truncated")
        return found


@dataclass(frozen=True)
class _Tensor:
    """The place of a tensor's numbers: `count` numbers of a storage, from `offset`."""

    storages: _Storages
    key: str
    count: int
    offset: int = 0
    shape: tuple[int, ...] = ()
    stride: tuple[int, ...] = ()

    def array(self) -> npt.NDArray[np.float32]:
        numbers = self.storages.numbers(self.key, self.count)
        last = sum((n - 1) * step for n, step in zip(self.shape, self.stride, strict=True))
        if 0 in self.shape:
            return np.zeros(self.shape, np.float32)
        if not 0 <= self.offset <= self.offset + last < len(numbers):
            raise ValueError(f"a tensor extends beyond storage {self.key}")
        strides = tuple(4 * step for step in self.stride)
        view = np.lib.stride_tricks.as_strided(
            numbers[self.offset :], self.shape, strides, writeable=False
        )
        return np.ascontiguousarray(view)


def _arrays(loaded: Any) -> Weights:
    if not isinstance(loaded, dict):
        raise ValueError("not a dictionary of weights")
    return {name: one.array() for name, one in loaded.items() if isinstance(one, _Tensor)}


class _Unpickler(pickle.Unpickler):
    """Records where tensors are, and refuses anything else that a pickle might run."""

    def __init__(self, file: IO[bytes], storages: _Storages) -> None:
        super().__init__(file)
        self._storages = storages

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _rebuild
        if module == "torch" and name in _STORAGES:
            return name
        raise pickle.UnpicklingError(f"{module}.{name} is not allowed in a file of weights")

    def persistent_load(self, reference: Any) -> _Tensor:
        _, storage, key, _, count, *_ = reference
        self._storages.kinds[key] = _STORAGES[storage]
        return _Tensor(self._storages, key, count)


def _rebuild(
    storage: _Tensor, offset: int, shape: tuple[int, ...], stride: tuple[int, ...], *_: Any
) -> _Tensor:
    return replace(storage, offset=offset, shape=tuple(shape), stride=tuple(stride))
