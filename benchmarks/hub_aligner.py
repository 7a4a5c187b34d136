"""The demo aligner in the form of the model hub, for peers that load it with transformers, and
without Latin letters.

    python -m benchmarks.hub_aligner FOLDER

Weights have the 8-bit rounding of the shipped file.
"""

from __future__ import annotations

import json
import re
import shutil
import struct
import sys
from importlib import resources
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

Weights = dict[str, npt.NDArray[np.float32]]

SHIPPED = Path(str(resources.files("reelmill") / "assets" / "models" / "demo-aligner"))
# CTranslate2's type ids, as in its model_spec.py.
_TYPES = (np.float32, np.int8, np.int16, np.int32, np.float16)
_STRIDES = [5, 2, 2, 2, 2, 2, 2]
_HEADS = 4
_PROCESSOR = {
    "preprocessor_config.json": {
        "feature_extractor_type": "Wav2Vec2FeatureExtractor",
        "do_normalize": True,
        "feature_size": 1,
        "padding_value": 0.0,
        "sampling_rate": 16_000,
    },
    "tokenizer_config.json": {
        "tokenizer_class": "Wav2Vec2CTCTokenizer",
        "pad_token": "<pad>",
        "bos_token": "<s>",
        "eos_token": "</s>",
        "unk_token": "<unk>",
        "word_delimiter_token": "|",
    },
}


def without_latin(folder: Path) -> Path:
    """The demo aligner in a new folder without Latin letters, as most Korean aligners are."""
    shutil.copytree(SHIPPED, folder)
    vocabulary = json.loads((folder / "vocab.json").read_text(encoding="utf-8"))
    known = {
        token: number for token, number in vocabulary.items() if not re.fullmatch("[A-Za-z]", token)
    }
    (folder / "vocab.json").write_text(json.dumps(known), encoding="utf-8")
    return folder


def write_hub_aligner(folder: Path, level: float = 1.0, shipped: Path = SHIPPED) -> Path:
    """Write the demo aligner to `folder` as transformers' `save_pretrained` would.

    `level`: of the sound it will be given, as a standard deviation. The aligner was trained on
    sound of level 1, to which WhisperX does not bring it, whatever a model's folder says.
    """
    folder.mkdir(parents=True, exist_ok=True)
    stored = _dequantized(shipped / "model.bin")
    weights = _hub_names(stored)
    weights["wav2vec2.feature_extractor.conv_layers.0.conv.weight"] /= level
    vocabulary = json.loads((shipped / "vocab.json").read_text("utf-8"))
    files: dict[str, Any] = {
        "config.json": _config(weights, len(vocabulary), vocabulary["<pad>"]),
        "vocab.json": vocabulary,
        **_PROCESSOR,
    }
    for name, content in files.items():
        text = json.dumps(content, ensure_ascii=False, indent=1)
        (folder / name).write_text(text + "\n", encoding="utf-8")
    _write_safetensors(folder / "model.safetensors", weights)
    return folder


def _config(weights: Weights, letters: int, pad: int) -> dict[str, Any]:
    convolutions = [
        weights[f"wav2vec2.feature_extractor.conv_layers.{number}.conv.weight"].shape
        for number in range(len(_STRIDES))
    ]
    layers = {name.split(".")[3] for name in weights if ".encoder.layers." in name}
    inner, width = weights["wav2vec2.encoder.layers.0.feed_forward.intermediate_dense.weight"].shape
    return {
        "architectures": ["Wav2Vec2ForCTC"],
        "model_type": "wav2vec2",
        "vocab_size": letters,
        "hidden_size": width,
        "num_hidden_layers": len(layers),
        "num_attention_heads": _HEADS,
        "intermediate_size": inner,
        "conv_dim": [shape[0] for shape in convolutions],
        "conv_kernel": [shape[2] for shape in convolutions],
        "conv_stride": _STRIDES,
        "num_feat_extract_layers": len(convolutions),
        "feat_extract_norm": "layer",
        "conv_bias": True,
        "do_stable_layer_norm": True,
        "num_conv_pos_embeddings": 128,
        "num_conv_pos_embedding_groups": 16,
        "pad_token_id": pad,
    }


def _hub_names(stored: Weights) -> Weights:
    """CTranslate2's variables under the names of transformers' Wav2Vec2ForCTC."""
    weights: Weights = {}
    for number in range(len(_STRIDES)):
        ours = "feat_layer0" if number == 0 else f"feat_layer_{number - 1}"
        theirs = f"wav2vec2.feature_extractor.conv_layers.{number}"
        _copy(weights, f"{theirs}.conv", stored, f"encoder/{ours}/conv")
        _norm(weights, f"{theirs}.layer_norm", stored, f"encoder/{ours}/layer_norm")
    projection = "wav2vec2.feature_projection"
    _norm(weights, f"{projection}.layer_norm", stored, "encoder/fp_layer_norm")
    _copy(weights, f"{projection}.projection", stored, "encoder/fp_projection")
    _position(weights, stored)
    _norm(weights, "wav2vec2.encoder.layer_norm", stored, "encoder/layer_norm")
    _copy(weights, "lm_head", stored, "encoder/lm_head")
    number = 0
    while f"encoder/layer_{number}/ffn/linear_0/weight" in stored:
        _layer(weights, f"wav2vec2.encoder.layers.{number}", stored, f"encoder/layer_{number}")
        number += 1
    return weights


def _layer(weights: Weights, theirs: str, stored: Weights, ours: str) -> None:
    for kind in ("weight", "bias"):
        fused = np.split(stored[f"{ours}/self_attention/linear_0/{kind}"], 3)
        for part, piece in zip(("q", "k", "v"), fused, strict=True):
            weights[f"{theirs}.attention.{part}_proj.{kind}"] = piece
    _copy(weights, f"{theirs}.attention.out_proj", stored, f"{ours}/self_attention/linear_1")
    _norm(weights, f"{theirs}.layer_norm", stored, f"{ours}/self_attention/layer_norm")
    _copy(weights, f"{theirs}.feed_forward.intermediate_dense", stored, f"{ours}/ffn/linear_0")
    _copy(weights, f"{theirs}.feed_forward.output_dense", stored, f"{ours}/ffn/linear_1")
    _norm(weights, f"{theirs}.final_layer_norm", stored, f"{ours}/ffn/layer_norm")


def _position(weights: Weights, stored: Weights) -> None:
    """The library keeps direction and length (Salimans and Kingma 2016, weight norm)."""
    theirs, ours = "wav2vec2.encoder.pos_conv_embed.conv", "encoder/pos_conv_embed/conv"
    kernel = stored[f"{ours}/weight"]
    length = np.sqrt(np.sum(kernel**2, axis=(0, 1), keepdims=True))
    weights[f"{theirs}.parametrizations.weight.original0"] = length
    weights[f"{theirs}.parametrizations.weight.original1"] = kernel
    weights[f"{theirs}.bias"] = stored[f"{ours}/bias"]


def _copy(weights: Weights, theirs: str, stored: Weights, ours: str) -> None:
    weights[f"{theirs}.weight"] = stored[f"{ours}/weight"]
    weights[f"{theirs}.bias"] = stored[f"{ours}/bias"]


def _norm(weights: Weights, theirs: str, stored: Weights, ours: str) -> None:
    weights[f"{theirs}.weight"] = stored[f"{ours}/gamma"]
    weights[f"{theirs}.bias"] = stored[f"{ours}/beta"]


def _dequantized(path: Path) -> Weights:
    """The variables of a model.bin, as they were before each row was divided by its scale."""
    stored = _variables(path)
    weights: Weights = {}
    for name, value in stored.items():
        if name.endswith("_scale"):
            continue
        weights[name] = value.astype(np.float32)
        if (scale := stored.get(f"{name}_scale")) is not None:
            rows = scale.astype(np.float32).reshape(-1, *[1] * (value.ndim - 1))
            weights[name] = weights[name] / rows
    return weights


def _variables(path: Path) -> dict[str, npt.NDArray[Any]]:
    """The format is that of `ModelSpec._serialize` in CTranslate2's converter."""
    variables: dict[str, npt.NDArray[Any]] = {}
    with path.open("rb") as file:
        file.read(4)
        _string(file)
        _, count = struct.unpack("II", file.read(8))
        for _ in range(count):
            name = _string(file)
            (rank,) = struct.unpack("B", file.read(1))
            shape = struct.unpack(f"{rank}I", file.read(4 * rank))
            kind, size = struct.unpack("=BI", file.read(5))
            variables[name] = np.frombuffer(file.read(size), _TYPES[kind]).reshape(shape)
    return variables


def _string(file: BinaryIO) -> str:
    (length,) = struct.unpack("H", file.read(2))
    return file.read(length)[:-1].decode()


def _write_safetensors(path: Path, weights: Weights) -> None:
    """The format is a JSON header with its length in front, then all tensors."""
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    at = 0
    for name, value in weights.items():
        end = at + value.nbytes
        header[name] = {"dtype": "F32", "shape": list(value.shape), "data_offsets": [at, end]}
        at = end
    text = json.dumps(header).encode()
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for value in weights.values():
            file.write(np.ascontiguousarray(value).tobytes())


if __name__ == "__main__":
    print(write_hub_aligner(Path(sys.argv[1])))
