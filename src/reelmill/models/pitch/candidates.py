"""Candidates for the pitch of each frame: the maxima of its autocorrelation (Boersma 1993).

Windows, frames and thresholds are those of Praat's `To Pitch (ac)`, so that both find the same.
Praat interpolates each maximum by itself, with up to 140 samples, which takes two thirds of its
time. Here those of many frames are interpolated at once, with 17 samples.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from itertools import count
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from reelmill.core.arrays import Float32, Float64, Int64

RATE = 16_000
#: A window is this many periods of the lowest pitch.
WINDOW_PERIODS = 3.0
#: A maximum is a candidate above this autocorrelation: half of Praat's voicing threshold.
_LEAST_STRENGTH = 0.225
#: A frame below this share of the peak of the whole sound is unvoiced, whatever its candidates: by
#: the costs of `path`, it scores more for being unvoiced than a voiced one ever does, and more than
#: a change to unvoiced and back costs.
_LEAST_INTENSITY = 0.024
#: What makes a candidate weaker for each octave, so that of two multiples of a period the shorter
#: one is kept.
_OCTAVE_COST = 0.01
#: Frames that are transformed together: more of them do not stay in the processor's cache.
_BLOCK = 64
#: Samples on either side by which a maximum is interpolated, and where it is, in samples.
_TAPS = 8
_PLACES = (-1.0, -0.5, 0.0, 0.5, 1.0)


@dataclass(frozen=True)
class PitchRange:
    """What is looked for: Hz from `floor` to `ceiling`, every `step` seconds, Praat's default at
    this floor. With steps of 15 ms the median F0 of a minute of two people was 1.3 % off: their
    voices leave few frames in the middle. With 12.5 ms the jitter of one of 63 was 12 % off.
    """

    floor: float = 75.0
    ceiling: float = 600.0
    step: float = 0.01

    @property
    def voiced_candidates(self) -> int:
        """As many multiples of a period as there can be in the range, less one."""
        return math.ceil(self.ceiling / self.floor) - 1

    @property
    def shortest(self) -> float:
        """Seconds of sound without which there is no frame."""
        return WINDOW_PERIODS / self.floor + self.step


@dataclass(frozen=True)
class Candidates:
    """The candidates of all frames, strongest first, shape (frames, candidates).

    Attributes:
        frequency: Hz; 0 where there are fewer candidates.
        strength: autocorrelation at that period, 0 to 1.
        intensity: the peak in the middle of each frame beside that of the whole sound, (frames,).
        first: seconds, the middle of frame 0.
    """

    frequency: Float32
    strength: Float32
    intensity: Float32
    first: float


@dataclass(frozen=True)
class _Maxima:
    """Maxima of autocorrelations, one after the other: their frames, Hz and strengths."""

    frame: Int64
    frequency: Float64
    strength: Float64


@dataclass(frozen=True)
class _Window:
    """How frames are cut for a range: a Hann window, the inverse of its autocorrelation, the size
    of the Fourier transform, and the lags looked at, in samples."""

    shape: Float32
    inverse: Float32
    size: int
    shortest: int
    longest: int

    @property
    def half(self) -> int:
        return len(self.shape) // 2


@cache
def _window(pitch: PitchRange) -> _Window:
    length = 2 * (int(WINDOW_PERIODS / pitch.floor * RATE) // 2 - 1)
    hann = 0.5 - 0.5 * np.cos(np.arange(1, length + 1) * (2 * np.pi / (length + 1)))
    longest = math.ceil(RATE / pitch.floor)
    size = _transform_size(length + longest + 2 + _TAPS)
    own = np.fft.irfft(np.abs(np.fft.rfft(hann, size)) ** 2, size)
    inverse = own[0] / own[: longest + 2 + _TAPS]
    return _Window(
        hann.astype(np.float32),
        inverse.astype(np.float32),
        size,
        max(2, int(RATE / pitch.ceiling)),
        longest,
    )


def _transform_size(least: int) -> int:
    """The next size that has only factors of 2 and 3, for which the transform is fast."""
    return next(size for size in count(least) if 6 ** size.bit_length() % size == 0)


def pitch_candidates(samples: Float32, peak: float, pitch: PitchRange) -> Candidates:
    """The candidates for the pitch of each frame.

    Args:
        samples: 16 kHz, in [-1, 1], shape (samples,), at least `pitch.shortest` seconds.
        peak: the largest amplitude of the whole sound, above 0.
        pitch: what is looked for.
    """
    window = _window(pitch)
    seconds = len(samples) * (1 / RATE)  # rounded as Praat rounds it, which decides on a frame
    number = int((seconds - WINDOW_PERIODS / pitch.floor) / pitch.step) + 1
    first = (len(samples) / RATE - (number - 1) * pitch.step) / 2
    middles = np.floor((first + pitch.step * np.arange(number)) * RATE + 0.5).astype(np.int64)
    means = _local_means(samples, middles, int(RATE / pitch.floor))
    views = sliding_window_view(samples, len(window.shape))
    intensity = np.empty(number, np.float32)
    frames = np.zeros((_BLOCK, window.size), np.float32)
    found = []
    for begin in range(0, number, _BLOCK):
        block = slice(begin, min(begin + _BLOCK, number))
        part = frames[: block.stop - begin]
        sound = part[:, : len(window.shape)]
        np.subtract(views[middles[block] - window.half], means[block, None], out=sound)
        sound *= window.shape
        intensity[block] = _peaks(sound, window.half, int(RATE / pitch.floor) // 2 + 1) / peak
        loud = np.flatnonzero(intensity[block] > _LEAST_INTENSITY)
        if len(loud) < len(part):
            part = part[loud]
        found.append(_maxima(_autocorrelation(part, window), window, begin + loud))
    joined = (np.concatenate(one) for one in zip(*map(_columns, found), strict=True))
    return _ranked(_Maxima(*joined), intensity, first, pitch)


def _columns(maxima: _Maxima) -> tuple[Int64, Float64, Float64]:
    return maxima.frame, maxima.frequency, maxima.strength


def _local_means(samples: Float32, middles: Int64, period: int) -> Float32:
    """The mean of two of the longest periods around each of the places."""
    sums = np.concatenate([[0.0], np.cumsum(samples, dtype=np.float64)])
    means: Float64 = (sums[middles + period] - sums[middles - period]) / (2 * period)
    return means.astype(np.float32)


def _peaks(sound: Float32, middle: int, around: int) -> Float32:
    """The largest amplitude in the middle of each frame."""
    part = sound[:, middle - around : middle + around]
    peaks: Float32 = np.maximum(part.max(1), -part.min(1))
    return peaks


def _autocorrelation(frames: Float32, window: _Window) -> Float32:
    """The autocorrelation of frames, divided by that of their window, shape (frames, lags)."""
    power = np.fft.rfft(frames)
    power *= power.conj()
    whole: Any = np.fft.irfft(power, window.size)
    found: Float32 = whole[:, : len(window.inverse)]
    found *= window.inverse / np.maximum(found[:, :1], np.float32(1e-20))
    return found


def _maxima(correlation: Float32, window: _Window, frames: Int64) -> _Maxima:
    """The maxima of the autocorrelation of some frames."""
    first, last = window.shortest, window.longest + 1
    inner = correlation[:, first:last]
    is_maximum = (
        (inner > _LEAST_STRENGTH)
        & (inner > correlation[:, first - 1 : last - 1])
        & (inner >= correlation[:, first + 1 : last + 1])
    )
    frame, lag = np.nonzero(is_maximum)
    lag += first
    around = sliding_window_view(correlation, 2 * _TAPS + 1, axis=1)[frame, lag - _TAPS]
    offset, strength = _interpolated(around)
    # Praat takes the inverse of what interpolation raises above 1
    strength = np.where(strength > 1, 1 / strength, strength)
    return _Maxima(frames[frame], RATE / (lag + offset), strength)


def _interpolated(around: Float32) -> tuple[Float64, Float64]:
    """The offset in samples and the height of a maximum in the middle of 17 samples: by a parabola
    through the highest of five values half a sample apart and its neighbours."""
    values = (around @ _interpolation()).astype(np.float64)
    every = np.arange(len(values))
    at = values[:, 1:4].argmax(1) + 1
    before, height, after = values[every, at - 1], values[every, at], values[every, at + 1]
    slope, bend = 0.5 * (after - before), 2 * height - before - after
    moved = slope / np.maximum(bend, 1e-12)
    return 0.5 * (at - 2 + moved), height + 0.5 * slope * moved


@cache
def _interpolation() -> Float32:
    """Weights of samples for values at `_PLACES`: a sinc in a Hann window, (samples, places)."""
    distance = np.arange(-_TAPS, _TAPS + 1)[:, None] - np.array(_PLACES)
    hann = 0.5 + 0.5 * np.cos(np.pi * np.clip(distance / (_TAPS + 0.5), -1, 1))
    weights: Float64 = np.sinc(distance) * hann
    return weights.astype(np.float32)


def _ranked(maxima: _Maxima, intensity: Float32, first: float, pitch: PitchRange) -> Candidates:
    """The strongest maxima of each frame, short periods before their multiples."""
    shape = len(intensity), pitch.voiced_candidates
    is_within = maxima.frequency < pitch.ceiling
    frame, hertz, strength = (column[is_within] for column in _columns(maxima))
    order = np.lexsort((-strength - _OCTAVE_COST * np.log2(hertz), frame))
    frame, hertz, strength = frame[order], hertz[order], strength[order]
    counts = np.bincount(frame, minlength=shape[0])
    rank = np.arange(len(frame)) - (np.cumsum(counts) - counts)[frame]
    kept = rank < shape[1]
    frequencies, strengths = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    frequencies[frame[kept], rank[kept]] = hertz[kept]
    strengths[frame[kept], rank[kept]] = strength[kept]
    return Candidates(frequencies, strengths, intensity, first)
