"""Convert wav2vec2 checkpoints of the hub to CTranslate2's format, without PyTorch or
transformers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from reelmill.core.atomic import replacing_folder, write_bytes, write_text
from reelmill.core.json_text import parse_json
from reelmill.errors import ModelUnavailableError
from reelmill.models.runtimes.checkpoint import Weights, read_weights

#: What CTranslate2 has built in (src/layers/wav2vec2.cc). The rest of the shape is free.
STRIDES_FIRST, STRIDES_REST = 5, 2
POSITIONS, GROUPS = 128, 16

#: Reelmill's own file, beside CTranslate2's: the relation of frames and samples.
SHAPE_FILE = "aligner.json"
VOCABULARY_FILE = "vocab.json"
_COPIED = (VOCABULARY_FILE, "preprocessor_config.json")


def convert(source: Path, target: Path, quantization: str | None = "int8") -> None:
    """Write the wav2vec2 CTC model in `source` (config, vocab.json, weights) to `target`.

    `target` appears complete or not at all.

    Args:
        source: a folder as transformers' `Wav2Vec2ForCTC.save_pretrained` writes it.
        target: the folder to be made.
        quantization: CTranslate2's name of how weights are stored; None keeps float32.

    Raises:
        ModelUnavailableError: files are missing or damaged, or the model's shape is one that
            CTranslate2 cannot compute.
    """
    config = _config(source)
    spec = _specification(config, read_weights(source), source)
    vocabulary: dict[str, int] = _json(source / VOCABULARY_FILE)
    named = {number: token for token, number in vocabulary.items()}
    size = int(spec.vocab_size)
    spec.register_vocabulary([named.get(number, f"<{number}>") for number in range(size)])
    spec.validate()
    spec.optimize(quantization=quantization)
    shape = {"reach": _reach(config), "hop": int(np.prod(config["conv_stride"]))}
    with replacing_folder(target) as folder:
        spec.save(str(folder))
        for name in _COPIED:
            if (source / name).is_file():
                write_bytes(folder / name, (source / name).read_bytes())
        write_text(folder / SHAPE_FILE, json.dumps(shape) + "\n")


def _config(source: Path) -> dict[str, Any]:
    config: dict[str, Any] = _json(source / "config.json")
    wanted = {
        "feat_extract_norm": "layer",
        "do_stable_layer_norm": True,
        "conv_bias": True,
        "num_conv_pos_embeddings": POSITIONS,
        "num_conv_pos_embedding_groups": GROUPS,
    }
    # transformers' defaults for values that a config omits
    usual = {"feat_extract_norm": "group", "do_stable_layer_norm": False, "conv_bias": False}
    for name, value in wanted.items():
        found = config.get(name, usual.get(name, value))
        if found != value:
            raise ModelUnavailableError(
                f"the wav2vec2 model in {source} has {name} = {found!r}; CTranslate2 supports "
                f"only {value!r} (as in the large models, including XLSR): choose another --aligner"
            )
    config.setdefault("conv_kernel", [10, 3, 3, 3, 3, 2, 2])
    strides = config.setdefault("conv_stride", [5, 2, 2, 2, 2, 2, 2])
    if strides != [STRIDES_FIRST] + [STRIDES_REST] * (len(strides) - 1):
        raise ModelUnavailableError(
            f"the wav2vec2 model in {source} has the strides {strides}; CTranslate2 supports "
            f"only {STRIDES_FIRST}, then {STRIDES_REST}s: choose another --aligner"
        )
    return config


def _json(path: Path) -> Any:
    try:
        return parse_json(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ModelUnavailableError(
            f"{path} cannot be read ({error}); restore the missing files of the model"
        ) from error


def _reach(config: dict[str, Any]) -> int:
    """Samples that one frame is computed from."""
    reach, step = 1, 1
    for kernel, stride in zip(config["conv_kernel"], config["conv_stride"], strict=True):
        reach += (kernel - 1) * step
        step *= stride
    return reach


def _specification(config: dict[str, Any], weights: Weights, source: Path) -> Any:
    from ctranslate2.specs import wav2vec2_spec

    layers = len(config["conv_kernel"])
    try:
        spec = wav2vec2_spec.Wav2Vec2Spec(
            layers,
            config["num_hidden_layers"],
            config["num_attention_heads"],
            len(weights["lm_head.weight"]),
            False,
        )
        encoder = spec.encoder
        _fill_extractor(encoder, weights, layers)
        _linear(encoder.fp_projection, weights, "wav2vec2.feature_projection.projection")
        _norm(encoder.fp_layer_norm, weights, "wav2vec2.feature_projection.layer_norm")
        position = "wav2vec2.encoder.pos_conv_embed.conv"
        encoder.pos_conv_embed.conv.weight = _position_weight(weights, position)
        encoder.pos_conv_embed.conv.bias = weights[f"{position}.bias"]
        _norm(encoder.layer_norm, weights, "wav2vec2.encoder.layer_norm")
        for number, layer in enumerate(encoder.layer):
            _fill_layer(layer, weights, f"wav2vec2.encoder.layers.{number}")
        _linear(encoder.lm_head, weights, "lm_head")
    except KeyError as error:
        raise ModelUnavailableError(
            f"the weights in {source} are not those of a Wav2Vec2ForCTC: {error} is missing"
        ) from error
    return spec


def _fill_extractor(encoder: Any, weights: Weights, layers: int) -> None:
    for number in range(layers):
        name = f"wav2vec2.feature_extractor.conv_layers.{number}"
        layer = encoder.feat_layer0 if number == 0 else encoder.feat_layer[number - 1]
        layer.conv.weight = weights[f"{name}.conv.weight"]
        layer.conv.bias = weights[f"{name}.conv.bias"]
        _norm(layer.layer_norm, weights, f"{name}.layer_norm")


def _position_weight(weights: Weights, name: str) -> npt.NDArray[np.float32]:
    """The kernel itself, or its direction and length (Salimans and Kingma 2016, weight norm)."""
    if f"{name}.weight" in weights:
        return weights[f"{name}.weight"]
    length, direction = f"{name}.weight_g", f"{name}.weight_v"
    if length not in weights:  # as newer versions of PyTorch name them
        length = f"{name}.parametrizations.weight.original0"
        direction = f"{name}.parametrizations.weight.original1"
    kernel = weights[direction]
    norms = np.sqrt(np.sum(kernel**2, axis=(0, 1), keepdims=True))
    result: npt.NDArray[np.float32] = (kernel * (weights[length] / norms)).astype(np.float32)
    return result


def _fill_layer(layer: Any, weights: Weights, name: str) -> None:
    attention = layer.self_attention
    parts = [f"{name}.attention.{part}_proj" for part in ("q", "k", "v")]
    attention.linear[0].weight = np.concatenate([weights[f"{part}.weight"] for part in parts])
    attention.linear[0].bias = np.concatenate([weights[f"{part}.bias"] for part in parts])
    _linear(attention.linear[1], weights, f"{name}.attention.out_proj")
    _norm(attention.layer_norm, weights, f"{name}.layer_norm")
    _linear(layer.ffn.linear_0, weights, f"{name}.feed_forward.intermediate_dense")
    _linear(layer.ffn.linear_1, weights, f"{name}.feed_forward.output_dense")
    _norm(layer.ffn.layer_norm, weights, f"{name}.final_layer_norm")


def _linear(spec: Any, weights: Weights, name: str) -> None:
    spec.weight = weights[f"{name}.weight"]
    spec.bias = weights[f"{name}.bias"]


def _norm(spec: Any, weights: Weights, name: str) -> None:
    spec.gamma = weights[f"{name}.weight"]
    spec.beta = weights[f"{name}.bias"]
