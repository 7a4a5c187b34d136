"""wav2vec2 on CTranslate2: the demo aligner, and models converted from the hub's form."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np
import pytest

from reelmill.engine.stage import Device
from reelmill.errors import ModelUnavailableError
from reelmill.models.alignment.aligners import choose_aligners, fetch_aligner
from reelmill.models.alignment.wav2vec2 import AlignerSpec, padded_length
from reelmill.models.alignment.wav2vec2_convert import convert

WIDTH, INNER, VOCABULARY = 32, 64, ["<pad>", "<s>", "</s>", "<unk>", "|", "a", "b"]
CPU = Device("cpu")


def test_padding_is_small_and_depends_only_on_the_sound() -> None:
    # proves: G2
    for samples in range(1, 200_000, 997):
        length = padded_length(samples)
        assert samples <= length <= max(8_000, samples * 1.26)


def test_a_result_does_not_depend_on_the_batch() -> None:
    # proves: G2 G12 V4
    spec = choose_aligners("demo", (), "demo").spec
    model = spec.load(CPU, 1)
    spec.warm_up(model)
    network = model.of("ko")
    rng = np.random.default_rng(0)
    sounds = [rng.normal(0, 0.1, n).astype(np.float32) for n in (9_000, 30_000, 9_100, 1_000)]
    together = network.log_probs(sounds)
    for sound, found in zip(sounds, together, strict=True):
        assert found.shape == (-(-len(sound) // 320), network.alphabet.size)
        assert np.allclose(np.exp(found).sum(axis=1), 1, atol=1e-3)
        assert np.array_equal(found, network.log_probs([sound])[0])
    with pytest.raises(ModelUnavailableError, match="no aligner for the language 'fr'"):
        model.of("fr")


def hub_model(folder: Path, position: str = "plain", **changes) -> Path:
    """A tiny Wav2Vec2ForCTC with random weights, as the hub keeps one."""
    folder.mkdir()
    kernels = [10, 3, 3, 3, 3, 2, 2]
    config = {
        "feat_extract_norm": "layer",
        "do_stable_layer_norm": True,
        "conv_bias": True,
        "conv_kernel": kernels,
        "conv_stride": [5, 2, 2, 2, 2, 2, 2],
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        **changes,
    }
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "vocab.json").write_text(json.dumps({t: i for i, t in enumerate(VOCABULARY)}))
    rng = np.random.default_rng(3)
    tensors: dict[str, np.ndarray] = {}

    def layer(name: str, *shape: int) -> None:
        tensors[f"{name}.weight"] = rng.normal(0, 0.2, shape).astype(np.float32)
        tensors[f"{name}.bias"] = rng.normal(0, 0.1, shape[0]).astype(np.float32)

    for number, kernel in enumerate(kernels):
        name = f"wav2vec2.feature_extractor.conv_layers.{number}"
        layer(f"{name}.conv", WIDTH, WIDTH if number else 1, kernel)
        layer(f"{name}.layer_norm", WIDTH)
    layer("wav2vec2.feature_projection.projection", WIDTH, WIDTH)
    layer("wav2vec2.feature_projection.layer_norm", WIDTH)
    convolution = "wav2vec2.encoder.pos_conv_embed.conv"
    layer(convolution, WIDTH, WIDTH // 16, 128)
    layer("wav2vec2.encoder.layer_norm", WIDTH)
    inside = "wav2vec2.encoder.layers.0"
    for part in ("q", "k", "v", "out"):
        layer(f"{inside}.attention.{part}_proj", WIDTH, WIDTH)
    layer(f"{inside}.layer_norm", WIDTH)
    layer(f"{inside}.final_layer_norm", WIDTH)
    layer(f"{inside}.feed_forward.intermediate_dense", INNER, WIDTH)
    layer(f"{inside}.feed_forward.output_dense", WIDTH, INNER)
    layer("lm_head", len(VOCABULARY), WIDTH)
    names = {
        "old": ("weight_g", "weight_v"),
        "new": ("parametrizations.weight.original0", "parametrizations.weight.original1"),
    }
    if position in names:
        kernel = tensors.pop(f"{convolution}.weight")
        length, direction = (f"{convolution}.{name}" for name in names[position])
        tensors[length] = np.sqrt((kernel**2).sum(axis=(0, 1), keepdims=True))
        tensors[direction] = kernel * 3  # only its direction counts
    write_safetensors(folder / "model.safetensors", tensors)
    return folder


def write_safetensors(path: Path, tensors: dict[str, np.ndarray]) -> None:
    header, data = {}, b""
    for name, array in tensors.items():
        offsets = [len(data), len(data) + array.nbytes]
        header[name] = {"dtype": "F32", "shape": list(array.shape), "data_offsets": offsets}
        data += array.tobytes()
    written = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(written)) + written + data)


def test_every_weight_format_of_the_hub_gives_the_same_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # proves: V4 G11
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))
    sound = np.random.default_rng(1).normal(0, 0.1, 16_000).astype(np.float32)
    found = []
    for position in ("plain", "old", "new"):
        model = fetch_aligner(str(hub_model(tmp_path / position, position)))
        assert model.path.parent.name == "reelmill-aligners"
        spec = AlignerSpec((("en", model),), "float32")
        found.append(spec.load(CPU, 1).of("en").log_probs([sound])[0])
    assert found[0].shape == (50, len(VOCABULARY))
    assert np.allclose(found[0], found[1], atol=0.05)
    assert np.allclose(found[0], found[2], atol=0.05)
    assert found[0].std() > 0.01


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"feat_extract_norm": "group"}, "feat_extract_norm = 'group'"),
        ({"conv_stride": [5, 2, 2, 2, 2, 2, 4]}, "the strides"),
    ],
)
def test_unsupported_shapes_are_reported(changes, said: str, tmp_path: Path) -> None:
    # proves: V4
    source = hub_model(tmp_path / "hub", **changes)
    with pytest.raises(ModelUnavailableError, match=said):
        convert(source, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_weights_of_another_model_are_refused(tmp_path: Path) -> None:
    source = hub_model(tmp_path / "hub")
    write_safetensors(
        source / "model.safetensors", {"lm_head.weight": np.zeros((7, WIDTH), np.float32)}
    )
    with pytest.raises(ModelUnavailableError, match="not those of a Wav2Vec2ForCTC"):
        convert(source, tmp_path / "out")


def test_a_damaged_model_is_reported_with_what_to_do(tmp_path: Path) -> None:
    # proves: G11
    (tmp_path / "model.bin").write_bytes(b"half a model")
    (tmp_path / "vocab.json").write_text(json.dumps({"<pad>": 0, "a": 1}))
    spec = choose_aligners(str(tmp_path), ("en",), "demo").spec
    with pytest.raises(ModelUnavailableError, match="--aligner none"):
        spec.load(CPU, 1).of("en")
