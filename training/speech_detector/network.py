"""Silero VAD's layers as products of large matrices, written down as an ONNX graph.

The original's convolutions run over the four positions of one frame of sound: as convolutions
they are many tiny products, as below a few large ones over all frames of a block.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

Weights = Mapping[str, np.ndarray]

OPSET, IR_VERSION = 17, 8
#: A frame and its context, what mirroring its end adds, and what one Fourier transform sees.
FRAME, MIRRORED, WINDOW = 576, 64, 256
HALF, BINS, POSITIONS, STATE = WINDOW // 2, WINDOW // 2 + 1, 4, 128
#: Bins in the order in which the network computes them: those of even number, then the others.
ORDER = np.r_[0:BINS:2, 1:BINS:2]


def matrix_network(weights: Weights) -> onnx.ModelProto:
    """The network with the original's inputs and outputs and the weights of the original.

    Inputs: input (frames, 576), h and c (1, 1, 128). Outputs: speech_probs (frames,), hn, cn.
    """
    graph = _Graph()
    magnitudes = _magnitudes(graph)
    state = _encoded(graph, weights, magnitudes)
    _decoded(graph, weights, state)
    return graph.model(
        {"input": ["frames", FRAME], "h": [1, 1, STATE], "c": [1, 1, STATE]},
        {"speech_probs": ["frames"], "hn": [1, 1, STATE], "cn": [1, 1, STATE]},
    )


def fourier_basis() -> np.ndarray:
    """The transform that `_magnitudes` computes, as the original holds it: shape (258, 256).

    Cosines of the 129 bins, then sines, under a Hann window.
    """
    angles = 2 * np.pi * np.outer(np.arange(BINS), np.arange(WINDOW)) / WINDOW
    basis: np.ndarray = np.concatenate([np.cos(angles), -np.sin(angles)]) * _hann()
    return basis


def _hann() -> np.ndarray:
    return 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)


def _magnitudes(graph: _Graph) -> str:
    """Magnitudes of the bins, in `ORDER`, at the four positions of each frame: (frames, 516).

    One step of a fast Fourier transform: bins of even number see the sum of a window's halves,
    the others their difference, which is half of the arithmetic.
    """
    sound = graph.add("Pad", "input", _ints(0, 0, 0, MIRRORED), mode="reflect")
    halves = []
    for start, weights in ((0, _hann()[:HALF]), (HALF, _hann()[HALF:])):
        half = graph.columns(sound, start, start + POSITIONS * HALF)
        halves.append(graph.add("Mul", graph.add("Reshape", half, _ints(-1, HALF)), weights))
    powers = [
        _powers(graph, graph.add(how, *halves), np.arange(start, BINS, 2))
        for start, how in enumerate(("Add", "Sub"))
    ]
    magnitudes = graph.add("Sqrt", graph.add("Concat", *powers, axis=1))
    return graph.add("Reshape", magnitudes, _ints(-1, POSITIONS * BINS))


def _powers(graph: _Graph, sound: str, bins: np.ndarray) -> str:
    angles = 2 * np.pi * np.outer(np.arange(HALF), bins) / WINDOW
    parts = [graph.add("MatMul", sound, table(angles)) for table in (np.cos, np.sin)]
    return graph.add("Add", *(graph.add("Mul", part, part) for part in parts))


def _encoded(graph: _Graph, weights: Weights, magnitudes: str) -> str:
    """Four convolutions over the positions; the last leaves one. Shape (frames, 128)."""
    layers = [(weights[f"{at}.weight"], weights[f"{at}.bias"]) for at in _layer_names()]
    kernel, bias = layers[0]
    first = _over_positions(kernel[:, ORDER], POSITIONS, stride=1)
    # No result needs the position at the other end: two products of three quarters each.
    three = 3 * BINS
    near = graph.columns(magnitudes, 0, three)
    far = graph.columns(magnitudes, BINS, POSITIONS * BINS)
    near = graph.dense(near, _flat(first[:3, :, :2]), np.tile(bias, 2))
    far = graph.dense(far, _flat(first[1:, :, 2:]), np.tile(bias, 2))
    layer = graph.add("Concat", near, far, axis=1)
    for (kernel, bias), positions, stride in zip(layers[1:], (4, 2, 1), (2, 2, 1), strict=True):
        matrix = _over_positions(kernel, positions, stride)
        layer = graph.dense(layer, _flat(matrix), np.tile(bias, matrix.shape[2]))
    return layer


def _layer_names() -> list[str]:
    return [f"encoder.conv_layers.{layer}" for layer in range(4)]


def _over_positions(kernel: np.ndarray, positions: int, stride: int) -> np.ndarray:
    """A convolution of width 3, padded by 1, as (positions, inputs, positions after, outputs)."""
    outputs, inputs, width = kernel.shape
    after = -(-positions // stride)
    matrix = np.zeros((positions, inputs, after, outputs), np.float32)
    for result in range(after):
        for tap in range(width):
            position = result * stride + tap - 1
            if 0 <= position < positions:
                matrix[position, :, result] = kernel[:, :, tap].T
    return matrix


def _flat(matrix: np.ndarray) -> np.ndarray:
    positions, inputs, after, outputs = matrix.shape
    return matrix.reshape(positions * inputs, after * outputs)


def _decoded(graph: _Graph, weights: Weights, layer: str) -> None:
    """The LSTM over all frames as one sequence, and the probability of each."""
    sequence = graph.add("Unsqueeze", layer, _ints(1))
    tables = [graph.constant(weights[f"onnx::LSTM_{number}"]) for number in (209, 210, 211)]
    inputs = [sequence, *tables, "", "h", "c"]
    graph.place("LSTM", inputs, ["heard", "hn", "cn"], hidden_size=STATE)
    heard = graph.add("Reshape", graph.add("Relu", "heard"), _ints(-1, STATE))
    kernel, bias = weights["decoder.conv1d.weight"], weights["decoder.conv1d.bias"]
    logits = graph.add("Gemm", heard, kernel[0], bias)
    graph.place(
        "Reshape",
        [graph.add("Sigmoid", logits), graph.constant(_ints(-1))],
        ["speech_probs"],
    )


def _ints(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


class _Graph:
    """Nodes and constants as they come."""

    def __init__(self) -> None:
        self._nodes: list[Any] = []
        self._constants: list[Any] = []

    def constant(self, values: np.ndarray) -> str:
        """Numbers that are no integers are kept as float32."""
        name = f"constant_{len(self._constants)}"
        kept = values if values.dtype == np.int64 else values.astype(np.float32)
        self._constants.append(numpy_helper.from_array(np.ascontiguousarray(kept), name))
        return name

    def place(self, kind: str, inputs: list[str], outputs: list[str], **how: Any) -> None:
        self._nodes.append(helper.make_node(kind, inputs, outputs, **how))

    def add(self, kind: str, *inputs: str | np.ndarray, **how: Any) -> str:
        """A node with one output; arrays among its inputs become constants."""
        names = [one if isinstance(one, str) else self.constant(one) for one in inputs]
        output = f"{kind.lower()}_{len(self._nodes)}"
        self.place(kind, names, [output], **how)
        return output

    def columns(self, values: str, start: int, stop: int) -> str:
        return self.add("Slice", values, _ints(start), _ints(stop), _ints(1))

    def dense(self, values: str, matrix: np.ndarray, bias: np.ndarray) -> str:
        return self.add("Relu", self.add("Gemm", values, matrix, bias))

    def model(
        self, inputs: Mapping[str, list[str | int]], outputs: Mapping[str, list[str | int]]
    ) -> onnx.ModelProto:
        def infos(shapes: Mapping[str, list[str | int]]) -> list[Any]:
            return [
                helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
                for name, shape in shapes.items()
            ]

        graph = helper.make_graph(
            self._nodes, "speech-detector", infos(inputs), infos(outputs), self._constants
        )
        model = helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION
        )
        onnx.checker.check_model(model, full_check=True)
        return model
