"""DetectSpeech: where somebody speaks, by Silero VAD v6."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from reelmill.artifacts import Audio, Span, Speech
from reelmill.core.arrays import Float32, Int16
from reelmill.engine.stage import Device, FileStage, Inputs, StageContext
from reelmill.media.audio.samples import FULL_SCALE, open_samples, release
from reelmill.models.runtimes.onnx import SHIPPED, open_network
from reelmill.stages.speech.quiet_speech import quiet_stretches
from reelmill.stages.speech.vad_segments import HOP, SegmentOptions, segment

#: Samples of the previous frame that the model sees before each frame.
_CONTEXT = 64

#: Frames per call of the model. From 128 to 512 the speed is the same within 5 %, but memory is
#: not.
_BLOCK_FRAMES = 256

#: A block is silence if the network hears no speech in it and it is no louder than this (-45 dB).
_SILENT_PROBABILITY, _SILENT_LOUDNESS = 0.1, 0.0056

#: Silero VAD as products of large matrices, made by training/speech_detector.
_MODEL = SHIPPED / "speech-detector" / "model.onnx"


@dataclass(frozen=True)
class DetectSpeech(FileStage):
    """Spans of speech, of each channel that has a person; none at all for silence.

    Settings as in `SegmentOptions`. Raises ModelUnavailableError when the shipped model is missing
    or damaged.
    """

    name = "speech"
    version = 4
    display_name = "Finding speech"
    commands = ("voice", "subtitle", "faces")
    models = ("model",)
    needs = (Audio,)
    produces = Speech

    threshold: float = 0.5
    neg_threshold: float | None = None
    min_speech_ms: int = 0
    max_speech_seconds: float = 30.0
    min_silence_ms: int = 160
    pad_ms: int = 400

    def run(self, context: StageContext, inputs: Inputs) -> Speech:
        audio = inputs[Audio]
        if not audio.channels:
            return self._speech(context, audio)
        of_channels = {
            name: self._speech(context, sound) for name, sound in audio.sounds() if name is not None
        }
        spans = united(span for speech in of_channels.values() for span in speech.spans)
        return Speech(spans, audio.duration, self.pad_ms / 1000, of_channels)

    def _speech(self, context: StageContext, audio: Audio) -> Speech:
        samples = open_samples(context.folder, audio)
        spans = segment(with_quiet_speech(samples), self.options, len(samples))
        return Speech(spans, audio.duration, self.pad_ms / 1000)

    @property
    def options(self) -> SegmentOptions:
        return SegmentOptions(
            threshold=self.threshold,
            neg_threshold=self.neg_threshold,
            min_speech_ms=self.min_speech_ms,
            max_speech_seconds=self.max_speech_seconds,
            min_silence_ms=self.min_silence_ms,
            pad_ms=self.pad_ms,
        )


def united(spans: Iterable[Span]) -> list[Span]:
    """Spans in order. Those that overlap or touch become one."""
    found: list[Span] = []
    for span in sorted(spans, key=lambda one: one.start):
        if found and span.start <= found[-1].end:
            found[-1] = Span(found[-1].start, max(found[-1].end, span.end))
        else:
            found.append(Span(span.start, span.end))
    return found


def with_quiet_speech(samples: Int16) -> Float32:
    """As `speech_probabilities`, but quiet sound without speech is heard a second time, louder: the
    detector, behind somebody loud, misses speech that is 30 dB quieter, though it is far above the
    noise."""
    found = speech_probabilities(samples)
    for stretch in quiet_stretches(samples, found):
        first, last = stretch.around(len(found))
        again = speech_probabilities(stretch.lifted(samples, len(found)))
        found[first:last] = np.maximum(found[first:last], again[: last - first])
    return found


def speech_probabilities(samples: Int16) -> Float32:
    """The probability of speech in every 512 samples of 16 kHz sound, from 0 to 1.

    Shape (len(samples) // 512 + 1,): as in faster-whisper there is always a last frame that
    is not full. Reads `samples` in blocks, so a memory map of any length is fine.
    """
    network = _network()
    h = c = nothing = np.zeros((1, 1, 128), dtype=np.float32)
    found: list[Float32] = []
    for block in _blocks(samples):
        probabilities, h, c = network.run(None, {"input": block, "h": h, "c": c})
        found.append(probabilities)
        if _is_quiet(block, probabilities):
            h = c = nothing
    return np.concatenate(found)


def _is_quiet(block: Float32, probabilities: Float32) -> bool:
    """Whether there is nothing to remember of a block. After a minute and a half of silence the
    network's state makes it late by up to 1.4 s, or deaf to a short phrase; begun anew it hears
    speech within 0.15 s. In music, which it knows by its state, it is left alone."""
    loudness = float(np.sqrt(np.square(block).mean()))
    return float(probabilities.max()) < _SILENT_PROBABILITY and loudness < _SILENT_LOUDNESS


def _blocks(samples: Int16) -> Iterator[Float32]:
    """Frames with their context in front, shape (up to `_BLOCK_FRAMES`, 64 + 512)."""
    frames = len(samples) // HOP + 1
    for first in range(0, frames, _BLOCK_FRAMES):
        last = min(first + _BLOCK_FRAMES, frames)
        sound = np.zeros(_CONTEXT + (last - first) * HOP, dtype=np.float32)
        start = first * HOP - _CONTEXT
        piece = samples[max(0, start) : last * HOP]
        offset = max(0, -start)  # the first frame's context is silence
        np.multiply(piece, np.float32(1 / FULL_SCALE), out=sound[offset : offset + len(piece)])
        release(samples)
        if last == frames:
            # faster-whisper blanks these 64 samples; with them, our last frame would differ.
            sound[-_CONTEXT:] = 0
        yield np.ascontiguousarray(sliding_window_view(sound, _CONTEXT + HOP)[::HOP])


@lru_cache(maxsize=1)
def _network() -> Any:
    """The model, loaded once per process. It uses one thread, because other recordings use the
    other cores."""
    return open_network(_MODEL, Device("cpu"), threads=1)
