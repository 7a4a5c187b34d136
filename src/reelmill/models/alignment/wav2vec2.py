"""wav2vec2 on CTranslate2: the letter heard in each frame, for many sounds at once.

Baevski et al. 2020 (arXiv:2006.11477). CTranslate2 has no padding mask. The padded length therefore
depends only on a sound's own length, so that its result does not depend on its neighbours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from reelmill.core.arrays import Float32
from reelmill.core.json_text import parse_json
from reelmill.engine.stage import Device, ModelSpec
from reelmill.errors import ModelUnavailableError, is_out_of_memory
from reelmill.models.alignment.spelling import Alphabet, read_alphabet
from reelmill.models.alignment.wav2vec2_convert import SHAPE_FILE, VOCABULARY_FILE
from reelmill.models.runtimes import cublas
from reelmill.models.whisper.features import SAMPLE_RATE

#: wav2vec2 as published: frames of 25 ms, one every 20 ms.
_USUAL_SHAPE = {"reach": 400, "hop": 320}
#: Padded lengths are in quarters of a power of two. Each new length costs the CPU as much as
#: inferring it twice, because oneDNN plans and compiles its convolutions.
_PARTS = 4
#: The number of plans kept, eight per length. Each holds its working memory. Twice as many saved a
#: run a twentieth of the time at best, and took 80 MB more in each model worker.
_PLANS = 32
_LEAST_SAMPLES = SAMPLE_RATE // 2
_LIBRARIES_MB = 150


@dataclass(frozen=True)
class AlignerModel:
    """A wav2vec2 CTC model in CTranslate2's format, in a local folder."""

    path: Path
    label: str
    digest: str

    @property
    def alphabet(self) -> Alphabet:
        return read_alphabet(self.path / VOCABULARY_FILE)


@dataclass(frozen=True)
class AlignerSpec(ModelSpec):
    """The aligner of each language. A model that serves several languages is loaded once.

    `models` are pairs of an ISO 639-1 code and a model. `compute_type` "auto" is float16 on CUDA,
    and int8 on the CPU.
    """

    purpose: ClassVar[str] = "aligner"

    models: tuple[tuple[str, AlignerModel], ...]
    compute_type: str = "auto"

    @property
    def name(self) -> str:
        return ", ".join(dict.fromkeys(model.label for _, model in self.models)) or "none"

    @property
    def identity(self) -> str:
        named = ",".join(f"{language}={model.digest}" for language, model in self.models)
        return f"{named}:{self.compute_type}"

    def model_for(self, language: str) -> AlignerModel | None:
        """The aligner of a language, if there is one."""
        return dict(self.models).get(language)

    @property
    def is_empty(self) -> bool:
        return not self.models

    def memory_mb(self, device_kind: str) -> float:
        """The size of the weights on disk, half as much again for a batch, and the libraries."""
        if self.is_empty:
            return 0.0
        folders = {model.path for _, model in self.models}
        weights = sum((folder / "model.bin").stat().st_size for folder in folders) / (1 << 20)
        return 1.5 * weights + _LIBRARIES_MB

    @property
    def environment(self) -> Mapping[str, str]:
        # With an arena for each thread, freed blocks of one are of no use to another: the memory of
        # a model worker grew for 2,000 batches, by a fifth.
        return {"ONEDNN_PRIMITIVE_CACHE_CAPACITY": str(_PLANS), "MALLOC_ARENA_MAX": "1"}

    def load(self, device: Device, threads: int) -> Aligners:
        """Loads nothing yet: a run with one language needs only the model of that language."""
        if device.kind == "cuda":
            cublas.preload_cublas()
        return Aligners(self, device, threads)

    def warm_up(self, model: Aligners) -> None:
        if self.models:
            model.of(self.models[0][0]).log_probs([np.zeros(SAMPLE_RATE, np.float32)])


class Aligners:
    """The models of a spec, each loaded when its language first appears."""

    def __init__(self, spec: AlignerSpec, device: Device, threads: int) -> None:
        self._spec, self._device, self._threads = spec, device, threads
        self._loaded: dict[Path, Wav2Vec2] = {}

    def of(self, language: str) -> Wav2Vec2:
        """The model of a language.

        Raises:
            ModelUnavailableError: it has none, or its files are damaged.
        """
        model = self._spec.model_for(language)
        if model is None:
            raise ModelUnavailableError(f"there is no aligner for the language {language!r}")
        if model.path not in self._loaded:
            self._loaded[model.path] = self._load(model)
        return self._loaded[model.path]

    def _load(self, model: AlignerModel) -> Wav2Vec2:
        import ctranslate2

        kind, index = self._device.kind, self._device.index if self._device.kind == "cuda" else 0
        try:
            loaded = ctranslate2.models.Wav2Vec2(
                str(model.path),
                device=kind,
                device_index=index,
                compute_type=self._compute_type(),
                intra_threads=self._threads,
            )
        except Exception as error:
            if is_out_of_memory(error):
                raise
            raise ModelUnavailableError(
                f"aligner {model.label!r} cannot be loaded on {self._device} from {model.path}: "
                f"{error}; fetch it again, or use --aligner none"
            ) from error
        return Wav2Vec2(loaded, model)

    def _compute_type(self) -> str:
        if self._spec.compute_type != "auto":
            return self._spec.compute_type
        return "float16" if self._device.kind == "cuda" else "int8"


class Wav2Vec2:
    """A loaded model. Errors of CTranslate2, including out of memory, are passed on unchanged."""

    def __init__(self, loaded: Any, model: AlignerModel) -> None:
        """Wrap a `ctranslate2.models.Wav2Vec2`."""
        self._model = loaded
        self.alphabet = model.alphabet
        shape = _read_settings(model.path / SHAPE_FILE) or _USUAL_SHAPE
        self._reach, self._hop = int(shape["reach"]), int(shape["hop"])
        self._normalizes = bool(
            _read_settings(model.path / "preprocessor_config.json").get("do_normalize", True)
        )

    @property
    def seconds_per_frame(self) -> float:
        """Frame t covers the time from t to t + 1 times this."""
        return self._hop / SAMPLE_RATE

    def log_probs(self, sounds: Sequence[Float32]) -> list[Float32]:
        """Log probabilities (frames, letters) of each sound, mono at 16 kHz.

        Sounds padded to the same length are inferred together on a GPU. On the CPU that saves
        nothing, as with Whisper.
        """
        by_length: dict[int, list[int]] = {}
        for index, sound in enumerate(sounds):
            by_length.setdefault(padded_length(len(sound)), []).append(index)
        found: list[Float32] = [np.empty((0, self.alphabet.size), np.float32)] * len(sounds)
        at_once = 1 if self._model.device == "cpu" else len(sounds)
        for length, indices in by_length.items():
            for begin in range(0, len(indices), at_once):
                part = indices[begin : begin + at_once]
                logits = self._logits([sounds[index] for index in part], length)
                for index, rows in zip(part, logits, strict=True):
                    frames = -(-len(sounds[index]) // self._hop)
                    found[index] = _log_softmax(rows[:frames])
        return found

    def _logits(self, sounds: list[Float32], length: int) -> Float32:
        """Shape (sounds, frames, letters); every frame has its own hop of sound in its middle."""
        import ctranslate2

        length += -length % self._hop  # otherwise the last frame would lack a part of its audio
        edge = self._reach - self._hop
        rows = np.zeros((len(sounds), 1, length + edge), np.float32)
        for row, sound in zip(rows[:, 0], sounds, strict=True):
            begin = edge // 2
            row[begin : begin + len(sound)] = _normalized(sound) if self._normalizes else sound
        output = self._model.encode(ctranslate2.StorageView.from_array(rows), to_cpu=True)
        if output.dtype != ctranslate2.DataType.float32:
            output = output.to(ctranslate2.DataType.float32)
        return np.array(output)


def padded_length(samples: int) -> int:
    """The padded length of a sound with that many samples: the next quarter of its power of two."""
    if samples <= _LEAST_SAMPLES:
        return _LEAST_SAMPLES
    step = (1 << (samples.bit_length() - 1)) // _PARTS
    return -(-samples // step) * step


def _normalized(sound: Float32) -> Float32:
    """Mean 0 and variance 1, as the models were trained on."""
    result: Float32 = (sound - sound.mean()) / np.sqrt(sound.var() + np.float32(1e-7))
    return result


def _log_softmax(logits: Float32) -> Float32:
    shifted: Float32 = logits - logits.max(axis=1, keepdims=True)
    shifted -= np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return shifted


def _read_settings(path: Path) -> dict[str, Any]:
    try:
        settings: dict[str, Any] = parse_json(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise ModelUnavailableError(f"{path} is not JSON ({error}); copy it again") from error
    return settings
