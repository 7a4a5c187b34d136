"""Describe and load a Whisper model: its folder, number format and windows."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from reelmill.engine.stage import Device, ModelSpec
from reelmill.errors import ModelUnavailableError, is_out_of_memory
from reelmill.models.runtimes import cublas
from reelmill.models.runtimes.allocation import KEEP_LARGE_BLOCKS
from reelmill.models.runtimes.compute import compute_type_for
from reelmill.models.whisper.decoding import DecodingOptions
from reelmill.models.whisper.features import (
    FRAMES_PER_SECOND,
    WINDOW_FRAMES,
    WINDOW_SECONDS,
)
from reelmill.models.whisper.prompts import left_out
from reelmill.models.whisper.weights import layers, variable_shape
from reelmill.models.whisper.whisper import Whisper

if TYPE_CHECKING:
    from reelmill.models.files.cache import ModelFiles

#: Vocabularies of multilingual models have at least this many tokens.
_MULTILINGUAL_VOCABULARY = 51_865
_EMBEDDINGS = "decoder/embeddings/weight"
#: The width of Whisper base, with which contexts of less than 30 s were measured: they make as many
#: errors (docs/benchmarks.md). Larger models were not measured.
_SMALL_WIDTH = 512
_SHORT_CONTEXTS = (13.0, 23.0)


@dataclass(frozen=True)
class WhisperSpec(ModelSpec):
    """A Whisper model in CTranslate2's format, in a local folder (see `models.cache.resolve`).

    `compute_type` "auto" is float16 on CUDA and int8 on the CPU.
    """

    purpose: ClassVar[str] = "recognizer"

    path: Path
    label: str
    digest: str
    n_mels: int = 80
    compute_type: str = "auto"
    #: How much speech goes into one window; less than 30 s for models that fail on more.
    window_seconds: float = WINDOW_SECONDS
    #: The length to which features of a window are padded; less than 30 s only for models made for
    #: it.
    padded_seconds: float = WINDOW_SECONDS
    #: Shorter lengths to which windows may be padded instead, ascending.
    shorter_seconds: tuple[float, ...] = ()
    #: Whether it supports languages other than English, and distinguishes them.
    multilingual: bool = True

    @classmethod
    def of(cls, files: ModelFiles, compute_type: str = "auto") -> WhisperSpec:
        """The spec of a resolved model, with the settings in its folder. A small model also gets
        contexts of less than 30 s, for shorter windows.
        """
        _, width = variable_shape(files.path / "model.bin", _EMBEDDINGS) or (0, 0)
        short = 0 < width <= _SMALL_WIDTH and files.padded_seconds == WINDOW_SECONDS
        return cls(
            files.path,
            files.name,
            files.identity,
            files.n_mels,
            compute_type,
            files.window_seconds,
            files.padded_seconds,
            _SHORT_CONTEXTS if short else (),
            _vocabulary_size(files.path, files.identity) >= _MULTILINGUAL_VOCABULARY,
        )

    @property
    def name(self) -> str:
        return self.label

    @property
    def identity(self) -> str:
        padded = ",".join(f"{one:g}" for one in (*self.shorter_seconds, self.padded_seconds))
        return f"{self.digest}:{self.compute_type}:{self.window_seconds:g}:{padded}"

    @property
    def why_not_translating(self) -> str | None:
        """Why it cannot translate into English; None if it can.

        OpenAI trained its models for it that know several languages. Models distilled from them
        (turbo, distil-whisper), which have fewer layers in the decoder, were trained without.
        """
        if not self.multilingual:
            return "it knows English only"
        encoder, decoder = layers(self.path / "model.bin")
        if decoder < encoder:
            return "models with a small decoder, such as turbo, were trained without translation"
        return None

    def prompt_left_out(self, options: DecodingOptions) -> list[str]:
        """The parts of hotwords and initial prompt that do not fit before a window, in plain
        words."""
        if not (options.hotwords or options.initial_prompt):
            return []
        import tokenizers

        tokenizer = tokenizers.Tokenizer.from_file(str(self.path / "tokenizer.json"))

        def encode(text: str) -> list[int]:
            return list(tokenizer.encode(text, add_special_tokens=False).ids)

        return left_out(options, encode, tokenizer.decode)

    @property
    def environment(self) -> Mapping[str, str]:
        return KEEP_LARGE_BLOCKS

    def memory_mb(self, device_kind: str) -> float:
        """1.5 times the size of the weights on disk, for a batch, plus the libraries."""
        weights = (self.path / "model.bin").stat().st_size / (1 << 20)
        return 1.5 * weights + 200

    def load(self, device: Device, threads: int) -> Whisper:
        """Load onto `device`.

        Raises:
            ModelUnavailableError: cuBLAS or the device is missing, files are damaged, or the
                model takes features of another size than its folder says.
        """
        if device.kind == "cuda":
            cublas.preload_cublas()
        import ctranslate2
        import tokenizers

        try:
            model = ctranslate2.models.Whisper(
                str(self.path),
                device=device.kind,
                device_index=device.index if device.kind == "cuda" else 0,
                compute_type=compute_type_for(device, self.compute_type),
                intra_threads=threads,
            )
            tokenizer = tokenizers.Tokenizer.from_file(str(self.path / "tokenizer.json"))
        except Exception as error:
            if is_out_of_memory(error):
                raise
            raise ModelUnavailableError(
                f"model {self.name!r} cannot be loaded on {device} from {self.path}: {error}; "
                "remove the folder and fetch it again (reelmill models pull), "
                "or use another --model or --device"
            ) from error
        if model.n_mels != self.n_mels:
            raise ModelUnavailableError(
                f"model {self.name!r} takes {model.n_mels} mel bands, but its folder says "
                f"{self.n_mels}: copy the right preprocessor_config.json into {self.path}"
            )
        contexts = (*self.shorter_seconds, self.padded_seconds)
        return Whisper(
            model, tokenizer, [round(seconds * FRAMES_PER_SECOND) for seconds in contexts]
        )

    def warm_up(self, model: Whisper) -> None:
        silence = np.zeros((self.n_mels, WINDOW_FRAMES), np.float32)
        model.decode([silence], [("en",)], DecodingOptions(temperatures=(0.0,), max_new_tokens=4))


@lru_cache(maxsize=32)
def _vocabulary_size(folder: Path, identity: str) -> int:
    """The number of tokens in the vocabulary of a model in CTranslate2's format; a server asks at
    each run. The model's `identity` changes with its files."""
    lines = folder / "vocabulary.txt"
    if lines.is_file():
        with lines.open("rb") as file:
            return sum(1 for _ in file)
    return len(json.loads((folder / "vocabulary.json").read_text(encoding="utf-8")))
