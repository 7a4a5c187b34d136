"""Whisper by batch size until the device refuses memory, beside faster-whisper's own batches."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.gpu_ask import Ask, Tell
from benchmarks.gpu_device import Watch
from benchmarks.gpu_models import Architecture, fixed_length
from reelmill.errors import describe, is_out_of_memory
from reelmill.models.whisper.features import SAMPLE_RATE, WINDOW_SECONDS, Float32, log_mel
from reelmill.models.whisper.spec import WhisperSpec
from reelmill.models.whisper.whisper import Whisper

_FEW = 4


def large_v3(ask: Ask, tell: Tell) -> None:
    _by_batch(ask, tell, ask.scale.large)


def turbo(ask: Ask, tell: Tell) -> None:
    _by_batch(ask, tell, ask.scale.turbo)


def _by_batch(ask: Ask, tell: Tell, architecture: Architecture) -> None:
    """Ours, then faster-whisper's, each until memory is refused or its half of the time is up."""
    ask.need_cuda()
    spec = ask.model(architecture)
    tell({"tokens_a_window": ask.scale.tokens, "rows": []})
    contenders: dict[str, Callable[[], _Ours | _FasterWhisper]] = {
        "reelmill": lambda: _Ours(ask, spec),
        "faster-whisper batched": lambda: _FasterWhisper(ask, spec),
    }
    rows: list[dict[str, Any]] = []
    given = ask.left
    for place, (name, load) in enumerate(contenders.items()):
        until = given * (len(contenders) - 1 - place) / len(contenders)
        model = load()
        if isinstance(model, _Ours):
            tell({"loaded_mb": model.loaded_mb})
        for batch in ask.scale.batches:
            began = time.monotonic()
            row: dict[str, Any] = {"what": name, "batch": batch}
            rows.append(row)
            try:
                row |= model.decode(batch)
            except Exception as error:  # noqa: BLE001 (the other one is still to be measured)
                refused = is_out_of_memory(error)
                row["out of memory" if refused else "failed"] = describe(error)
                if refused:
                    row["then"] = {"batch": batch // 2, **model.decode(max(1, batch // 2))}
                break
            finally:
                tell({"rows": rows})
            if ask.left - until < 3 * (time.monotonic() - began):
                row["ended"] = "time was up"
                break
        tell({"rows": rows})
        del model


def _sound(windows: int) -> Float32:
    """Noise, because to a network with random weights every sound is noise."""
    one = np.random.default_rng(0).standard_normal(WINDOW_SECONDS * SAMPLE_RATE)
    return np.tile((0.1 * one).astype(np.float32), windows)


class _Ours:
    """Reelmill's recognizer with nothing around it."""

    def __init__(self, ask: Ask, spec: WhisperSpec) -> None:
        self._watch = Watch(ask.scale.device.index)
        before = self._watch.now()
        self._model: Whisper = spec.load(ask.scale.device, ask.threads)
        self._options = fixed_length(spec.path, ask.scale.tokens)
        self._n_mels = spec.n_mels
        after = self._watch.now()
        self.loaded_mb = None if before is None or after is None else after.used_mb - before.used_mb
        self.decode(1)  # the first call sets things up

    def decode(self, batch: int) -> dict[str, Any]:
        """A batch as the model worker decodes it, its two halves timed apart."""
        sound = _sound(1)
        features = _seconds_of_features(lambda: log_mel(sound, self._n_mels), batch)
        windows = [log_mel(sound, self._n_mels)] * batch
        made = time.monotonic()
        with self._watch.watching():
            encoder = self._model._encoder
            encoded = encoder.encode(windows, encoder.context(windows[0]))
            encoded_at = time.monotonic()
            self._model._languages(encoded, batch)
            prompts = [self._model._prompt("en", self._options)] * batch
            found = self._model._search(encoded, prompts, windows, self._options)
            ended = time.monotonic()
        del encoded
        return _row(batch, features, encoded_at - made, ended - encoded_at) | {
            "tokens": len(found[0].tokens),
            "first and last window alike": found[0].tokens == found[-1].tokens,
            "used_mb_most": self._watch.most_mb(),
        }


class _FasterWhisper:
    """faster-whisper's own batches, with the same weights, options and number of tokens."""

    def __init__(self, ask: Ask, spec: WhisperSpec) -> None:
        from faster_whisper import BatchedInferencePipeline, WhisperModel

        kind = ask.scale.device.kind
        self._model = WhisperModel(
            str(spec.path),
            device=kind,
            device_index=ask.scale.device.index,
            compute_type="int8" if kind == "cpu" else "float16",
            cpu_threads=ask.threads,
        )
        self._prepared = _Prepared(self._model.feature_extractor)
        self._model.feature_extractor = self._prepared
        self._batched = BatchedInferencePipeline(self._model)
        self._options = fixed_length(spec.path, ask.scale.tokens)
        self._watch = Watch(ask.scale.device.index)
        self.decode(1)

    def decode(self, batch: int) -> dict[str, Any]:
        """A recording of so many windows, with features that are made beforehand."""
        sound = _sound(batch)
        features = _seconds_of_features(lambda: self._prepared.real(_sound(1)), batch)
        clips = [
            {"start": n * WINDOW_SECONDS, "end": (n + 1) * WINDOW_SECONDS} for n in range(batch)
        ]
        with self._watch.watching():
            began = time.monotonic()
            segments, _ = self._batched.transcribe(
                sound,
                language="en",
                batch_size=batch,
                vad_filter=False,
                clip_timestamps=clips,
                without_timestamps=False,
                temperature=0.0,
                max_new_tokens=self._options.max_new_tokens,
                suppress_tokens=list(self._options.suppress_tokens),
                compression_ratio_threshold=None,
                log_prob_threshold=None,
                no_speech_threshold=None,
            )
            tokens = [segment.tokens for segment in segments]
            took = time.monotonic() - began
        return _row(batch, features, None, took) | {
            "tokens": len(tokens[0]),
            "first and last window alike": tokens[0] == tokens[-1],
            "used_mb_most": self._watch.most_mb(),
        }


class _Prepared:
    """Replaces faster-whisper's feature extractor with the features of one window, made once. The
    cost of the real one is measured separately, as for ours."""

    def __init__(self, real: Any) -> None:
        self.real = real
        self._features = real(_sound(1))

    def __call__(self, *_: Any, **__: Any) -> Any:
        return self._features

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)


def _seconds_of_features(make: Callable[[], Any], windows: int) -> float:
    """What the features of so many windows take on one core, by those of a few."""
    few = min(windows, _FEW)
    began = time.monotonic()
    for _ in range(few):
        make()
    return (time.monotonic() - began) * windows / few


def _row(batch: int, features: float, encoder: float | None, rest: float) -> dict[str, Any]:
    """Seconds and x real time. `rest` is the decoder's, or the model's where not told apart."""
    sound, model = batch * WINDOW_SECONDS, (encoder or 0.0) + rest
    row = {
        "x real time, model": round(sound / max(model, 1e-9), 1),
        "x real time, with features on one core": round(sound / (features + model), 1),
        "model_seconds": round(model, 4),
    }
    if encoder is not None:
        row |= {"encoder_share": round(encoder / model, 3), "decoder_share": round(rest / model, 3)}
    return row


def allocators(ask: Ask, tell: Tell) -> None:
    """CTranslate2's allocators: the default frees every block over 16 MB at once."""
    ask.need_cuda()
    variants = {
        "default": {},
        "caching, pieces up to 1 GB, 32 GB in all": {
            "CT2_CUDA_CACHING_ALLOCATOR_CONFIG": f"4,3,15,{32 << 30}"
        },
        "cuda_malloc_async": {"CT2_CUDA_ALLOCATOR": "cuda_malloc_async"},
    }
    for name, environment in variants.items():
        if ask.is_dry and environment:
            continue  # they have no effect on a CPU
        command = [sys.executable, "-m", "benchmarks.gpu", "--section", "once"]
        command += ["--work", str(ask.work), "--seconds", f"{ask.left:.0f}"]
        command += ["--dry-run"] if ask.is_dry else []
        ended = subprocess.run(
            command, env=os.environ | environment, capture_output=True, text=True, check=False
        )
        found = ask.earlier("once")
        tell({name: found if ended.returncode == 0 else {"failed": ended.stderr[-500:]}})


def once(ask: Ask, tell: Tell) -> None:
    """One batch of turbo, the second time, for `allocators`."""
    ours = _Ours(ask, ask.model(ask.scale.turbo))
    batch = min(ask.scale.engine_batch, ask.scale.batches[-1])
    ours.decode(batch)
    tell(ours.decode(batch))
