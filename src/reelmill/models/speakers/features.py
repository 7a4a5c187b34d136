"""What speaker encoders hear: the mel powers of the GE2E encoder, Kaldi's filter banks."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

Float32 = npt.NDArray[np.float32]

RATE = 16_000
HOP = 160
WINDOW = 400

_GE2E_MELS = 40
_KALDI_MELS = 80
_KALDI_FFT = 512
_KALDI_LOWEST, _PREEMPHASIS = 20.0, 0.97
_BLOCK = 1024


def mel_powers(samples: Float32) -> Float32:
    """Mel powers as librosa computes them for the encoder of Wan et al. 2018 (arXiv:1710.10467).

    Hann window of 25 ms every 10 ms, centred, zeros beyond the ends, 40 Slaney filters; powers,
    not their logarithms.

    Args:
        samples: shape (samples,), float32 in [-1, 1], 16 kHz.

    Returns:
        Shape (1 + len(samples) // 160, 40), float32.
    """
    padded = np.pad(samples, WINDOW // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP]
    filters = _slaney(_GE2E_MELS, WINDOW)
    return _through(frames, _hann(), WINDOW, filters)


def kaldi_filter_banks(samples: Float32) -> Float32:
    """Log mel filter banks as Kaldi and WeSpeaker compute them (Povey et al. 2011), without dither.

    Frames of 25 ms every 10 ms that lie wholly inside, without their mean, pre-emphasized, Hamming
    window, 80 filters from 20 Hz to 8 kHz, natural logarithm; each bin less its mean over time.

    Args:
        samples: shape (samples,), float32 in [-1, 1], 16 kHz; at least 400 of them.

    Returns:
        Shape (1 + (len(samples) - 400) // 160, 80), float32.
    """
    frames = np.lib.stride_tricks.sliding_window_view(samples * np.float32(32768), WINDOW)[::HOP]
    frames = frames - frames.mean(axis=1, keepdims=True)
    before = np.concatenate([frames[:, :1], frames[:, :-1]], axis=1)
    frames = frames - np.float32(_PREEMPHASIS) * before
    window = np.hamming(WINDOW).astype(np.float32)
    powers = _through(frames, window, _KALDI_FFT, _kaldi_filters())
    logs = np.log(np.maximum(powers, np.finfo(np.float32).eps))
    result: Float32 = (logs - logs.mean(axis=0)).astype(np.float32)
    return result


def _through(frames: Float32, window: Float32, size: int, filters: Float32) -> Float32:
    """The power of each frame in each filter; in blocks, so that long sounds stay in the cache."""
    powers = np.empty((len(frames), len(filters)), np.float32)
    for start in range(0, len(frames), _BLOCK):
        spectrum = np.fft.rfft(frames[start : start + _BLOCK] * window, size)
        power = (spectrum.real**2 + spectrum.imag**2).astype(np.float32)
        powers[start : start + len(power)] = power @ filters.T
    return powers


@lru_cache(maxsize=1)
def _hann() -> Float32:
    return (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)).astype(np.float32)


@lru_cache(maxsize=1)
def _slaney(count: int, size: int) -> Float32:
    """Triangles of equal area on the mel scale of Slaney (1998), shape (count, bins)."""
    edges = _slaney_hertz(np.linspace(0, _slaney_mels(RATE / 2), count + 2))
    bins = np.linspace(0, RATE / 2, size // 2 + 1)
    widths = np.diff(edges)
    ramps = edges[:, None] - bins[None, :]
    rising = -ramps[:-2] / widths[:-1, None]
    falling = ramps[2:] / widths[1:, None]
    triangles = np.maximum(0, np.minimum(rising, falling))
    return (triangles * (2 / (edges[2:] - edges[:-2]))[:, None]).astype(np.float32)


_LINEAR_STEP, _LOG_FROM = 200 / 3, 1000.0
_LOG_STEP = np.log(6.4) / 27


def _slaney_mels(hertz: float) -> float:
    if hertz < _LOG_FROM:
        return hertz / _LINEAR_STEP
    return float(_LOG_FROM / _LINEAR_STEP + np.log(hertz / _LOG_FROM) / _LOG_STEP)


def _slaney_hertz(mels: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    first = _LOG_FROM / _LINEAR_STEP
    return np.where(
        mels < first, mels * _LINEAR_STEP, _LOG_FROM * np.exp(_LOG_STEP * (mels - first))
    )


@lru_cache(maxsize=1)
def _kaldi_filters() -> Float32:
    """Triangles of height 1 that are straight on the mel scale, shape (80, bins)."""

    def mels(hertz: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return 1127 * np.log1p(hertz / 700)

    low, high = mels(np.array([_KALDI_LOWEST, RATE / 2]))
    edges = np.linspace(low, high, _KALDI_MELS + 2)[:, None]
    bins = mels(np.arange(_KALDI_FFT // 2 + 1) * RATE / _KALDI_FFT)[None, :]
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    filters: Float32 = np.maximum(0, np.minimum(rising, falling)).astype(np.float32)
    return filters
