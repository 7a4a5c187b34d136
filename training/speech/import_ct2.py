"""Make a checkpoint from the model.bin of a shipped model, to continue its training.

python training/speech/import_ct2.py MODEL CHECKPOINT

The checkpoint has no CTC and spelling layers (they are not shipped); train.py starts them anew.
Weights have the rounding of 8 bits, which further training corrects.
"""

import argparse
import json
import struct
from dataclasses import asdict
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch
from network import Shape
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch import Tensor
from vocabulary import ENTRIES, Vocabulary

# CTranslate2's type ids, as in its model_spec.py.
_TYPES = (np.float32, np.int8, np.int16, np.int32, np.float16)
_LAYER_NORMS = {
    "self_attention/layer_norm": "self_attn_layer_norm",
    "attention/layer_norm": "encoder_attn_layer_norm",
    "ffn/layer_norm": "final_layer_norm",
}
_PARTS = {"gamma": "weight", "beta": "bias", "weight": "weight", "bias": "bias"}


def _string(file: BinaryIO) -> str:
    (length,) = struct.unpack("H", file.read(2))
    return file.read(length)[:-1].decode()


def read_variables(path: Path) -> dict[str, NDArray[np.generic]]:
    """All variables of a model.bin by name, as they are stored.

    The format is that of `ModelSpec._serialize` in CTranslate2's converter.
    """
    variables: dict[str, NDArray[np.generic]] = {}
    with path.open("rb") as file:
        struct.unpack("I", file.read(4))
        _string(file)
        _, count = struct.unpack("II", file.read(8))
        for _ in range(count):
            name = _string(file)
            (rank,) = struct.unpack("B", file.read(1))
            shape = struct.unpack(f"{rank}I", file.read(4 * rank))
            (kind,) = struct.unpack("B", file.read(1))
            (size,) = struct.unpack("I", file.read(4))
            variables[name] = np.frombuffer(file.read(size), _TYPES[kind]).reshape(shape)
    return variables


def dequantized(variables: dict[str, NDArray[np.generic]]) -> dict[str, Tensor]:
    """Weights as they were before each row was divided by its scale."""
    result: dict[str, Tensor] = {}
    for name, value in variables.items():
        if name.endswith("_scale"):
            continue
        weight = torch.from_numpy(value.astype(np.float32))
        scale = variables.get(f"{name}_scale")
        if scale is not None:
            rows = torch.from_numpy(scale.astype(np.float32)).reshape(-1, *[1] * (weight.ndim - 1))
            weight = weight / rows
        result[name] = weight
    return result


def _attention(
    prefix: str, stem: str, cross: bool, weights: dict[str, Tensor], state: dict[str, Tensor]
) -> None:
    """Split fused projections: q, k, v of one source; q alone and k, v of another."""
    last = 2 if cross else 1
    for kind in ("weight", "bias"):
        if cross:
            query = weights[f"{stem}/linear_0/{kind}"]
            key, value = weights[f"{stem}/linear_1/{kind}"].chunk(2)
        else:
            query, key, value = weights[f"{stem}/linear_0/{kind}"].chunk(3)
        state[f"{prefix}.q_proj.{kind}"] = query
        state[f"{prefix}.v_proj.{kind}"] = value
        state[f"{prefix}.out_proj.{kind}"] = weights[f"{stem}/linear_{last}/{kind}"]
        if kind == "weight":
            state[f"{prefix}.k_proj.weight"] = key


def network_state(weights: dict[str, Tensor], used: list[int]) -> dict[str, Tensor]:
    """CTranslate2's variables under the names of network.py."""
    state: dict[str, Tensor] = {}
    for conv in ("conv1", "conv2"):
        for kind in ("weight", "bias"):
            state[f"encoder.{conv}.{kind}"] = weights[f"encoder/{conv}/{kind}"]
    embedding = weights["decoder/embeddings/weight"]
    unused = next(token for token in range(ENTRIES) if token not in set(used))
    state["decoder.embed_tokens.weight"] = torch.cat([embedding[used], embedding[[unused]]])
    state["decoder.embed_positions.weight"] = weights["decoder/position_encodings/encodings"]
    for side in ("encoder", "decoder"):
        for kind in ("gamma", "beta"):
            state[f"{side}.layer_norm.{_PARTS[kind]}"] = weights[f"{side}/layer_norm/{kind}"]
        layer = 0
        while f"{side}/layer_{layer}/ffn/linear_0/weight" in weights:
            stem, prefix = f"{side}/layer_{layer}", f"{side}.layers.{layer}"
            _attention(f"{prefix}.self_attn", f"{stem}/self_attention", False, weights, state)
            if side == "decoder":
                _attention(f"{prefix}.encoder_attn", f"{stem}/attention", True, weights, state)
            for norm, ours in _LAYER_NORMS.items():
                for kind in ("gamma", "beta"):
                    if f"{stem}/{norm}/{kind}" in weights:
                        state[f"{prefix}.{ours}.{_PARTS[kind]}"] = weights[f"{stem}/{norm}/{kind}"]
            for number in (0, 1):
                for kind in ("weight", "bias"):
                    value = weights[f"{stem}/ffn/linear_{number}/{kind}"]
                    state[f"{prefix}.fc{number + 1}.{kind}"] = value
            layer += 1
    return state


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("checkpoint", type=Path)
    arguments = parser.parse_args()
    vocabulary = Vocabulary(Tokenizer.from_file(str(arguments.model / "tokenizer.json")))
    state = network_state(
        dequantized(read_variables(arguments.model / "model.bin")), vocabulary.used
    )
    content = {
        "network": state,
        "average": state,
        "shape": asdict(Shape()),
        "used": vocabulary.used,
        "step": 0,
    }
    torch.save(content, arguments.checkpoint)
    names = json.dumps({name: list(value.shape) for name, value in state.items()})
    print(f"{len(state)} parameters: {names}")


if __name__ == "__main__":
    main()
