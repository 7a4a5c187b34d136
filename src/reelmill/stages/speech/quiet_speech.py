"""Finds stretches of quiet sound in which the speech detector heard nobody, to be heard again
louder: the far side of a call, somebody far from the microphone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from reelmill.core.arrays import Float32, Int16
from reelmill.media.audio.samples import FULL_SCALE, release
from reelmill.stages.speech.vad_segments import HOP

#: Frames count as speech already from this probability, and so do those this near to them.
_HEARD, _NEAR = 0.35, 6
#: Sound is this far above the quietest tenth of what is no speech, and quiet if its louder frames
#: are below this level (dB).
_ABOVE_FLOOR, _QUIET = 12.0, -35.0
_FLOOR_PERCENTILE, _LOUD_PERCENTILE = 10, 90
#: In frames of 32 ms: shorter gaps are part of a stretch, shorter sound is none, and a longer
#: stretch is lifted in parts.
_GAP, _SHORTEST, _LONGEST = 16, 6, 625
#: Louder frames are lifted to this level, by no more than this (dB): then noise of 16 bits is
#: still quieter than speech.
_LIFTED, _MOST = -20.0, 45.0
#: Frames before and behind a stretch that the detector hears with it.
_CONTEXT = 16
_BLOCK = 4096
_SILENCE = 1e-10


@dataclass(frozen=True)
class QuietStretch:
    """Frames `first` to `last` (not included) of a recording, and by how much to amplify them."""

    first: int
    last: int
    gain: float

    def around(self, frames: int) -> tuple[int, int]:
        """The frames to hear, of `frames` that there are."""
        return max(0, self.first - _CONTEXT), min(frames, self.last + _CONTEXT)

    def lifted(self, samples: Int16, frames: int) -> Int16:
        """The sound of these frames, louder."""
        first, last = self.around(frames)
        sound = samples[first * HOP : last * HOP] * np.float32(self.gain)
        release(samples)
        louder: Int16 = np.clip(sound, -FULL_SCALE, FULL_SCALE - 1).astype(np.int16)
        return louder


def quiet_stretches(samples: Int16, probabilities: Float32) -> Iterator[QuietStretch]:
    """Where quiet sound rises above the noise, but the speech detector hears no speech.

    Args:
        samples: of 16 kHz; a memory map of any length is read in blocks.
        probabilities: of speech, one for each frame of `HOP` samples.
    """
    levels = _levels(samples, len(probabilities))
    near = np.convolve(probabilities >= _HEARD, np.ones(2 * _NEAR + 1))
    spoken = near[_NEAR : len(near) - _NEAR] > 0
    if spoken.all():
        return
    floor = np.percentile(levels[~spoken], _FLOOR_PERCENTILE)
    sounding = np.flatnonzero(~spoken & (levels > floor + _ABOVE_FLOOR))
    if not len(sounding):
        return
    edges = np.flatnonzero(np.diff(sounding) > _GAP) + 1
    for frames in np.split(sounding, edges):
        if len(frames) < _SHORTEST:
            continue
        first, after = int(frames[0]), int(frames[-1]) + 1
        parts = np.linspace(first, after, 1 + -(-(after - first) // _LONGEST)).round().astype(int)
        for left, right in pairwise(parts.tolist()):
            loud = float(np.percentile(levels[left:right], _LOUD_PERCENTILE))
            if loud < _QUIET:
                yield QuietStretch(left, right, 10 ** (min(_MOST, _LIFTED - loud) / 20))


def _levels(samples: Int16, frames: int) -> Float32:
    """The level of each frame in dB below full scale; the last one may not be full."""
    powers = np.zeros(frames, np.float32)
    for first in range(0, frames, _BLOCK):
        sound = np.zeros((min(_BLOCK, frames - first), HOP), np.float32)
        piece = samples[first * HOP : (first + len(sound)) * HOP]
        np.multiply(piece, np.float32(1 / FULL_SCALE), out=sound.reshape(-1)[: len(piece)])
        release(samples)
        powers[first : first + len(sound)] = np.square(sound).mean(axis=1)
    levels: Float32 = 10 * np.log10(powers + np.float32(_SILENCE))
    return levels
