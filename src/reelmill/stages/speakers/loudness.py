"""Find the frames of speech from what the segmentation network hears and how loud they are.

The network mistakes some noises between sentences for speech, and misses the quiet starts and ends
of words.
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
#: Beside speech, a frame is speech from this score on, a probability of 0.05, if it is at least
#: `_ABOVE_PAUSES` dB louder than pauses and at most `_BELOW_SPEECH` dB quieter than loud speech,
#: the upper quartile of frames with a score of at least `_CLEAR`. The speech must be within
#: `_REACH` frames (0.3 s).
_FAINT = 0.1
_ABOVE_PAUSES, _BELOW_SPEECH = 4.0, 22.0
_CLEAR, _LOUD_SPEECH, _REACH = 1.8, 75, 18
#: Frames in a block, and how many on either side of it give the level of pauses there (15 s).
_BLOCK, _AROUND = 450, 900
_LEAST_FRAMES = 30
_READ_FRAMES = 4096


def spoken_frames(samples: Int16, speech: Float32, margin_db: float) -> Bool:
    """Frames in which somebody speaks.

    Those the network takes for speech, if they are at least `margin_db` above the median of the
    pauses within 15 s or the network is sure; and beside them quiet speech.

    Args:
        samples: 16 kHz, may be a memory map.
        speech: score of each frame, shape (frames,); see `Heard`.
        margin_db: decibels; without effect if there are hardly any pauses.

    Returns:
        Shape (frames,).
    """
    levels = _levels(samples, len(speech))
    pauses = _around(levels, speech < _PAUSE, 50)
    pauses[np.isnan(pauses)] = -np.inf
    loud = _around(levels, speech > _CLEAR, _LOUD_SPEECH)
    spoken = (speech > 1) & ((levels > pauses + margin_db) | (speech > _SPEECH))
    faint = (speech > _FAINT) & (levels > loud - _BELOW_SPEECH)
    faint &= np.isfinite(pauses) & (levels > pauses + _ABOVE_PAUSES)
    result: Bool = spoken | (faint & _near(spoken))
    return result


def _near(frames: Bool) -> Bool:
    """Frames at most `_REACH` from a true one."""
    if not len(frames):
        return frames
    count = np.convolve(frames, np.ones(2 * _REACH + 1))[_REACH : _REACH + len(frames)]
    result: Bool = count > 0.5
    return result


def _around(levels: Float32, chosen: Bool, percentile: float) -> Float32:
    """A percentile of the chosen levels within 15 s of each block, shape (frames,); NaN where
    hardly any is chosen."""
    result = np.full(len(levels), np.nan, np.float32)
    for start in range(0, len(levels), _BLOCK):
        around = slice(max(0, start - _AROUND), start + _BLOCK + _AROUND)
        some = levels[around][chosen[around]]
        if len(some) >= _LEAST_FRAMES:
            result[start : start + _BLOCK] = np.percentile(some, percentile)
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
