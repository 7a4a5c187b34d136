"""The input of speaker encoders: log mel filter banks as Kaldi computes them."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from reelmill.core.arrays import Float32
from reelmill.models.mel import htk_mels, triangles

RATE = 16_000
HOP = 160
WINDOW = 400

_MELS = 80
_FFT = 512
_LOWEST, _PREEMPHASIS = 20.0, 0.97
_POVEY_POWER = 0.85
_BLOCK = 1024


def kaldi_filter_banks(samples: Float32) -> Float32:
    """Log mel filter banks as 3D-Speaker computes them (Povey et al. 2011), without dither.

    Frames of 25 ms every 10 ms that lie entirely inside, with the mean removed, pre-emphasis,
    Kaldi's own window (Hann to the power of 0.85), 80 filters from 20 Hz to 8 kHz, natural
    logarithm; the mean over time is subtracted from each bin.

    Args:
        samples: shape (samples,), float32 in [-1, 1], 16 kHz; at least 400 of them.

    Returns:
        Shape (1 + (len(samples) - 400) // 160, 80), float32.
    """
    return _filter_banks(samples, _povey())


def wespeaker_filter_banks(samples: Float32) -> Float32:
    """As `kaldi_filter_banks`, as WeSpeaker computes them: a Hamming window, 16-bit scale."""
    return _filter_banks(samples * np.float32(32768), _hamming())


def _filter_banks(samples: Float32, window: Float32) -> Float32:
    frames = np.lib.stride_tricks.sliding_window_view(samples, WINDOW)[::HOP]
    frames = frames - frames.mean(axis=1, keepdims=True)
    before = np.concatenate([frames[:, :1], frames[:, :-1]], axis=1)
    frames = frames - np.float32(_PREEMPHASIS) * before
    powers = _through(frames, window, _FFT, _filters())
    logs = np.log(np.maximum(powers, np.finfo(np.float32).eps))
    result: Float32 = (logs - logs.mean(axis=0)).astype(np.float32)
    return result


def _through(frames: Float32, window: Float32, size: int, filters: Float32) -> Float32:
    """The power of each frame in each filter. Computed in blocks so that long audio stays in the
    CPU cache."""
    powers = np.empty((len(frames), len(filters)), np.float32)
    for start in range(0, len(frames), _BLOCK):
        spectrum = np.fft.rfft(frames[start : start + _BLOCK] * window, size)
        power = (spectrum.real**2 + spectrum.imag**2).astype(np.float32)
        powers[start : start + len(power)] = power @ filters.T
    return powers


@lru_cache(maxsize=1)
def _povey() -> Float32:
    return (np.hanning(WINDOW) ** _POVEY_POWER).astype(np.float32)


@lru_cache(maxsize=1)
def _hamming() -> Float32:
    return np.hamming(WINDOW).astype(np.float32)


@lru_cache(maxsize=1)
def _filters() -> Float32:
    """Triangles of height 1 with straight sides on the mel scale, shape (80, bins)."""
    low, high = htk_mels(np.array([_LOWEST, RATE / 2]))
    bins = htk_mels(np.arange(_FFT // 2 + 1) * RATE / _FFT)
    return triangles(np.linspace(low, high, _MELS + 2), bins).astype(np.float32)
