"""Silero VAD in double precision, as its layers are defined: the measure of rounding."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

Array = np.ndarray


def exact_probabilities(weights: Mapping[str, Array], frames: Array) -> Array:
    """The probability of speech in each of the frames (frames, 576), which follow on silence."""
    double = {name: values.astype(np.float64) for name, values in weights.items()}
    heard = np.maximum(_lstm(double, _encoded(double, _magnitudes(double, frames))), 0)
    kernel, bias = double["decoder.conv1d.weight"], double["decoder.conv1d.bias"]
    return _sigmoid(heard @ kernel[0, :, 0] + bias[0])


def _magnitudes(weights: Mapping[str, Array], frames: Array) -> Array:
    """Shape (frames, 129 bins, 4 positions)."""
    basis = weights["encoder.feature_extractor.forward_basis_buffer"][:, 0]
    sound = np.pad(frames.astype(np.float64), ((0, 0), (0, 64)), mode="reflect")
    parts = np.stack([sound[:, at : at + 256] @ basis.T for at in range(0, 512, 128)], axis=2)
    bins = len(basis) // 2
    magnitudes: Array = np.hypot(parts[:, :bins], parts[:, bins:])
    return magnitudes


def _encoded(weights: Mapping[str, Array], values: Array) -> Array:
    for layer, stride in enumerate((1, 2, 2, 1)):
        name = f"encoder.conv_layers.{layer}"
        kernel, bias = weights[f"{name}.weight"], weights[f"{name}.bias"]
        padded = np.pad(values, ((0, 0), (0, 0), (1, 1)))
        positions = range(0, values.shape[2], stride)
        results = [
            np.tensordot(padded[:, :, at : at + 3], kernel, axes=((1, 2), (1, 2))) + bias
            for at in positions
        ]
        values = np.maximum(np.stack(results, axis=2), 0)
    return values[:, :, 0]


def _lstm(weights: Mapping[str, Array], values: Array) -> Array:
    """The outputs; gates in ONNX's order: input, output, forget, cell."""
    inputs, recurrent, biases = (weights[f"onnx::LSTM_{number}"][0] for number in (209, 210, 211))
    gates = values @ inputs.T + biases.reshape(2, -1).sum(axis=0)
    output = cell = np.zeros(recurrent.shape[1])
    outputs = []
    for gate in gates:
        into, out, forget, new = np.split(gate + recurrent @ output, 4)
        cell = _sigmoid(forget) * cell + _sigmoid(into) * np.tanh(new)
        output = _sigmoid(out) * np.tanh(cell)
        outputs.append(output)
    return np.array(outputs)


def _sigmoid(values: Array) -> Array:
    result: Array = 0.5 + 0.5 * np.tanh(values / 2)
    return result
