"""Weights as the model hub keeps them, read with NumPy alone: no PyTorch for a conversion."""

from __future__ import annotations

import json
import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from reelmill.errors import ModelUnavailableError

Weights = dict[str, npt.NDArray[np.float32]]

#: Best first: a safetensors file holds nothing but numbers and is read without a copy.
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


def read_weights(folder: Path) -> Weights:
    """All tensors of `model.safetensors` or `pytorch_model.bin` in `folder`, as float32.

    Raises:
        ModelUnavailableError: there is neither, or the file is damaged or of an unknown form.
    """
    for name in WEIGHT_FILES:
        path = folder / name
        if path.is_file():
            read = _read_safetensors if name.endswith("safetensors") else _read_torch
            try:
                return read(path)
            except (OSError, ValueError, KeyError, zipfile.BadZipFile, pickle.PickleError) as error:
                raise ModelUnavailableError(
                    f"{path} cannot be read ({type(error).__name__}: {error}); "
                    "it may be half fetched: remove it and fetch the model again"
                ) from error
    raise ModelUnavailableError(f"{folder} has no weights: {' or '.join(WEIGHT_FILES)} is wanted")


def _read_safetensors(path: Path) -> Weights:
    """The format: length of a JSON header, the header, then the tensors' bytes."""
    data = np.memmap(path, dtype=np.uint8, mode="r")
    if len(data) < 8:
        raise ValueError("the file is too short")
    length = int(data[:8].view("<u8")[0])
    if length > len(data) - 8:
        raise ValueError("the header is cut off")
    header: dict[str, Any] = json.loads(bytes(data[8 : 8 + length]))
    tensors = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        begin, end = (8 + length + offset for offset in entry["data_offsets"])
        if end > len(data):
            raise ValueError(f"{name} is cut off")
        tensors[name] = _floats(bytes(data[begin:end]), _SAFETENSORS[entry["dtype"]]).reshape(
            entry["shape"]
        )
    return tensors


def _floats(data: bytes, kind: str) -> npt.NDArray[np.float32]:
    if kind == _BFLOAT16:  # the upper half of a float32
        wide = np.frombuffer(data, "<u2").astype(np.uint32) << 16
        return wide.view(np.float32)
    return np.frombuffer(data, kind).astype(np.float32)


def _read_torch(path: Path) -> Weights:
    """PyTorch's zip: a pickle of the dictionary and a file for the numbers of each storage."""
    with zipfile.ZipFile(path) as archive:
        pickled = next((one for one in archive.namelist() if one.endswith("/data.pkl")), None)
        if pickled is None:
            raise ValueError("not a PyTorch checkpoint")
        root = pickled.removesuffix("data.pkl")
        with archive.open(pickled) as file:
            loaded = _Unpickler(file, lambda key: archive.read(f"{root}data/{key}")).load()
    return {name: one for name, one in loaded.items() if isinstance(one, np.ndarray)}


class _Unpickler(pickle.Unpickler):
    """Makes arrays of tensors, and refuses whatever else a pickle might want to run."""

    def __init__(self, file: Any, numbers: Callable[[str], bytes]) -> None:
        super().__init__(file)
        self._numbers = numbers

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _rebuild
        if module == "torch" and name in _STORAGES:
            return name
        raise pickle.UnpicklingError(f"{module}.{name} has no place in a file of weights")

    def persistent_load(self, reference: Any) -> npt.NDArray[np.float32]:
        _, storage, key, _, count = reference
        numbers = _floats(self._numbers(key), _STORAGES[storage])
        if len(numbers) < count:
            raise ValueError(f"storage {key} is cut off")
        return numbers


def _rebuild(
    storage: npt.NDArray[np.float32],
    offset: int,
    shape: tuple[int, ...],
    stride: tuple[int, ...],
    *_: Any,
) -> npt.NDArray[np.float32]:
    strides = tuple(4 * step for step in stride)
    view = np.lib.stride_tricks.as_strided(storage[offset:], shape, strides, writeable=False)
    return np.ascontiguousarray(view)
