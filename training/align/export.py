"""Turn a training checkpoint into the model folder that is shipped.

python training/align/export.py RUN/checkpoint.pt src/reelmill/assets/models/demo-aligner

It first writes a folder in the model hub's form, which Reelmill's own converter then converts like
any other aligner. The output is compared with the network that was trained, and with transformers'
Wav2Vec2ForCTC where transformers is installed.
"""

import argparse
import json
import tempfile
from pathlib import Path

import ctranslate2
import numpy as np
import torch
from alphabet import DELIMITER, PAD, TOKENS
from network import (
    CHANNELS,
    GROUPS,
    HEADS,
    INNER,
    KERNELS,
    LAYERS,
    POSITIONS,
    STRIDES,
    WIDTH,
    Network,
    state_dict_of,
)
from safetensors.torch import save_file
from torch import Tensor
from transformers import Wav2Vec2ForCTC

from reelmill.core import gate
from reelmill.models.alignment.wav2vec2_convert import convert

_SOUND_SECONDS = 6


def hub_folder(weights: dict[str, Tensor], folder: Path) -> None:
    """The files of a Wav2Vec2ForCTC."""
    config = {
        "architectures": ["Wav2Vec2ForCTC"],
        "model_type": "wav2vec2",
        "vocab_size": len(TOKENS),
        "hidden_size": WIDTH,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS,
        "intermediate_size": INNER,
        "conv_dim": CHANNELS,
        "conv_kernel": KERNELS,
        "conv_stride": STRIDES,
        "num_feat_extract_layers": len(KERNELS),
        "feat_extract_norm": "layer",
        "conv_bias": True,
        "do_stable_layer_norm": True,
        "num_conv_pos_embeddings": POSITIONS,
        "num_conv_pos_embedding_groups": GROUPS,
        "pad_token_id": TOKENS.index(PAD),
    }
    (folder / "config.json").write_text(json.dumps(config, indent=1))
    vocabulary = {token: index for index, token in enumerate(TOKENS)}
    text = json.dumps(vocabulary, ensure_ascii=False, indent=0)
    (folder / "vocab.json").write_text(text + "\n", encoding="utf-8")
    settings = {"do_normalize": True, "sampling_rate": 16_000, "word_delimiter_token": DELIMITER}
    (folder / "preprocessor_config.json").write_text(json.dumps(settings) + "\n")
    save_file(state_dict_of(weights), folder / "model.safetensors")


def compare(network: Network, hub: Path, converted: Path) -> None:
    """Print the greatest differences of log probabilities, on noise."""
    samples = torch.randn(2, _SOUND_SECONDS * 16_000)
    library = Wav2Vec2ForCTC.from_pretrained(hub).eval()
    with torch.no_grad():
        trained = network(samples)
        other = library(samples).logits.log_softmax(-1)
    model = ctranslate2.models.Wav2Vec2(str(converted), device="cpu", compute_type="int8")
    storage = ctranslate2.StorageView.from_array(samples[:, None].numpy())
    logits = torch.from_numpy(np.array(model.encode(storage, to_cpu=True)))
    print("transformers differs by", (other - trained).abs().max().item())
    shipped = logits.log_softmax(-1)
    print("int8 differs by", (shipped - trained).exp().sub(1).abs().mean().item(), "(mean ratio)")
    print("same best letter:", (shipped.argmax(-1) == trained.argmax(-1)).float().mean().item())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--quantization", default="int8")
    arguments = parser.parse_args()
    checkpoint = torch.load(arguments.checkpoint, weights_only=True)
    network = Network().eval()
    network.load_state_dict(checkpoint["average"])
    with tempfile.TemporaryDirectory() as folder:
        hub_folder(checkpoint["average"], Path(folder))
        gate.own(arguments.out.parent)
        convert(Path(folder), arguments.out, arguments.quantization)
        compare(network, Path(folder), arguments.out)
    size = sum(file.stat().st_size for file in arguments.out.iterdir())
    print(f"{checkpoint['steps']} steps, {size / 1e6:.2f} MB in {arguments.out}")


if __name__ == "__main__":
    main()
