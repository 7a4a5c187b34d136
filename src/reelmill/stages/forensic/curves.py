"""Levels, loudness and pitch of a sound over time, in frames of 10 ms."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from reelmill.artifacts import PitchArrays, QualityOfStretch
from reelmill.core.arrays import Float32, Float64, Int16
from reelmill.media.audio.samples import FULL_SCALE, release

RATE = 16_000
#: Samples of a frame, and frames a second.
FRAME, FRAMES = 160, 100
#: Frames of a gating block of ITU-R BS.1770 (400 ms), and from one to the next (100 ms).
BLOCK, HOP = 40, 10
#: The lowest level and loudness that are reported.
LOWEST = -100.0
#: LUFS below which a block counts as silence, and how far below the mean of the others (BS.1770-5).
_ABSOLUTE_GATE, _RELATIVE_GATE = -70.0, -10.0
_READ_FRAMES = 60 * FRAMES
#: Samples: all but 2e-9 of the K-weighting filters' impulse response at `RATE`, and what is
#: filtered at a time.
_RESPONSE, _BLOCK_SIZE = 1536, 16384


@dataclass(frozen=True)
class Curves:
    """Curves of one sound, a value for each whole frame, shape (frames,).

    `energy` is the mean square (full scale is 1), `weighted` the same after the K-weighting of
    BS.1770, `f0` in Hz, 0 where there is none.
    """

    energy: Float32
    weighted: Float32
    f0: Float32

    @property
    def level(self) -> Float32:
        """dB of full scale, at least -100."""
        return decibels(self.energy)

    def momentary(self) -> Float32:
        """Momentary loudness in LUFS: of blocks of 400 ms, one every 100 ms, shape (blocks,)."""
        return loudness_of(block_means(self.weighted))


def decibels(energy: Float32) -> Float32:
    """Energies in decibels, at least -100."""
    found: Float32 = 10 * np.log10(np.maximum(energy, 10 ** (LOWEST / 10)))
    return found.astype(np.float32)


def loudness_of(weighted: Float32) -> Float32:
    """LUFS of K-weighted mean squares of one channel (BS.1770-5, annex 1), at least -100."""
    found: Float32 = np.maximum(decibels(weighted) - np.float32(0.691), np.float32(LOWEST))
    return found


def block_means(values: Float32) -> Float32:
    """Means over blocks of 400 ms, one every 100 ms, shape (blocks,)."""
    hops = len(values) // HOP
    if hops < BLOCK // HOP:
        return np.zeros(0, np.float32)
    sums = np.concatenate([[0.0], np.cumsum(values[: hops * HOP].reshape(hops, HOP).sum(1))])
    many = BLOCK // HOP
    means: Float32 = ((sums[many:] - sums[:-many]) / BLOCK).astype(np.float32)
    return np.maximum(means, 0)


def integrated_loudness(blocks: Float32) -> float | None:
    """LUFS of the K-weighted mean squares of blocks, gated as BS.1770 says; None in silence."""
    loud = blocks[loudness_of(blocks) > _ABSOLUTE_GATE]
    if not len(loud):
        return None
    gate = float(loudness_of(loud.mean(keepdims=True))[0]) + _RELATIVE_GATE
    loud = loud[loudness_of(loud) > gate]
    return float(loudness_of(loud.mean(keepdims=True))[0])


def curves_of(samples: Int16, f0: Float32) -> Curves:
    """The curves of a sound.

    Args:
        samples: 16 kHz, may be a memory map; read in pieces.
        f0: as in `Curves`.
    """
    before = np.zeros(_RESPONSE - 1, np.float32)
    energy, weighted = np.empty(len(f0), np.float32), np.empty(len(f0), np.float32)
    for first in range(0, len(f0), _READ_FRAMES):
        last = min(first + _READ_FRAMES, len(f0))
        sound = _read(samples, first, last)
        sound_and_before = np.concatenate([before, sound])
        before = sound_and_before[len(sound) :]
        filtered = _k_weighted(sound_and_before)
        energy[first:last] = np.square(sound).reshape(-1, FRAME).mean(1)
        weighted[first:last] = np.square(filtered).reshape(-1, FRAME).mean(1)
    return Curves(energy, weighted, f0)


def energies(samples: Int16) -> Float32:
    """The mean square of each whole frame, as in `Curves`, read in pieces."""
    found = np.empty(frames_in(len(samples)), np.float32)
    for first in range(0, len(found), _READ_FRAMES):
        last = min(first + _READ_FRAMES, len(found))
        sound = _read(samples, first, last)
        found[first:last] = np.square(sound).reshape(-1, FRAME).mean(1)
    return found


def _read(samples: Int16, first: int, last: int) -> Float32:
    """The sound of some frames in [-1, 1]."""
    sound = samples[first * FRAME : last * FRAME].astype(np.float32)
    release(samples)
    sound *= np.float32(1 / FULL_SCALE)
    return sound


def _k_weighted(sound: Float32) -> Float32:
    """The K-weighted sound, without the first `_RESPONSE` - 1 samples of what is given.

    Overlap-save with the impulse response of the filters, block by block: for all blocks at once,
    getting the memory takes longer than filtering. scipy.signal does the same, but takes 1 s of CPU
    to import, in each process.
    """
    step = _BLOCK_SIZE - _RESPONSE + 1
    filtered = np.empty(len(sound) - _RESPONSE + 1, np.float32)
    for first in range(0, len(filtered), step):
        spectrum = np.fft.rfft(sound[first : first + _BLOCK_SIZE], _BLOCK_SIZE)
        spectrum *= _k_spectrum()
        block = np.fft.irfft(spectrum, _BLOCK_SIZE)[_RESPONSE - 1 :]
        filtered[first : first + step] = block[: len(filtered) - first]
    return filtered


@cache
def _k_spectrum() -> npt.NDArray[np.complex64]:
    """The spectrum of the filters' impulse response at `RATE`."""
    response = np.zeros(_RESPONSE)
    response[0] = 1.0
    for b0, b1, b2, _, a1, a2 in k_weighting(RATE).tolist():
        x1 = x2 = y1 = y2 = 0.0
        for at, x0 in enumerate(response.tolist()):
            y0 = b0 * x0 + b1 * x1 + b2 * x2 - a1 * y1 - a2 * y2
            x2, x1, y2, y1 = x1, x0, y1, y0
            response[at] = y0
    return np.fft.rfft(response, _BLOCK_SIZE).astype(np.complex64)


def k_weighting(rate: int) -> Float64:
    """The two filters of BS.1770 for any sampling rate, as second-order sections, shape (2, 6).

    The standard has their coefficients for 48 kHz. These are the analog prototypes behind those,
    transformed for `rate` (bilinear), as libebur128 and FFmpeg do it.
    """
    return np.array([_high_shelf(rate), _high_pass(rate)])


def _high_shelf(rate: int) -> list[float]:
    gain, quality = 3.999843853973347, 0.7071752369554196
    k = math.tan(math.pi * 1681.974450955533 / rate)
    high = 10 ** (gain / 20)
    band = high**0.4996667741545416
    a0 = 1 + k / quality + k * k
    return [
        (high + band * k / quality + k * k) / a0,
        2 * (k * k - high) / a0,
        (high - band * k / quality + k * k) / a0,
        1.0,
        2 * (k * k - 1) / a0,
        (1 - k / quality + k * k) / a0,
    ]


def _high_pass(rate: int) -> list[float]:
    quality = 0.5003270373238773
    k = math.tan(math.pi * 38.13547087602444 / rate)
    a0 = 1 + k / quality + k * k
    return [1.0, -2.0, 1.0, 1.0, 2 * (k * k - 1) / a0, (1 - k / quality + k * k) / a0]


def frames_in(samples: int) -> int:
    """The number of whole frames in the given samples."""
    return samples // FRAME


#: Seconds by which times may be off in single steps of floating point.
_ROUNDING = 1e-6


def pitch_curves(
    frames: int,
    channels: Sequence[str | None],
    stretches: Sequence[QualityOfStretch],
    arrays: PitchArrays,
) -> list[Float32]:
    """F0 of each sound by frames, 0 where nothing was measured. Praat's frames may be longer; each
    of our frames gets the nearest value."""
    found = {channel: np.zeros(frames, np.float32) for channel in channels}
    ends = np.cumsum(arrays.counts)
    for stretch, end, count in zip(stretches, ends.tolist(), arrays.counts.tolist(), strict=True):
        if count == 0:
            continue
        times, f0 = arrays.times[end - count : end], arrays.f0[end - count : end]
        step = float(np.median(np.diff(times))) if count > 1 else 1 / FRAMES
        first = max(0, math.ceil((times[0] - step / 2) * FRAMES - 0.5))
        last = min(frames, math.ceil((times[-1] + step / 2) * FRAMES - 0.5))
        middles = (np.arange(first, last) + 0.5) / FRAMES
        after = np.searchsorted(times, middles).clip(0, count - 1)
        before = np.maximum(after - 1, 0)
        is_before = np.abs(times[before] - middles) <= np.abs(times[after] - middles)
        nearest = np.where(is_before, before, after)
        # between two utterances of a stretch there is no pitch
        near = np.abs(times[nearest] - middles) <= 0.5 * step + _ROUNDING
        found[stretch.channel][first:last][near] = f0[nearest[near]]
    return list(found.values())
