"""Levels, loudness and pitch of a sound over time, in frames of 10 ms."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reelmill.core.arrays import Float32, Int16
from reelmill.media.audio.samples import FULL_SCALE, release
from reelmill.stages.forensic.k_weighting import k_weighting_of

RATE = 16_000
#: Samples of a frame, and frames a second.
FRAME, FRAMES = 160, 100
#: Frames of a gating block of ITU-R BS.1770 (400 ms), and from one to the next (100 ms).
BLOCK, HOP = 40, 10
#: The lowest level and loudness that are reported.
LOWEST = -100.0
#: LUFS below which a block counts as silence, and how far below the mean of the others (BS.1770-5).
_ABSOLUTE_GATE, _RELATIVE_GATE = -70.0, -10.0
#: Frames that are read at a time: more of them do not stay in the processor's cache.
_READ_FRAMES = 10 * FRAMES


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


def curves_of(samples: Int16) -> Curves:
    """The curves of a sound, without its pitch.

    Args:
        samples: 16 kHz, may be a memory map; read in pieces.
    """
    weighting = k_weighting_of(RATE, FRAME)
    before = np.zeros((weighting.memory, FRAME), np.float32)
    energy, weighted, f0 = np.zeros((3, frames_in(len(samples))), np.float32)
    for first in range(0, len(f0), _READ_FRAMES):
        last = min(first + _READ_FRAMES, len(f0))
        sound = _read(samples, first, last).reshape(-1, FRAME)
        sound_and_before = np.concatenate([before, sound])
        before = sound_and_before[len(sound) :]
        energy[first:last] = _mean_squares(sound)
        weighted[first:last] = _mean_squares(weighting.filtered(sound_and_before))
    return Curves(energy, weighted, f0)


def _mean_squares(frames: Float32) -> Float32:
    """The mean square of each frame."""
    found: Float32 = np.einsum("ij,ij->i", frames, frames)
    found *= np.float32(1 / FRAME)
    return found


def _read(samples: Int16, first: int, last: int) -> Float32:
    """The sound of some frames in [-1, 1]."""
    sound = samples[first * FRAME : last * FRAME].astype(np.float32)
    release(samples)
    sound *= np.float32(1 / FULL_SCALE)
    return sound


def frames_in(samples: int) -> int:
    """The number of whole frames in the given samples."""
    return samples // FRAME
