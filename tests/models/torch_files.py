"""Files as PyTorch saves dictionaries of tensors, written without it."""

from __future__ import annotations

import contextlib
import io
import pickle
import struct
import sys
import types
import zipfile
from collections import OrderedDict
from pathlib import Path

import numpy as np

from reelmill.models.faces.facenet_convert import SIZE

MAGIC, VERSION = 0x1950A86A20F9469CFC6C, 1001


class _Tensor:
    def __init__(self, key: str, array: np.ndarray) -> None:
        self.key, self.array = key, array

    def __reduce__(self):
        rebuild = sys.modules["torch._utils"]._rebuild_tensor_v2
        steps = [int(np.prod(self.array.shape[i + 1 :])) for i in range(self.array.ndim)]
        shape = self.array.shape
        return rebuild, (_Storage(self), 0, shape, tuple(steps), False, OrderedDict())


class _Storage:
    def __init__(self, tensor: _Tensor) -> None:
        self.tensor = tensor


class _Pickler(pickle.Pickler):
    old = False

    def persistent_id(self, obj):
        if not isinstance(obj, _Storage):
            return None
        kind, tensor = sys.modules["torch"].FloatStorage, obj.tensor
        facts = ("storage", kind, tensor.key, "cpu", tensor.array.size)
        return (*facts, None) if self.old else facts


@contextlib.contextmanager
def _as_if_torch_were_here():
    """Names that a pickle of PyTorch's mentions; they are not called."""
    torch, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")
    torch.FloatStorage = type("FloatStorage", (), {"__module__": "torch"})

    def _rebuild_tensor_v2(*_): ...

    _rebuild_tensor_v2.__module__ = "torch._utils"
    _rebuild_tensor_v2.__qualname__ = "_rebuild_tensor_v2"
    utils._rebuild_tensor_v2 = _rebuild_tensor_v2
    before = {name: sys.modules.get(name) for name in ("torch", "torch._utils")}
    sys.modules.update({"torch": torch, "torch._utils": utils})
    try:
        yield
    finally:
        for name, module in before.items():
            del sys.modules[name]
            if module is not None:
                sys.modules[name] = module


def _tensors(state: dict[str, np.ndarray]) -> OrderedDict:
    arrays = {name: np.asarray(array, np.float32) for name, array in state.items()}
    numbered = enumerate(arrays.items())
    return OrderedDict((name, _Tensor(str(n), array)) for n, (name, array) in numbered)


def save_zip(path: Path, state: dict[str, np.ndarray]) -> Path:
    """As PyTorch 1.6 and later."""
    tensors, data = _tensors(state), io.BytesIO()
    with _as_if_torch_were_here():
        _Pickler(data, protocol=2).dump(tensors)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("weights/data.pkl", data.getvalue())
        for tensor in tensors.values():
            archive.writestr(f"weights/data/{tensor.key}", tensor.array.tobytes())
    return path


def save_old(path: Path, state: dict[str, np.ndarray]) -> Path:
    """As PyTorch before 1.6, and so facenet-pytorch's weights."""
    tensors = _tensors(state)
    with path.open("wb") as file, _as_if_torch_were_here():
        for one in (MAGIC, VERSION, {"little_endian": True}):
            pickle.dump(one, file, protocol=2)
        pickler = _Pickler(file, protocol=2)
        pickler.old = True
        pickler.dump(tensors)
        pickle.dump([tensor.key for tensor in tensors.values()], file, protocol=2)
        for tensor in tensors.values():
            file.write(struct.pack("<q", tensor.array.size) + tensor.array.tobytes())
    return path


def small_facenet(seed: int = 3, thin: int = 16) -> dict[str, np.ndarray]:
    """Random weights for InceptionResnetV1 with a `thin`-th of its channels and two of each of
    its repeated blocks; 512 / thin numbers make an embedding."""
    random, state = np.random.default_rng(seed), {}

    def normalization(name: str, size: int) -> None:
        state[f"{name}.weight"] = random.uniform(0.8, 1.2, size)
        state[f"{name}.bias"] = random.normal(0, 0.2, size)
        state[f"{name}.running_mean"] = random.normal(0, 0.1, size)
        state[f"{name}.running_var"] = random.uniform(0.8, 1.2, size)
        state[f"{name}.num_batches_tracked"] = np.array(1.0)

    def layer(name: str, inputs: int, outputs: int, kernel: tuple[int, int]) -> int:
        shape = (outputs, inputs, *kernel)
        state[f"{name}.conv.weight"] = random.normal(0, (2 / np.prod(shape[1:])) ** 0.5, shape)
        normalization(f"{name}.bn", outputs)
        return outputs

    def branch(name: str, inputs: int, *layers: tuple[int, tuple[int, int]]) -> int:
        for number, (outputs, kernel) in enumerate(layers):
            own = name if len(layers) == 1 else f"{name}.{number}"
            inputs = layer(own, inputs, outputs // thin, kernel)
        return inputs

    def block(name: str, inputs: int, *branches: tuple[tuple[int, tuple[int, int]], ...]) -> None:
        ends = [branch(f"{name}.branch{n}", inputs, *one) for n, one in enumerate(branches)]
        shape = (inputs, sum(ends), 1, 1)
        state[f"{name}.conv2d.weight"] = random.normal(0, sum(ends) ** -0.5, shape)
        state[f"{name}.conv2d.bias"] = random.normal(0, 0.1, inputs)

    one, three = (1, 1), (3, 3)
    x = 3
    for name, size, kernel in (
        ("1a", 32, three), ("2a", 32, three), ("2b", 64, three), ("3b", 80, one),
        ("4a", 192, three), ("4b", 256, three),
    ):  # fmt: skip
        x = layer(f"conv2d_{name}", x, size // thin, kernel)
    for n in range(2):
        block(
            f"repeat_1.{n}", x, ((32, one),), ((32, one), (32, three)),
            ((32, one), (32, three), (32, three)),
        )  # fmt: skip
    ends = branch("mixed_6a.branch0", x, (384, three))
    ends += branch("mixed_6a.branch1", x, (192, one), (192, three), (256, three))
    x += ends
    for n in range(2):
        block(f"repeat_2.{n}", x, ((128, one),), ((128, one), (128, (1, 7)), (128, (7, 1))))
    ends = branch("mixed_7a.branch0", x, (256, one), (384, three))
    ends += branch("mixed_7a.branch1", x, (256, one), (256, three))
    ends += branch("mixed_7a.branch2", x, (256, one), (256, three), (256, three))
    x += ends
    for name in ("repeat_3.0", "repeat_3.1", "block8"):
        block(name, x, ((192, one),), ((192, one), (192, (1, 3)), (192, (3, 1))))
    state["last_linear.weight"] = random.normal(0, x**-0.5, (512 // thin, x))
    normalization("last_bn", 512 // thin)
    state["logits.weight"] = random.normal(0, 1, (4, 512 // thin))
    return {name: np.asarray(array, np.float32) for name, array in state.items()}


def noise(count: int, seed: int = 5) -> np.ndarray:
    """Coarse random pictures (count, 160, 160, 3)."""
    coarse = np.random.default_rng(seed).integers(0, 256, (count, 8, 8, 3), dtype=np.uint8)
    return coarse.repeat(SIZE // 8, axis=1).repeat(SIZE // 8, axis=2)
