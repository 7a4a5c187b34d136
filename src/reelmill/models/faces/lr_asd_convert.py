"""Convert LR-ASD's weights to an ONNX network, without PyTorch.

Liao et al., "LR-ASD: Lightweight and Robust Network for Active Speaker Detection", IJCV 133, 2025
(weights: MIT). Convolutions over space and time are computed as two-dimensional ones, over space
frame by frame and over time place by place; batch normalizations are folded into the layers before
them, the normalization of pictures into the first.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from reelmill.core.arrays import Float32
from reelmill.errors import ModelUnavailableError, reason
from reelmill.models.runtimes.checkpoint import Weights, read_weight_file
from reelmill.models.runtimes.onnx_writer import Graph, Value

#: Side of the picture of a face, pixels; coefficients of a sound frame, and such frames a picture.
SIDE, COEFFICIENTS, SOUND_FRAMES = 112, 13, 4
_EPSILON = 1e-3
_MIDDLE, _SPREAD = 0.4161 * 255, 0.1688 * 255
_FACES, _SOUND, _SCORES, _PROBABILITIES = "faces", "sound", "scores", "probabilities"
_END = np.iinfo(np.int64).min + 1


def convert(source: Path, target: Path) -> None:
    """Write the LR-ASD whose state dict is in `source` to `target`.

    The network takes `sound` (n, 4 t, 13), float32 cepstral coefficients of 25 ms every 10 ms, and
    `faces` (n, t, 112, 112), uint8 grey, 25 a second. It gives `scores` (n, t), positive for who
    speaks, as the original does, and `probabilities` (n, t). `target` is written completely or not
    at all.

    Raises:
        ModelUnavailableError: the file is damaged, or is something else.
    """
    weights = read_weight_file(source)
    try:
        graph = _Network(weights, Graph("LR-ASD")).build()
    except (KeyError, ValueError) as error:
        raise ModelUnavailableError(
            f"{source}: not the weights of LR-ASD ({reason(error)}); give "
            "finetuning_TalkSet.model of its repository or a copy of it"
        ) from error
    graph.save(
        target,
        [
            Value(_SOUND, np.float32, ["n", "sound_frames", COEFFICIENTS]),
            Value(_FACES, np.uint8, ["n", "t", SIDE, SIDE]),
        ],
        [
            Value(_SCORES, np.float32, ["n", "t"]),
            Value(_PROBABILITIES, np.float32, ["n", "t"]),
        ],
    )


@dataclass
class _Network:
    """The graph being built: methods add layers to the end `x` and give the new end."""

    weights: Weights
    graph: Graph

    def build(self) -> Graph:
        add = self.graph.add
        x = add("Concat", [self._sound(), self._faces()], axis=2)
        x = self._attended(x, "model.fusion")
        x = add("Transpose", [x], perm=[1, 0, 2])
        later = self._reversed(self._recurrent(self._reversed(x), "model.detector.gru_backward"))
        x = add("Concat", [self._recurrent(x, "model.detector.gru_forward"), later], axis=2)
        x = self._attended(x, "model.detector.attention")
        x = self._linear(x, self.weights["lossAV.FC.weight"], self.weights["lossAV.FC.bias"])
        x = add("Transpose", [x], perm=[2, 1, 0])
        silent, speaks = (self._one(x, number) for number in (0, 1))
        self.graph.add_named(_SCORES, "Identity", [speaks])
        self.graph.add_named(_PROBABILITIES, "Sigmoid", [add("Sub", [speaks, silent])])
        return self.graph

    def _faces(self) -> str:
        """(n, t, 128) of `faces`."""
        add = self.graph.add
        shape = add("Shape", [_FACES])
        frames = add("Slice", [shape, self._ints(0), self._ints(2)])
        x = add("Cast", [_FACES], to=1)
        x = add("Reshape", [x, self._ints(-1, 1, SIDE, SIDE)])
        side = SIDE
        for number in (1, 2, 3):
            block = f"model.visualEncoder.block{number}"
            stride = 2 if number == 1 else 1
            side //= stride
            x = self._normalized_conv(x, f"{block}.s_1", f"{block}.s_norm_1", stride, number == 1)
            x = self._normalized_conv(x, f"{block}.s_2", f"{block}.s_norm_2")
            channels = len(self.weights[f"{block}.s_2.weight"])
            size = add("Concat", [frames, self._ints(channels, side * side)], axis=0)
            x = add("Transpose", [add("Reshape", [x, size])], perm=[0, 2, 1, 3])
            x = self._normalized_conv(x, f"{block}.t_1", f"{block}.t_norm_1")
            x = self._normalized_conv(x, f"{block}.t_2", f"{block}.t_norm_2")
            x = add("Transpose", [x], perm=[0, 2, 1, 3])
            if number < 3:
                x = add("Reshape", [x, self._ints(-1, channels, side, side)])
                kernel = {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1]}
                x = add("MaxPool", [x], **kernel)
                side = (side - 1) // 2 + 1
        return add("ReduceMax", [x], axes=[3], keepdims=0)

    def _sound(self) -> str:
        """(n, t, 128) of `sound`."""
        add = self.graph.add
        x = add("Transpose", [_SOUND], perm=[0, 2, 1])
        x = add("Unsqueeze", [x, self._ints(1)])
        for number in (1, 2, 3):
            block = f"model.audioEncoder.block{number}"
            for layer in ("m_1", "m_2", "t_1", "t_2"):
                norm = layer.replace("_", "_norm_")
                x = self._normalized_conv(x, f"{block}.{layer}", f"{block}.{norm}")
            if number < 3:
                kernel = {"kernel_shape": [1, 3], "strides": [1, 2], "pads": [0, 1, 0, 1]}
                x = add("MaxPool", [x], **kernel)
        x = add("ReduceMean", [x], axes=[2], keepdims=0)
        return add("Transpose", [x], perm=[0, 2, 1])

    def _normalized_conv(
        self, x: str, name: str, norm: str, stride: int = 1, pictures: bool = False
    ) -> str:
        """A convolution padded to keep its size, normalization and ReLU. Kernels of three
        dimensions have one of length 1, which is left out."""
        weight = self.weights[f"{name}.weight"]
        if weight.ndim == 5:
            time = weight.shape[2] > 1
            weight = weight[:, :, :, :, 0] if time else weight[:, :, 0]
        factor, shift = self._normalization(norm)
        weight = weight * factor[:, None, None, None]
        rows, columns = (side // 2 for side in weight.shape[2:])
        pads = [rows, columns, rows, columns]
        if pictures:
            # zeros around the normalized picture are _MIDDLE around the given one
            x = self.graph.add(
                "Pad", [x, self._ints(0, 0, *pads[:2], 0, 0, *pads[2:]), self._middle()]
            )
            pads = [0, 0, 0, 0]
            weight = weight / np.float32(_SPREAD)
            shift = shift - weight.sum(axis=(1, 2, 3)) * np.float32(_MIDDLE)
        inputs = [x, self.graph.constant(weight), self.graph.constant(shift)]
        x = self.graph.add(
            "Conv", inputs, kernel_shape=weight.shape[2:], strides=[stride, stride], pads=pads
        )
        return self.graph.add("Relu", [x])

    def _middle(self) -> str:
        return self.graph.constant(np.array(_MIDDLE, np.float32))

    def _normalization(self, name: str) -> tuple[Float32, Float32]:
        """Batch normalization as a factor and a shift."""
        parts = ("weight", "bias", "running_mean", "running_var")
        gain, bias, mean, variance = (self.weights[f"{name}.{part}"] for part in parts)
        factor = gain / np.sqrt(variance + np.float32(_EPSILON))
        return factor, bias - mean * factor

    def _attended(self, x: str, name: str) -> str:
        """Each number multiplied by a weight between 0 and 1 computed from all numbers of its
        moment."""
        factor, shift = self._normalization(f"{name}.bn")
        weight = self.weights[f"{name}.attention.weight"][:, :, 0] * factor[:, None]
        return self.graph.add(
            "Mul", [x, self.graph.add("Sigmoid", [self._linear(x, weight, shift)])]
        )

    def _linear(self, x: str, weight: Float32, bias: Float32) -> str:
        """`weight` (out, in), as PyTorch has it."""
        product = self.graph.add("MatMul", [x, self.graph.constant(np.ascontiguousarray(weight.T))])
        return self.graph.add("Add", [product, self.graph.constant(bias)])

    def _recurrent(self, x: str, name: str) -> str:
        """A GRU over (t, n, d). PyTorch orders its gates reset, update, new; ONNX update, reset."""
        parts = [self.weights[f"{name}.{part}_l0"] for part in ("weight_ih", "weight_hh")]
        biases = [self.weights[f"{name}.{part}_l0"] for part in ("bias_ih", "bias_hh")]
        size = parts[1].shape[1]
        order = np.concatenate(
            [np.arange(size, 2 * size), np.arange(size), np.arange(2 * size, 3 * size)]
        )
        inputs = [x, *(self.graph.constant(part[order][None]) for part in parts)]
        inputs.append(self.graph.constant(np.concatenate([b[order] for b in biases])[None]))
        y = self.graph.add("GRU", inputs, hidden_size=size, linear_before_reset=1)
        return self.graph.add("Squeeze", [y, self._ints(1)])

    def _reversed(self, x: str) -> str:
        """The tensor with its first axis reversed."""
        cut = [self._ints(-1), self._ints(_END), self._ints(0), self._ints(-1)]
        return self.graph.add("Slice", [x, *cut])

    def _one(self, x: str, number: int) -> str:
        """Row `number` of the first axis."""
        row = self.graph.add(
            "Slice", [x, self._ints(number), self._ints(number + 1), self._ints(0)]
        )
        return self.graph.add("Squeeze", [row, self._ints(0)])

    def _ints(self, *values: int) -> str:
        return self.graph.constant(np.array(values, np.int64))
