"""Log-mel spectrograms as Whisper was trained on them, computed efficiently on one core."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from reelmill.core.arrays import Float32
from reelmill.models.mel import slaney_hertz, slaney_mels, triangles

SAMPLE_RATE = 16_000
HOP = 160
FFT_SIZE = 400
FRAMES_PER_SECOND = SAMPLE_RATE // HOP
WINDOW_SECONDS = 30
WINDOW_FRAMES = WINDOW_SECONDS * FRAMES_PER_SECOND

_BINS = FFT_SIZE // 2 + 1
#: Frames transformed at a time. Their working arrays (1 MB) fit into a core's cache.
_BLOCK = 256
_FLOOR = 1e-10
_DYNAMIC_RANGE = 8.0  # in powers of ten


def log_mel(samples: Float32, n_mels: int = 80) -> Float32:
    """The log-mel spectrogram of mono sound at 16 kHz.

    Radford et al. 2022 (arXiv:2212.04356), section 2.2, as faster-whisper computes it: Hann window
    of 25 ms every 10 ms, `n_mels` Slaney filters, log10, at most 8 powers of ten below the loudest
    value, scaled to about [-1, 1]. As in faster-whisper, one frame beyond the sound counts for the
    loudest value and is then dropped.

    Args:
        samples: shape (samples,), float32 in [-1, 1].
        n_mels: 80, or 128 for large-v3 and its relatives.

    Returns:
        Shape (n_mels, len(samples) // 160), float32.
    """
    padded = _reflect(np.concatenate([samples, np.zeros(HOP, np.float32)]))
    frames = np.lib.stride_tricks.sliding_window_view(padded, FFT_SIZE)[::HOP][:-1]
    window, filters = _hann(), _mel_filters(n_mels)
    mels = np.empty((n_mels, len(frames)), np.float32)
    for start in range(0, len(frames), _BLOCK):
        spectrum = np.fft.rfft(frames[start : start + _BLOCK] * window, axis=-1)
        power = spectrum.real**2
        power += spectrum.imag**2
        np.matmul(filters, power.T, out=mels[:, start : start + len(power)])
    np.maximum(mels, np.float32(_FLOOR), out=mels)
    np.log(mels, out=mels)  # float32 log is vectorized, log10 is not
    mels *= np.float32(1 / np.log(10.0))
    np.maximum(mels, mels.max() - np.float32(_DYNAMIC_RANGE), out=mels)
    mels += np.float32(4.0)
    mels *= np.float32(0.25)
    return np.ascontiguousarray(mels[:, :-1])


def pad_or_trim(features: Float32, frames: int = WINDOW_FRAMES) -> Float32:
    """Cut features (n_mels, any) to (n_mels, frames), or append zeros.

    The zeros are features, not silence, as in faster-whisper.
    """
    missing = frames - features.shape[1]
    if missing <= 0:
        return features[:, :frames]
    return np.pad(features, ((0, 0), (0, missing)))


def _reflect(samples: Float32) -> Float32:
    return np.pad(samples, FFT_SIZE // 2, mode="reflect")


@lru_cache(maxsize=1)
def _hann() -> Float32:
    return np.hanning(FFT_SIZE + 1)[:-1].astype(np.float32)


@lru_cache(maxsize=4)
def _mel_filters(n_mels: int) -> Float32:
    """Triangular filters of equal energy on Slaney's mel scale, shape (n_mels, 201)."""
    bins = np.linspace(0.0, SAMPLE_RATE / 2, _BINS)
    edges = slaney_hertz(np.linspace(0.0, slaney_mels(np.float64(SAMPLE_RATE / 2)), n_mels + 2))
    filters = triangles(edges, bins)
    filters *= (2.0 / (edges[2:] - edges[:-2]))[:, None]
    return filters.astype(np.float32)
