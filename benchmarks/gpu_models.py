"""Whisper as it was published, with random weights: as fast and as large as the real one.

The time and memory of a network do not depend on the values of its weights, only on its dimensions
and the number of tokens it writes. So large-v3 and turbo can be measured where neither can be
downloaded. Dimensions: Radford et al. 2022 (arXiv:2212.04356, table 1), and the `config.json` of
openai/whisper-large-v3 and openai/whisper-large-v3-turbo.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from ctranslate2.specs import WhisperSpec as Layers

from reelmill.models.runtimes.onnx import SHIPPED
from reelmill.models.whisper.decoding import DecodingOptions
from reelmill.models.whisper.spec import WhisperSpec

_POSITIONS, _TEXT_POSITIONS = 1500, 448
_TOKENIZER = SHIPPED / "demo-whisper"
#: The token that large-v3 has and the vocabulary before it, the shipped one's, has not.
_NEW_TOKEN, _AFTER = "<|yue|>", "<|su|>"
_TIMES = 1500
#: Start of text, language, task.
_PROMPT = 3
#: Random numbers are drawn once and cut out of this pool at ever other places: drawing 1.5 billion
#: takes longer than the whole measurement may.
_POOL = 1 << 22
_SPREAD = 0.02

Float16 = npt.NDArray[np.float16]


@dataclass(frozen=True)
class Architecture:
    """Dimensions of a Whisper model; `width` is shared by encoder and decoder."""

    name: str
    width: int
    heads: int
    encoder_layers: int
    decoder_layers: int
    n_mels: int = 128
    vocabulary: int = 51_866


LARGE_V3 = Architecture("large-v3", 1280, 20, 32, 32)
TURBO = Architecture("turbo", 1280, 20, 32, 4)
#: For dry runs on a CPU: of the same form, and as small as CTranslate2 allows.
TINY = Architecture("tiny stand-in of large-v3", 64, 1, 1, 2)
TINY_TURBO = Architecture("tiny stand-in of turbo", 64, 1, 1, 1)


def build(architecture: Architecture, folder: Path) -> WhisperSpec:
    """The model in CTranslate2's format (float16) in `folder`, made unless it is there already."""
    if not (folder / "model.bin").is_file():
        folder.mkdir(parents=True, exist_ok=True)
        _write_texts(architecture, folder)
        layers = _Layers(architecture)
        layers.validate()
        layers.optimize(quantization="float16")
        layers.save(str(folder))
    digest = hashlib.sha256(json.dumps(asdict(architecture)).encode()).hexdigest()[:16]
    return WhisperSpec(folder, architecture.name, digest, architecture.n_mels)


def fixed_length(folder: Path, tokens: int) -> DecodingOptions:
    """Options with which a model of random weights writes exactly `tokens` tokens a window: it may
    neither end earlier nor write any time except the first. Nothing is checked or retried.

    CTranslate2 halves the length it is given (prompt and text), so it is given twice as much.

    Args:
        folder: of the model.
        tokens: 3 to 224.
    """
    added = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))["added_tokens"]
    ids = {one["content"]: one["id"] for one in added}
    begin: int = ids["<|0.00|>"]
    times = range(begin + 1, begin + 1 + _TIMES)
    return DecodingOptions(
        temperatures=(0.0,),
        compression_ratio_threshold=None,
        log_prob_threshold=None,
        no_speech_threshold=None,
        suppress_tokens=(-1, ids["<|endoftext|>"], *times),
        max_new_tokens=2 * tokens - _PROMPT,
    )


class _Layers(Layers):  # type: ignore[misc]  # ctranslate2 has no types
    """All weights of a model, drawn at random."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__(
            architecture.encoder_layers,
            architecture.heads,
            architecture.decoder_layers,
            architecture.heads,
        )
        self._architecture = architecture
        generator = np.random.default_rng(0)
        self._pool = (generator.standard_normal(_POOL, np.float32) * _SPREAD).astype(np.float16)
        self._drawn = 0
        self._fill()
        vocabulary = json.loads((_TOKENIZER / "vocabulary.json").read_text(encoding="utf-8"))
        vocabulary.insert(vocabulary.index(_AFTER) + 1, _NEW_TOKEN)
        self.register_vocabulary(vocabulary)
        first = vocabulary.index("<|en|>")
        self.config.lang_ids = list(range(first, vocabulary.index(_NEW_TOKEN) + 1))
        self.config.alignment_heads = [[0, 0]]
        self.config.suppress_ids = []
        self.config.suppress_ids_begin = [vocabulary.index("<|endoftext|>")]

    def _alias_variables(self) -> None:
        """The base class compares every two tensors of a shape, 20 s for large-v3. Whisper's one
        shared tensor is known."""
        self.decoder.projection.weight = "decoder/embeddings/weight"

    def _draw(self, *shape: int) -> Float16:
        count = int(np.prod(shape))
        self._drawn = (self._drawn + 7919) % (_POOL // 2)
        return np.resize(self._pool[self._drawn :], count).reshape(shape)

    def _fill(self) -> None:
        width, mels = self._architecture.width, self._architecture.n_mels
        encoder, decoder = self.encoder, self.decoder
        for convolution, channels in ((encoder.conv1, mels), (encoder.conv2, width)):
            convolution.weight = self._draw(width, channels, 3)
            convolution.bias = self._draw(width)
        encoder.position_encodings.encodings = self._draw(_POSITIONS, width)
        decoder.position_encodings.encodings = self._draw(_TEXT_POSITIONS, width)
        decoder.embeddings.weight = self._draw(self._architecture.vocabulary, width)
        decoder.projection.weight = decoder.embeddings.weight
        for side in (encoder, decoder):
            self._normalize(side.layer_norm)
            for layer in side.layer:
                self._attend(layer.self_attention)
                self._connect(layer.ffn.linear_0, 4 * width, width)
                self._connect(layer.ffn.linear_1, width, 4 * width)
                self._normalize(layer.ffn.layer_norm)
        for layer in decoder.layer:
            self._attend(layer.attention)

    def _attend(self, attention: Any) -> None:
        """Queries, keys and values are one product in self-attention, two across."""
        width = self._architecture.width
        outputs = (3, 1) if len(attention.linear) == 2 else (1, 2, 1)
        for linear, times in zip(attention.linear, outputs, strict=True):
            self._connect(linear, times * width, width)
        self._normalize(attention.layer_norm)

    def _connect(self, linear: Any, outputs: int, inputs: int) -> None:
        linear.weight, linear.bias = self._draw(outputs, inputs), self._draw(outputs)

    def _normalize(self, norm: Any) -> None:
        norm.gamma = np.ones(self._architecture.width, np.float16)
        norm.beta = np.zeros(self._architecture.width, np.float16)


def _write_texts(architecture: Architecture, folder: Path) -> None:
    """The shipped tokenizer, with large-v3's one language more, and the size of the features."""
    tokenizer = json.loads((_TOKENIZER / "tokenizer.json").read_text(encoding="utf-8"))
    added: list[dict[str, Any]] = tokenizer["added_tokens"]
    at = next(row for row, one in enumerate(added) if one["content"] == _AFTER)
    for one in added[at + 1 :]:
        one["id"] += 1
    added.insert(at + 1, {**added[at], "id": added[at]["id"] + 1, "content": _NEW_TOKEN})
    text = json.dumps(tokenizer, ensure_ascii=False)
    (folder / "tokenizer.json").write_text(text, encoding="utf-8")
    features = {"feature_size": architecture.n_mels, "sampling_rate": 16000}
    features |= {"hop_length": 160, "n_fft": 400, "chunk_length": 30}
    (folder / "preprocessor_config.json").write_text(json.dumps(features), encoding="utf-8")
