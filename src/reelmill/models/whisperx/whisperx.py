"""WhisperX: its recognizer and its aligner, through its own functions."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar

import numpy as np

from reelmill.core.arrays import Float32
from reelmill.engine.stage import Device
from reelmill.errors import ModelUnavailableError, is_out_of_memory
from reelmill.models.files import hub
from reelmill.models.runtimes.compute import compute_type_for
from reelmill.models.runtimes.torch_device import TorchModelSpec, torch_device

RATE = 16_000
#: PyTorch and its companions, with the speech detector and an aligner of usual size, in MB.
_LIBRARIES_MB, _ALIGNER_MB = 900, 1300


@dataclass(frozen=True)
class HeardSegment:
    """A stretch of speech as WhisperX's detector cut it, with its text."""

    start: float
    end: float
    text: str
    avg_logprob: float


@dataclass(frozen=True)
class Heard:
    """What is said in a recording."""

    language: str
    segments: tuple[HeardSegment, ...]


@dataclass(frozen=True)
class AlignedWord:
    """Times are None where WhisperX found none."""

    text: str
    start: float | None
    end: float | None
    score: float


@dataclass(frozen=True)
class AlignedSegment:
    """A sentence and its words; none where the sentence could not be aligned."""

    start: float
    end: float
    text: str
    words: tuple[AlignedWord, ...]
    avg_logprob: float | None


@dataclass(frozen=True)
class WhisperXOptions:
    """Of the recognizer; `batch_size` windows of one recording go together."""

    beam_size: int = 5
    initial_prompt: str | None = None
    hotwords: str | None = None
    batch_size: int = 20


@dataclass(frozen=True)
class WhisperXSpec(TorchModelSpec):
    """WhisperX's speech detector and a Whisper model in CTranslate2's format, in a local folder.

    `version` is WhisperX's; it is loaded under `python` (None: our own interpreter).
    `window_seconds`: the most speech in one window.
    """

    purpose: ClassVar[str] = "recognizer"
    library: ClassVar[str] = "whisperx"

    path: str
    label: str
    digest: str
    size_mb: float
    version: str
    options: WhisperXOptions
    compute_type: str = "auto"
    window_seconds: float = 30.0
    python: str | None = None
    cuda: bool = True

    @property
    def name(self) -> str:
        return self.label

    @property
    def identity(self) -> str:
        used = f"{self.compute_type}:{self.window_seconds:g}:{self.options}"
        return f"{super().identity}:{used}"

    def memory_mb(self, device_kind: str) -> float:
        return 1.5 * self.size_mb + _LIBRARIES_MB

    def load(self, device: Device, threads: int) -> Recognizer:
        """Raises ModelUnavailableError when WhisperX cannot load it."""
        torch_device(device, threads)
        try:
            from whisperx.asr import load_model

            model = load_model(
                self.path,
                device.kind,
                device_index=device.index if device.kind == "cuda" else 0,
                compute_type=compute_type_for(device, self.compute_type),
                asr_options={
                    "beam_size": self.options.beam_size,
                    "initial_prompt": self.options.initial_prompt,
                    "hotwords": self.options.hotwords,
                },
                vad_method="pyannote",  # WhisperX includes its weights
                threads=threads,
            )
        except Exception as error:
            if is_out_of_memory(error):
                raise
            raise ModelUnavailableError(
                f"WhisperX {self.version} cannot load {self.label!r} from {self.path}: {error}; "
                "give another --model or --device, or leave out --engine"
            ) from error
        return Recognizer(model, self.options.batch_size, self.window_seconds)

    def warm_up(self, model: Recognizer) -> None:
        model.transcribe(np.zeros(RATE, np.float32), None)


class Recognizer:
    """A loaded `whisperx.load_model`. Errors of its libraries are passed on unchanged."""

    def __init__(self, model: Any, batch_size: int, window_seconds: float) -> None:
        self._model = model
        self._batch_size = batch_size
        self._window_seconds = window_seconds

    def transcribe(self, samples: Float32, language: str | None) -> Heard:
        """Text of a whole recording, mono at 16 kHz; the language is detected when it is None."""
        found = self._model.transcribe(
            samples,
            batch_size=self._batch_size,
            language=language,
            chunk_size=math.floor(self._window_seconds),
        )
        return Heard(
            str(found["language"]),
            tuple(
                HeardSegment(
                    float(one["start"]),
                    float(one["end"]),
                    str(one["text"]),
                    float(one.get("avg_logprob", math.nan)),
                )
                for one in found["segments"]
            ),
        )


@dataclass(frozen=True)
class WhisperXAlignerSpec(TorchModelSpec):
    """WhisperX's aligners, each loaded when its language first appears.

    `model`: hub name or folder for all languages; None: WhisperX's own choice for each.
    """

    purpose: ClassVar[str] = "aligner"
    library: ClassVar[str] = "whisperx"

    model: str | None
    digest: str
    version: str
    python: str | None = None
    cuda: bool = True

    @property
    def name(self) -> str:
        return self.model or "WhisperX's own"

    def memory_mb(self, device_kind: str) -> float:
        return _LIBRARIES_MB + _ALIGNER_MB

    def load(self, device: Device, threads: int) -> Aligner:
        """Raises ModelUnavailableError when WhisperX itself cannot be loaded."""
        where = torch_device(device, threads)
        try:
            from whisperx import alignment
        except Exception as error:
            raise ModelUnavailableError(
                f"WhisperX {self.version} cannot be loaded: {error}; give --no-align"
            ) from error
        _split_sentences_offline(alignment)
        return Aligner(alignment, self.model, where)


class Aligner:
    """WhisperX's `load_align_model` and `align`. Errors during alignment are passed on
    unchanged."""

    def __init__(self, alignment: Any, model: str | None, device: str) -> None:
        self._alignment = alignment
        self._model = model
        self._device = device
        self._loaded: dict[str, tuple[Any, Any] | None] = {}
        self._why: dict[str, str] = {}

    def why_not(self, language: str) -> str | None:
        """Why there is no aligner for a language; None when there is one."""
        if language not in self._loaded:
            self._loaded[language] = self._load(language)
        return self._why.get(language)

    def _load(self, language: str) -> tuple[Any, Any] | None:
        try:
            loaded: tuple[Any, Any] = self._alignment.load_align_model(
                language, self._device, model_name=self._model
            )
        except Exception as error:
            if is_out_of_memory(error):
                raise
            self._why[language] = " ".join(str(error).split())
            return None
        loaded[0].eval()
        return loaded

    def align(
        self, samples: Float32, language: str, segments: Sequence[HeardSegment]
    ) -> list[AlignedSegment]:
        """Sentences with words, of a recording's segments. Only where `why_not` is None."""
        loaded = self._loaded[language]
        assert loaded is not None
        given = [
            {"start": s.start, "end": s.end, "text": s.text, "avg_logprob": s.avg_logprob}
            for s in segments
        ]
        found = self._alignment.align(given, *loaded, samples, self._device)
        return [_segment(one) for one in found["segments"]]


def _segment(found: Mapping[str, Any]) -> AlignedSegment:
    logprob = found.get("avg_logprob")
    return AlignedSegment(
        float(found["start"]),
        float(found["end"]),
        str(found["text"]),
        tuple(_word(word) for word in found["words"]),
        None if logprob is None else float(logprob),
    )


def _word(found: Mapping[str, Any]) -> AlignedWord:
    start, end = found.get("start"), found.get("end")
    return AlignedWord(
        str(found["word"]),
        None if start is None else float(start),
        None if end is None else float(end),
        float(found.get("score", 0.0)),
    )


def _split_sentences_offline(alignment: Any) -> None:
    """WhisperX cuts sentences with NLTK rules that must be downloaded. Without a network it would
    fail for lack of them, although plain rules are good enough."""
    load = getattr(alignment, "nltk_load", None)
    if load is None:
        return

    def load_or_do_without(name: str) -> Any:
        with contextlib.suppress(LookupError):
            return load(name)
        import nltk

        if not hub.is_offline() and nltk.download("punkt_tab", quiet=True):
            with contextlib.suppress(LookupError):
                return load(name)
        from nltk.tokenize.punkt import PunktSentenceTokenizer

        return PunktSentenceTokenizer()

    alignment.nltk_load = lru_cache(load_or_do_without)
