"""Classifiers that ONNX Runtime computes, in a folder as Optimum exports it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from reelmill.core.arrays import Float32
from reelmill.core.json_text import parse_json
from reelmill.engine.stage import Device
from reelmill.errors import ModelUnavailableError
from reelmill.models.classifiers.files import labels_of, onnx_file, read_config
from reelmill.models.classifiers.spec import RATE, Classes, Task, classes_of
from reelmill.models.runtimes.onnx import open_network

_LONGEST = 512
#: The only preparation of sound that is done here: to mean 0 and variance 1, or none.
_PREPARATION = "Wav2Vec2FeatureExtractor"


class OnnxClassifier:
    """A graph with its labels and, for text, its tokenizer."""

    def __init__(self, path: str, task: Task, device: Device, threads: int) -> None:
        """Raises ModelUnavailableError when the folder has no whole model."""
        folder = Path(path)
        graph = onnx_file(folder)
        if graph is None:
            raise ModelUnavailableError(f"{folder}: the model.onnx is gone; copy the folder again")
        config = read_config(folder)
        self._labels = labels_of(config)
        self._several = config.get("problem_type") == "multi_label_classification"
        self._network = open_network(graph, device, threads)
        self._inputs = {one.name for one in self._network.get_inputs()}
        self._tokenizer: Any = _tokenizer(folder, config) if task == "text" else None
        self._normalizes = _normalizes(folder) if task == "audio" else False

    def classify(self, item: Float32 | str) -> Classes:
        """As `Classifier.classify`."""
        if isinstance(item, str):
            encoded = self._tokenizer.encode(item)
            given = {
                "input_ids": encoded.ids,
                "attention_mask": encoded.attention_mask,
                "token_type_ids": encoded.type_ids,
            }
            arrays = {name: np.array([ids], np.int64) for name, ids in given.items()}
            return self._run(arrays, is_cut=bool(encoded.overflowing))
        samples = np.asarray(item, np.float32)
        if self._normalizes:
            samples = (samples - samples.mean()) / np.sqrt(samples.var() + 1e-7)
        mask = np.ones((1, len(samples)), np.int64)
        return self._run({"input_values": samples[None], "attention_mask": mask}, is_cut=False)

    def _run(self, arrays: dict[str, Any], *, is_cut: bool) -> Classes:
        given = {name: array for name, array in arrays.items() if name in self._inputs}
        (logits, *_) = self._network.run(None, given)
        if np.size(logits) != len(self._labels):
            raise ModelUnavailableError(
                f"the graph gives {np.size(logits)} scores, the config.json names "
                f"{len(self._labels)} labels"
            )
        return classes_of(logits, self._labels, several=self._several, is_cut=is_cut)


def _tokenizer(folder: Path, config: dict[str, Any]) -> Any:
    from tokenizers import Tokenizer

    file = folder / "tokenizer.json"
    if not file.is_file():
        raise ModelUnavailableError(
            f"{folder}: contains no tokenizer.json; export it with the model"
        )
    tokenizer = Tokenizer.from_file(str(file))
    tokenizer.no_padding()
    tokenizer.enable_truncation(min(_LONGEST, int(config.get("max_position_embeddings", _LONGEST))))
    return tokenizer


def _normalizes(folder: Path) -> bool:
    """Whether the model wants sound of mean 0 and variance 1."""
    file = folder / "preprocessor_config.json"
    try:
        values = parse_json(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelUnavailableError(f"{file}: cannot be read ({error})") from error
    kind, rate = values.get("feature_extractor_type"), values.get("sampling_rate")
    if kind != _PREPARATION or rate != RATE:
        raise ModelUnavailableError(
            f"{file}: {kind} at {rate} Hz; with ONNX only {_PREPARATION} at {RATE} Hz can be used. "
            "Give the folder without model.onnx, for transformers"
        )
    return bool(values.get("do_normalize", True))
