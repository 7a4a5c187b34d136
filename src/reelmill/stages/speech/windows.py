"""Collects speech into windows for Whisper, and maps times back to the original."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from itertools import accumulate, pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from reelmill.artifacts import Audio, Span, Speech
from reelmill.core.arrays import Float32
from reelmill.core.recording import Recording
from reelmill.media.audio.samples import open_samples, window
from reelmill.models.whisper.features import WINDOW_SECONDS, log_mel
from reelmill.models.whisper.spec import WhisperSpec
from reelmill.stages.speech.levels import levelled

#: Stretches of the original, (start, end) in seconds, in order.
Pieces = tuple[tuple[float, float], ...]

#: A shorter gap between two stretches of speech is not a pause.
_NO_PAUSE = 0.01
#: Differences smaller than a sample are rounding.
_SAMPLE = 1 / 16_000


def collect_windows(spans: Iterable[Span], limit: float = WINDOW_SECONDS) -> Iterator[Pieces]:
    """Join spans into windows of at most `limit` seconds of speech.

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


class Piece(NamedTuple):
    """A stretch of the original, in seconds."""

    start: float
    end: float

    @property
    def seconds(self) -> float:
        return self.end - self.start


def joined_pieces(pieces: Iterable[tuple[float, float]]) -> list[Piece]:
    """Merge pieces that touch."""
    found: list[Piece] = []
    for start, end in pieces:
        if found and start - found[-1].end < _NO_PAUSE:
            found[-1] = Piece(found[-1].start, end)
        else:
            found.append(Piece(start, end))
    return found


def seconds_of(pieces: Pieces) -> float:
    return sum(end - start for start, end in pieces)


def window_features(
    recording: Recording, audio: Audio, speech: Speech, model: WhisperSpec
) -> Iterator[tuple[Pieces, Float32]]:
    """Each window's pieces and its log-mel features, shape (n_mels, up to 3000); of one channel
    where there are several to be recognized (`Audio.sounds`, `Speech.of`)."""
    samples = open_samples(recording.folder, audio)
    for pieces in collect_windows(speech.spans, model.window_seconds):
        yield pieces, features_of(samples, pieces, model)


def features_of(samples: npt.NDArray[np.int16], pieces: Pieces, model: WhisperSpec) -> Float32:
    """The log-mel features of stretches of a recording put one after the other, quiet ones
    lifted."""
    sounds = levelled([window(samples, start, end) for start, end in pieces])
    return log_mel(np.concatenate(sounds), model.n_mels)


def grouped(pieces: Pieces, seconds: float) -> Iterator[Pieces]:
    """The pieces of a window in groups of neighbours, each of `seconds` or more where they last so
    long; where a pause was cut out half of that is enough."""
    group: list[tuple[float, float]] = []
    for piece in pieces:
        if group:
            enough = seconds / 2 if piece[0] - group[-1][1] >= _NO_PAUSE else seconds
            if seconds_of(tuple(group)) >= enough:
                yield tuple(group)
                group = []
        group.append(piece)
    if group:
        yield tuple(group)


class OriginalTimes:
    """Maps seconds from a window's start to seconds of the original."""

    def __init__(self, pieces: Pieces) -> None:
        self._pieces = pieces
        #: The end of each piece within the window.
        self.ends = list(accumulate(end - start for start, end in pieces))

    @property
    def duration(self) -> float:
        return self.ends[-1]

    def seconds(self, original: float) -> float:
        """The position in the window of a time of the original. Omitted times are at the border."""
        index = max(0, bisect_right(self._pieces, original, key=lambda piece: piece[0]) - 1)
        start, end = self._pieces[index]
        return self.ends[index] - (end - min(max(original, start), end))

    def pieces_of(self, start: float, end: float) -> range:
        """Numbers of the pieces that contain part of `start` to `end` of the window."""
        last = len(self._pieces) - 1
        first = min(bisect_right(self.ends, start + _SAMPLE), last)
        return range(first, max(first, min(bisect_left(self.ends, end - _SAMPLE), last)) + 1)

    def without_slivers(self, start: float, end: float, sliver: float) -> tuple[float, float]:
        """A stretch of the window without what it has of pieces at its ends, if no longer than
        `sliver` and behind a pause."""
        inside = [
            border
            for border, (before, after) in zip(self.ends, pairwise(self._pieces), strict=False)
            if start < border < end and after[0] - before[1] >= _NO_PAUSE
        ]
        for border in inside:
            if border - start <= sliver < end - border:
                start = border
        for border in reversed(inside):
            if end - border <= sliver < border - start:
                end = border
        return start, end

    def start(self, seconds: float) -> float:
        """The start of something. At the border of two pieces it belongs to the later one."""
        index = bisect_right(self.ends, seconds + _SAMPLE)
        return self._original(index, seconds)

    def end(self, seconds: float) -> float:
        """The end of something. At the border of two pieces it belongs to the earlier one."""
        index = bisect_left(self.ends, seconds - _SAMPLE)
        return self._original(index, seconds)

    def _original(self, index: int, seconds: float) -> float:
        index = min(index, len(self._pieces) - 1)
        start, end = self._pieces[index]
        original = end - (self.ends[index] - seconds)
        return min(max(original, start), end)
