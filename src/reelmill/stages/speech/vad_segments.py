"""From speech probabilities to speech spans: hysteresis, longest speech, padding."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from reelmill.artifacts import Span

#: Samples between two probabilities, and their rate in Hz.
HOP = 512
SAMPLE_RATE = 16_000

#: A pause must be longer than this for speech that is too long to be cut there.
_CUT_PAUSE_SAMPLES = SAMPLE_RATE * 98 / 1000


@dataclass(frozen=True)
class SegmentOptions:
    """When speech starts, ends and is cut. Defaults as in faster-whisper's batched pipeline.

    Speech begins at a probability of `threshold` and ends where it stays below `neg_threshold`
    (None: `threshold` - 0.15, at least 0.01) for `min_silence_ms`.
    """

    threshold: float = 0.5
    neg_threshold: float | None = None
    min_speech_ms: int = 0
    max_speech_seconds: float = 30.0
    min_silence_ms: int = 160
    pad_ms: int = 400

    @property
    def silence_below(self) -> float:
        if self.neg_threshold is None:
            return max(self.threshold - 0.15, 0.01)
        return self.neg_threshold

    @property
    def min_speech(self) -> float:
        return SAMPLE_RATE * self.min_speech_ms / 1000

    @property
    def min_silence(self) -> float:
        return SAMPLE_RATE * self.min_silence_ms / 1000

    @property
    def pad(self) -> float:
        return SAMPLE_RATE * self.pad_ms / 1000

    @property
    def max_speech(self) -> float:
        """The longest speech before padding, so that it fits with its padding."""
        return SAMPLE_RATE * self.max_speech_seconds - HOP - 2 * self.pad


def segment(
    probabilities: npt.NDArray[np.float32], options: SegmentOptions, samples: int
) -> list[Span]:
    """Turn probabilities, one for each `HOP` samples, into spans of a sound of `samples`.

    The same spans as `faster_whisper.vad.get_speech_timestamps`, which follows silero-vad
    (https://github.com/snakers4/silero-vad, utils_vad.py).
    """
    found = np.array(list(_hysteresis(probabilities, options, samples)), dtype=np.int64)
    if not len(found):
        return []
    starts, ends = _padded(found[:, 0], found[:, 1], options.pad, samples)
    return [
        Span(start / SAMPLE_RATE, end / SAMPLE_RATE)
        for start, end in zip(starts.tolist(), ends.tolist(), strict=True)
    ]


class _Speech:
    """Speech that has started and not ended. All positions in samples."""

    def __init__(self, start: int) -> None:
        self.start = start
        #: Where the current pause began; None while somebody speaks.
        self.pause: int | None = None
        #: Where the last pause long enough for a cut began, and where speech resumed.
        self.cut: int | None = None
        self.resumed: int | None = None

    def go_on(self, at: int) -> None:
        """Record that somebody speaks."""
        if self.pause is not None and self.resumed is None and self.cut is not None:
            self.resumed = at
        self.pause = None

    def fall_silent(self, at: int) -> int:
        """Record that nobody speaks, and return where the pause began."""
        if self.pause is None:
            self.pause = at
        if at - self.pause > _CUT_PAUSE_SAMPLES and self.cut != self.pause:
            self.cut, self.resumed = self.pause, None
        return self.pause


def _hysteresis(
    probabilities: npt.NDArray[np.float32], options: SegmentOptions, samples: int
) -> Iterator[tuple[int, int]]:
    """Speech without padding, as (start, end) in samples."""
    voiced = (probabilities >= options.threshold).tolist()
    silent = (probabilities < options.silence_below).tolist()
    longest, shortest, pause = options.max_speech, options.min_speech, options.min_silence
    speech: _Speech | None = None
    for at, is_voiced, is_silent in zip(itertools.count(0, HOP), voiced, silent, strict=False):
        if speech is None:
            speech = _Speech(at) if is_voiced else None
            continue
        if is_voiced:
            speech.go_on(at)
        if at - speech.start > longest:
            yield speech.start, at if speech.cut is None else speech.cut
            speech = None if speech.resumed is None else _Speech(speech.resumed)
        if speech is not None and is_silent:
            end = speech.fall_silent(at)
            if at - end >= pause:
                if end - speech.start > shortest:
                    yield speech.start, end
                speech = None
    if speech is not None and samples - speech.start > shortest:
        yield speech.start, samples


def _padded(
    starts: npt.NDArray[np.int64], ends: npt.NDArray[np.int64], pad: float, samples: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Widen spans by `pad` samples. Neighbours closer than that share the space between them."""
    pause = starts[1:] - ends[:-1]
    tight = pause < 2 * pad
    before = np.concatenate([[pad], np.where(tight, pause // 2, pad)])
    after = np.concatenate([np.where(tight, pause // 2, pad), [pad]])
    starts = np.maximum(0, starts - before).astype(np.int64)
    return starts, np.minimum(samples, ends + after).astype(np.int64)
