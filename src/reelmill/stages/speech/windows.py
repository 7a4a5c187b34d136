"""Speech spans collected into windows for Whisper, and times brought back to the original."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from itertools import accumulate

import numpy as np

from reelmill.artifacts import Audio, Span, Speech
from reelmill.core.recording import Recording
from reelmill.media.audio.samples import open_samples, window
from reelmill.models.whisper.features import WINDOW_SECONDS, Float32, log_mel
from reelmill.models.whisper.whisper import WhisperSpec

#: Stretches of the original, (start, end) in seconds, in order.
Pieces = tuple[tuple[float, float], ...]

#: Differences below a sample are rounding, not time.
_SAMPLE = 1 / 16_000


def collect_windows(spans: Iterable[Span], limit: float = WINDOW_SECONDS) -> Iterator[Pieces]:
    """Put spans one after the other into windows of at most `limit` seconds of speech.

    The silence between spans is dropped, as faster-whisper's `collect_chunks` does; a span
    longer than a window is cut.
    """
    pieces: list[tuple[float, float]] = []
    seconds = 0.0
    for start, end in _cut(spans, limit):
        if pieces and seconds + (end - start) > limit + _SAMPLE:
            yield tuple(pieces)
            pieces, seconds = [], 0.0
        pieces.append((start, end))
        seconds += end - start
    if pieces:
        yield tuple(pieces)


def _cut(spans: Iterable[Span], limit: float) -> Iterator[tuple[float, float]]:
    for span in spans:
        start = span.start
        while span.end - start > limit + _SAMPLE:
            yield start, start + limit
            start += limit
        if span.end > start:
            yield start, span.end


def seconds_of(pieces: Pieces) -> float:
    return sum(end - start for start, end in pieces)


def window_features(
    recording: Recording, audio: Audio, speech: Speech, model: WhisperSpec
) -> Iterator[tuple[Pieces, Float32]]:
    """Each window's pieces and its log-mel features, shape (n_mels, up to 3000)."""
    samples = open_samples(recording.folder, audio)
    for pieces in collect_windows(speech.spans, model.window_seconds):
        sound = np.concatenate([window(samples, start, end) for start, end in pieces])
        yield pieces, log_mel(sound, model.n_mels)


class OriginalTimes:
    """Maps seconds from a window's start to seconds of the original recording."""

    def __init__(self, pieces: Pieces) -> None:
        self._pieces = pieces
        #: Where each piece ends within the window.
        self._ends = list(accumulate(end - start for start, end in pieces))

    @property
    def duration(self) -> float:
        return self._ends[-1]

    def start(self, seconds: float) -> float:
        """Where something begins: on the border of two pieces, with the later one."""
        index = bisect_right(self._ends, seconds + _SAMPLE)
        return self._original(index, seconds)

    def end(self, seconds: float) -> float:
        """Where something ends: on the border of two pieces, with the earlier one."""
        index = bisect_left(self._ends, seconds - _SAMPLE)
        return self._original(index, seconds)

    def _original(self, index: int, seconds: float) -> float:
        index = min(index, len(self._pieces) - 1)
        start, end = self._pieces[index]
        original = end - (self._ends[index] - seconds)
        return min(max(original, start), end)
