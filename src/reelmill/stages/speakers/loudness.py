"""Find the frames that are louder than the pauses around them.

The segmentation network mistakes some noises between sentences for speech.
"""

from __future__ import annotations

import numpy as np

from reelmill.core.arrays import Bool, Float32, Int16
from reelmill.media.audio.samples import release
from reelmill.models.speakers.networks import FIRST, FRAME_STEP

#: A frame with a speech score below this is certainly a pause.
_PAUSE = 0.28
#: A frame with a score above this, a probability of 0.93 for a powerset network, is certainly
#: speech: in a talk between a near and a distant person, the distant one is not much louder than
#: pauses.
_SPEECH = 1.86
#: Frames in a block, and how many on either side of it give the level of pauses there (15 s).
_BLOCK, _AROUND = 450, 900
_LEAST_FRAMES = 30
_READ_FRAMES = 4096


def louder_than_pauses(samples: Int16, speech: Float32, margin_db: float) -> Bool:
    """Frames at least `margin_db` above the median of the pauses within 15 s, and those of which
    the network is sure; all frames if there are hardly any pauses.

    Args:
        samples: 16 kHz, may be a memory map.
        speech: score of each frame, shape (frames,); see `Heard`.
        margin_db: decibels.
    """
    levels = _levels(samples, len(speech))
    pause = speech < _PAUSE
    result = np.ones(len(speech), np.bool_)
    for start in range(0, len(speech), _BLOCK):
        around = slice(max(0, start - _AROUND), start + _BLOCK + _AROUND)
        pauses = levels[around][pause[around]]
        if len(pauses) >= _LEAST_FRAMES:
            here = slice(start, start + _BLOCK)
            loud = levels[here] > np.median(pauses) + margin_db
            result[here] = loud | (speech[here] > _SPEECH)
    return result


def _levels(samples: Int16, frames: int) -> Float32:
    """The level in dB of two steps of sound around the middle of each frame, shape (frames,)."""
    levels = np.empty(frames, np.float32)
    for first in range(0, frames, _READ_FRAMES):
        last = min(first + _READ_FRAMES, frames)
        begin = FIRST + (first - 1) * FRAME_STEP
        wanted = (last - first + 1) * FRAME_STEP
        sound = np.zeros(wanted, np.float64)
        piece = samples[max(0, begin) : begin + wanted]
        offset = max(0, -begin)
        sound[offset : offset + len(piece)] = piece
        release(samples)
        steps = np.square(sound.reshape(-1, FRAME_STEP) / 32768).mean(axis=1)
        levels[first:last] = 10 * np.log10((steps[:-1] + steps[1:]) / 2 + 1e-9)
    return levels
