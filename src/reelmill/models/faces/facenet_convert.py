"""Convert facenet-pytorch's weights to an ONNX network, without PyTorch.

Inception-ResNet-v1: Szegedy et al., "Inception-v4, Inception-ResNet and the Impact of Residual
Connections on Learning", 2016 (arXiv:1602.07261), as David Sandberg's facenet and facenet-pytorch
(MIT) have it. Batch normalization and the scales of the residual blocks are folded into the
convolutions, the normalization of pictures (x - 127.5) / 128 into the first of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from reelmill.core.arrays import Float32
from reelmill.errors import ModelUnavailableError, reason
from reelmill.models.runtimes.checkpoint import Weights, read_weight_file
from reelmill.models.runtimes.onnx_writer import Graph, Value

#: Side of the picture of a face, pixels.
SIZE = 160
_EPSILON = 1e-3
_MIDDLE, _SPREAD = 127.5, 128.0
_SCALES = {"repeat_1": 0.17, "repeat_2": 0.10, "repeat_3": 0.20, "block8": 1.0}
_PICTURES, _EMBEDDINGS = "pictures", "embeddings"


def convert(source: Path, target: Path) -> None:
    """Write the InceptionResnetV1 whose state dict is in `source` to `target`.

    The network takes `pictures` (n, 160, 160, 3), uint8 RGB, and gives `embeddings`, (n, 512)
    float32 of unit length. `target` is written completely or not at all.

    Raises:
        ModelUnavailableError: the file is damaged, or is something else.
    """
    weights = read_weight_file(source)
    try:
        network = _Network(weights, Graph("InceptionResnetV1"))
        size = network.build()
    except (KeyError, ValueError) as error:
        raise ModelUnavailableError(
            f"{source}: not the weights of facenet-pytorch's InceptionResnetV1 "
            f"({reason(error)}); give 20180402-114759-vggface2.pt or a copy of it"
        ) from error
    network.graph.save(
        target,
        [Value(_PICTURES, np.uint8, ["n", SIZE, SIZE, 3])],
        [Value(_EMBEDDINGS, np.float32, ["n", size])],
    )


@dataclass
class _Network:
    """The graph being built: methods add layers to the end `x` and give the new end."""

    weights: Weights
    graph: Graph

    def build(self) -> int:
        """Build the whole graph; returns the size of an embedding."""
        x = self.graph.add("Cast", [_PICTURES], to=1)
        x = self.graph.add("Transpose", [x], perm=[0, 3, 1, 2])
        x = self._first(x, "conv2d_1a")
        x = self._convolve(x, "conv2d_2a")
        x = self._convolve(x, "conv2d_2b", padded=True)
        x = self._pool(x)
        x = self._convolve(x, "conv2d_3b")
        x = self._convolve(x, "conv2d_4a")
        x = self._convolve(x, "conv2d_4b", stride=2)
        x = self._repeated(x, "repeat_1")
        x = self._reduction(x, "mixed_6a")
        x = self._repeated(x, "repeat_2")
        x = self._reduction(x, "mixed_7a")
        x = self._repeated(x, "repeat_3")
        x = self._block(x, "block8", _SCALES["block8"], active=False)
        return self._embedding(x)

    def _embedding(self, x: str) -> int:
        add, constant = self.graph.add, self.graph.constant
        x = add("Flatten", [add("GlobalAveragePool", [x])], axis=1)
        factor, shift = self._normalization("last_bn")
        matrix = self.weights["last_linear.weight"] * factor[:, None]
        x = add("Gemm", [x, constant(matrix), constant(shift)], transB=1)
        length = add("ReduceL2", [x], axes=[1], keepdims=1)
        length = add("Max", [length, constant(np.array(1e-12, np.float32))])
        self.graph.add_named(_EMBEDDINGS, "Div", [x, length])
        return len(matrix)

    def _repeated(self, x: str, name: str) -> str:
        count = 0
        while f"{name}.{count}.conv2d.weight" in self.weights:
            x = self._block(x, f"{name}.{count}", _SCALES[name])
            count += 1
        if not count:
            raise KeyError(f"{name}.0.conv2d.weight")
        return x

    def _block(self, x: str, name: str, scale: float, *, active: bool = True) -> str:
        """The output of the branches added to `x`."""
        ends = [self._branch(x, branch) for branch in self._branches(name)]
        joined = self.graph.add("Concat", ends, axis=1)
        weight = self.weights[f"{name}.conv2d.weight"] * np.float32(scale)
        bias = self.weights[f"{name}.conv2d.bias"] * np.float32(scale)
        x = self.graph.add("Add", [self._conv(joined, weight, bias), x])
        return self.graph.add("Relu", [x]) if active else x

    def _reduction(self, x: str, name: str) -> str:
        """Branches and a pool that halve the picture."""
        ends = [self._branch(x, branch, halves=True) for branch in self._branches(name)]
        return self.graph.add("Concat", [*ends, self._pool(x)], axis=1)

    def _branches(self, name: str) -> list[str]:
        parts = {
            key[len(name) + 1 :].split(".")[0] for key in self.weights if key.startswith(f"{name}.")
        }
        return [f"{name}.{part}" for part in sorted(parts) if part.startswith("branch")]

    def _branch(self, x: str, name: str, *, halves: bool = False) -> str:
        """A sequence of convolutions; if the branch halves the picture, the last one does."""
        if f"{name}.conv.weight" in self.weights:
            return self._convolve(x, name, stride=2 if halves else 1, padded=not halves)
        count = sum(1 for key in self.weights if _is_step(key, name))
        for number in range(count):
            last = halves and number == count - 1
            stride = 2 if last else 1
            x = self._convolve(x, f"{name}.{number}", stride=stride, padded=not last)
        return x

    def _convolve(self, x: str, name: str, *, stride: int = 1, padded: bool = False) -> str:
        weight, bias = self._folded(name)
        return self.graph.add("Relu", [self._conv(x, weight, bias, stride, padded)])

    def _first(self, x: str, name: str) -> str:
        weight, bias = self._folded(name)
        middle = weight.sum(axis=(1, 2, 3)) * np.float32(_MIDDLE / _SPREAD)
        scaled = weight * np.float32(1 / _SPREAD)
        return self.graph.add("Relu", [self._conv(x, scaled, bias - middle, 2)])

    def _folded(self, name: str) -> tuple[Float32, Float32]:
        factor, shift = self._normalization(f"{name}.bn")
        return self.weights[f"{name}.conv.weight"] * factor[:, None, None, None], shift

    def _normalization(self, name: str) -> tuple[Float32, Float32]:
        """Batch normalization as a factor and a shift."""
        parts = ("weight", "bias", "running_mean", "running_var")
        gain, bias, mean, variance = (self.weights[f"{name}.{part}"] for part in parts)
        factor = gain / np.sqrt(variance + np.float32(_EPSILON))
        return factor, bias - mean * factor

    def _conv(
        self, x: str, weight: Float32, bias: Float32, stride: int = 1, padded: bool = False
    ) -> str:
        kernel: Sequence[int] = weight.shape[2:]
        pads = [side // 2 if padded else 0 for side in kernel] * 2
        inputs = [x, self.graph.constant(weight), self.graph.constant(bias)]
        strides = [stride, stride]
        return self.graph.add("Conv", inputs, kernel_shape=kernel, strides=strides, pads=pads)

    def _pool(self, x: str) -> str:
        return self.graph.add("MaxPool", [x], kernel_shape=[3, 3], strides=[2, 2])


def _is_step(key: str, branch: str) -> bool:
    """Whether a key is the weight of one of a branch's numbered convolutions."""
    head, _, rest = key.removeprefix(f"{branch}.").partition(".")
    return key.startswith(f"{branch}.") and head.isdigit() and rest == "conv.weight"
