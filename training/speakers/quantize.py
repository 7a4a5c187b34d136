"""Make the speaker encoder for the CPU, with 8 bits, from the exported one.

    PYTHONPATH=.:src python training/speakers/quantize.py src/reelmill/assets/models VOICES

`VOICES` are recordings as `benchmarks.real.conversations` takes them. The ranges of the encoder's
activations are measured on conversations of the `tune` half of these people. Its convolutions are
computed with 8 bits, weights with a scale for each channel, but for the first and the last layer
and those of the contexts, which hardly cost anything. Fails when the embeddings are too far from
those of the network it is made from.

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
    quantize_static,
)

from benchmarks.real.conversations import make_conversation, plan_conversations, resampled
from reelmill.models.speakers.features import kaldi_filter_banks

RATE = 16_000
#: Pieces of speech that ranges are measured on, and others to compare the networks on; in a batch.
MEASURED, COMPARED, TOGETHER = 200, 200, 8
PIECE_FRAMES = 200
#: The least cosine of embeddings, on average.
LEAST_COSINE = 0.98
#: Shapes of weights that keep 32 bits, as (outputs, inputs, ...): the contexts' of the encoder.
_CONTEXTS = ([64, 128, 1], [32, 64, 1])

Batch = dict[str, np.ndarray]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="holds a folder for each network")
    parser.add_argument("voices", type=Path, help="recordings of single people")
    options = parser.parse_args()
    pieces = _pieces(_conversations(options.voices))
    with tempfile.TemporaryDirectory() as work:
        encoder(options.folder / "speaker-encoder", pieces, Path(work))


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


def _conversations(voices: Path) -> Iterator[tuple[np.ndarray, list[tuple[float, float]]]]:
    """Sounds of 16 kHz, and when somebody speaks in them."""
    for plan in plan_conversations(voices, "tune", dialogues=40, meetings=20):
        sound, rate, turns = make_conversation(voices, plan)
        mixed = np.clip(resampled(sound, rate, RATE), -1, 1).astype(np.float32)
        yield mixed, [(turn.start, turn.end) for turn in turns]


def _pieces(sounds: Iterator[tuple[np.ndarray, list[tuple[float, float]]]]) -> np.ndarray:
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
