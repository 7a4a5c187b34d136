"""Make the speaker networks for the CPU, with 8 bits, from the exported ones.

    PYTHONPATH=.:src python training/speakers/quantize.py src/reelmill/assets/models VOICES

`VOICES` are recordings as `benchmarks.real.conversations` takes them. The ranges of the encoder's
activations are measured on conversations of the `tune` half of these people. Its convolutions are
computed with 8 bits, weights with a scale for each channel, but for the first and the last layer
and those of the contexts, which hardly cost anything. The weights of the segmentation's LSTM get 8
bits, and so do the values that are multiplied with them, with scales found while it runs. Fails
when the results are too far from those of the networks they are made from.

Needs `onnx onnxruntime soundfile scipy`, and Reelmill itself for its features.
"""

from __future__ import annotations

import argparse
import hashlib
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnxruntime.quantization import (
    CalibrationDataReader,
    QuantFormat,
    QuantType,
    quantize_dynamic,
    quantize_static,
)

from benchmarks.real.conversations import make_conversation, plan_conversations, resampled
from reelmill.models.speakers.features import kaldi_filter_banks

RATE = 16_000
#: Pieces of speech that ranges are measured on, and others to compare the networks on; in a batch.
MEASURED, COMPARED, TOGETHER = 200, 200, 8
PIECE_FRAMES, WINDOW = 200, 10 * RATE
#: The least cosine of embeddings, on average; the greatest share of frames that become speech or
#: stop being speech.
LEAST_COSINE, MOST_CHANGED = 0.98, 0.005
#: Shapes of weights that keep 32 bits, as (outputs, inputs, ...): the contexts' of the encoder.
_CONTEXTS = ([64, 128, 1], [32, 64, 1])

Batch = dict[str, np.ndarray]
#: Samples, and when somebody speaks in them, in seconds.
Sound = tuple[np.ndarray, list[tuple[float, float]]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="holds a folder for each network")
    parser.add_argument("voices", type=Path, help="recordings of single people")
    options = parser.parse_args()
    sounds = list(_conversations(options.voices))
    with tempfile.TemporaryDirectory() as work:
        encoder(options.folder / "speaker-encoder", _pieces(sounds), Path(work))
    segmentation(options.folder / "speaker-segmentation", _windows(sounds))


def encoder(folder: Path, pieces: np.ndarray, work: Path) -> None:
    source, target = folder / "model.onnx", folder / "model.cpu.onnx"
    wide, marked = work / "wide.onnx", work / "marked.onnx"
    _optimized(source, wide, onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC)
    quantize_static(
        wide,
        marked,
        Pieces(pieces[:MEASURED]),
        quant_format=QuantFormat.QDQ,
        op_types_to_quantize=["Conv"],
        nodes_to_exclude=_kept(onnx.load(wide)),
        per_channel=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
    )
    _optimized(marked, target, onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED)
    _tidy(target)
    one, other = (_embeddings(path, pieces[-COMPARED:]) for path in (source, target))
    cosines = (one * other).sum(axis=1)
    print(f"{target}: cosine to 32 bits {cosines.mean():.4f}, at least {cosines.min():.4f}")
    _said(target)
    assert cosines.mean() > LEAST_COSINE, "the embeddings are too far from those of 32 bits"


def segmentation(folder: Path, windows: np.ndarray) -> None:
    source, target = folder / "model.onnx", folder / "model.cpu.onnx"
    quantize_dynamic(
        source,
        target,
        op_types_to_quantize=["LSTM"],
        per_channel=True,
        weight_type=QuantType.QInt8,
    )
    one, other = (1 - np.exp(_outputs(path, windows, 4))[..., 0] for path in (source, target))
    changed = ((one > 0.5) != (other > 0.5)).mean()
    print(
        f"{target}: probabilities of speech differ by {np.abs(one - other).mean():.4f} on average "
        f"from 32 bits; {100 * changed:.2f} % of frames change sides"
    )
    _said(target)
    assert changed < MOST_CHANGED, "the activity is too far from that of 32 bits"


class Pieces(CalibrationDataReader):
    """Pieces of speech in batches, as the quantizer takes them."""

    def __init__(self, pieces: np.ndarray) -> None:
        batches = np.split(pieces, len(pieces) // TOGETHER)
        self._left: Iterator[Batch] = iter([{"features": batch} for batch in batches])

    def get_next(self) -> Batch | None:
        return next(self._left, None)


def _kept(model: onnx.ModelProto) -> list[str]:
    """The convolutions that keep 32 bits."""
    shapes = {tensor.name: list(tensor.dims) for tensor in model.graph.initializer}
    convolutions = [node for node in model.graph.node if node.op_type == "Conv"]
    ends = {convolutions[0].name, convolutions[-1].name}
    return [
        node.name
        for node in convolutions
        if node.name in ends or shapes[node.input[1]] in _CONTEXTS
    ]


def _optimized(source: Path, target: Path, level: Any) -> None:
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = level
    options.optimized_model_filepath = str(target)
    options.log_severity_level = 3
    onnxruntime.InferenceSession(str(source), options, providers=["CPUExecutionProvider"])


def _tidy(path: Path) -> None:
    """Name only the operator sets that are used: an older ONNX Runtime may not know the others."""
    model = onnx.load(path)
    used = {node.domain for node in model.graph.node}
    sets = [one for one in model.opset_import if one.domain in used]
    del model.opset_import[:]
    model.opset_import.extend(sets)
    onnx.save(model, path)


def _conversations(voices: Path) -> Iterator[Sound]:
    """Sounds of 16 kHz, and when somebody speaks in them."""
    for plan in plan_conversations(voices, "tune", dialogues=40, meetings=20):
        sound, rate, turns = make_conversation(voices, plan)
        mixed = np.clip(resampled(sound, rate, RATE), -1, 1).astype(np.float32)
        yield mixed, [(turn.start, turn.end) for turn in turns]


def _pieces(sounds: list[Sound]) -> np.ndarray:
    """Features of stretches of speech of 0.6 to 2 s, in random order."""
    rng = np.random.default_rng(5)
    found = []
    for sound, turns in sounds:
        for at in rng.permutation(len(turns))[:10]:
            start = int(turns[at][0] * RATE)
            end = min(int(turns[at][1] * RATE), start + int(RATE * rng.uniform(0.6, 2)))
            if end - start > RATE // 4:
                features = kaldi_filter_banks(sound[start:end])
                found.append(features[np.arange(PIECE_FRAMES) % len(features)])
    return np.array(found, np.float32)[rng.permutation(len(found))]


def _windows(sounds: list[Sound]) -> np.ndarray:
    """The first two windows of each sound, shape (windows, 1, samples)."""
    found = [sound[at : at + WINDOW] for sound, _ in sounds for at in (0, WINDOW)]
    return np.stack([window for window in found if len(window) == WINDOW])[:, None]


def _embeddings(path: Path, pieces: np.ndarray) -> np.ndarray:
    found = _outputs(path, pieces, TOGETHER)
    return found / np.linalg.norm(found, axis=1, keepdims=True)


def _outputs(path: Path, given: np.ndarray, together: int) -> np.ndarray:
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    batches = [given[at : at + together] for at in range(0, len(given), together)]
    return np.concatenate([session.run(None, {name: batch})[0] for batch in batches])


def _said(path: Path) -> None:
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    print(f"  {path.name}: {path.stat().st_size / 1e6:.1f} MB, sha256 {digest}")


if __name__ == "__main__":
    main()
