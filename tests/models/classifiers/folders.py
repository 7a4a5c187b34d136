"""Classification models in folders as Optimum exports them, small enough to know what they say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Tokenizer, models, pre_tokenizers

from reelmill.models.runtimes.onnx_writer import Graph, Value

WORDS = {"[UNK]": 0, "pay": 1, "hello": 2}


def write_config(folder: Path, architecture: str, labels: list[str], **more: Any) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    names = {str(number): label for number, label in enumerate(labels)}
    config = {"architectures": [architecture], "id2label": names, **more}
    (folder / "config.json").write_text(json.dumps(config))


def sound_model(
    folder: Path, *, kind: str = "Wav2Vec2FeatureExtractor", normalizes: bool = False, **more: Any
) -> Path:
    """A model that says `loud` of sound whose mean square is over 0.01, otherwise `quiet`."""
    write_config(folder, "Wav2Vec2ForSequenceClassification", ["quiet", "loud"], **more)
    values = {"feature_extractor_type": kind, "sampling_rate": 16_000, "do_normalize": normalizes}
    (folder / "preprocessor_config.json").write_text(json.dumps(values))
    graph = Graph("sound")
    square = graph.add("Mul", ["input_values", "input_values"])
    mean = graph.add("ReduceMean", [square], axes=[1], keepdims=1)
    above = graph.add("Sub", [mean, graph.constant(np.array([[0.01]], np.float32))])
    weights = graph.constant(np.array([[-2000.0, 2000.0]], np.float32))
    graph.add_named("logits", "MatMul", [above, weights])
    graph.save(
        folder / "model.onnx",
        [Value("input_values", np.float32, ["batch", "samples"])],
        [Value("logits", np.float32, ["batch", 2])],
    )
    return folder


def text_model(folder: Path, **more: Any) -> Path:
    """A model that says `demand` of text with the word `pay`, `greeting` of text with `hello`."""
    write_config(folder, "BertForSequenceClassification", ["demand", "greeting"], **more)
    tokenizer = Tokenizer(models.WordLevel(WORDS, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.save(str(folder / "tokenizer.json"))
    graph = Graph("text")
    table = graph.constant(np.array([[0, 0], [9, -9], [-9, 9]], np.float32))
    rows = graph.add("Gather", [table, "input_ids"], axis=0)
    graph.add_named("logits", "ReduceMean", [rows], axes=[1], keepdims=0)
    graph.save(
        folder / "model.onnx",
        [Value("input_ids", np.int64, ["batch", "tokens"])],
        [Value("logits", np.float32, ["batch", 2])],
    )
    return folder
