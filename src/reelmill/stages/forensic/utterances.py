"""Find utterances and pauses of a speaker, to 10 ms, from the level of the sound.

Diarization and speech detection know to a tenth of a second who talks; the level shows where the
sound begins and ends. Sound counts as silent 25 dB below the loudest of the speaker, as de Jong and
Wempe (2009) have it, and in noise a little above that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from reelmill.artifacts import Span
from reelmill.core.arrays import Bool, Float32
from reelmill.stages.forensic.curves import FRAMES, decibels
from reelmill.stages.forensic.talk import Talk

Ranges = npt.NDArray[np.int64]

#: dB: silence lies this far below the loudest frames (99th percentile) of a speaker, and no more
#: than this above the noise. Where speech is not that far above the noise, there are no pauses.
_BELOW_LOUDEST, _ABOVE_NOISE = 25.0, 5.0
_LOUDEST, _QUIETEST = 99, 5
_LEAST_CONTRAST = 8.0
#: Frames: levels are smoothed over so many; this far beyond a turn its sound may go on; so many
#: frames without speech tell how loud the noise is.
_SMOOTH, _REACH, _LEAST_NOISE = 3, 30, 50
#: Frames: shorter silence is part of the sound around it (the closure of a plosive); then, shorter
#: sound is a click (as de Jong and Wempe).
_CLOSURE, _CLICK = 10, 10
_SHORTEST = 10
_DIGITAL_SILENCE = -95.0


@dataclass(frozen=True)
class SpeechRules:
    """Seconds. Silence shorter than `shortest_pause` is part of an utterance; a pause longer than
    `longest_pause` ends the talk and does not slow the speech rate."""

    shortest_pause: float = 0.3
    longest_pause: float = 3.0


@dataclass(frozen=True)
class Heard:
    """What is heard of one speaker in one sound.

    `sounding`: (frames,) where the speaker sounds. `utterances`, `pauses`: (n, 2) first frame and
    the frame after the last. `noise`: level between speech in dB of full scale, None where there is
    nothing between speech. `is_clear`: whether speech stands out enough to see pauses.
    """

    talk: Talk
    sounding: Bool
    utterances: Ranges
    pauses: Ranges
    noise: float | None
    is_clear: bool


def heard_of(talk: Talk, talks: Sequence[Talk], energy: Float32, rules: SpeechRules) -> Heard:
    """What is heard of a speaker.

    Args:
        talk: of the speaker.
        talks: of all speakers in all sounds.
        energy: of the sound, see `Curves`.
        rules: which silence is a pause.
    """
    frames = len(energy)
    own = mask_of(talk.alone, frames)
    taken = mask_of(talk.overlap, frames)
    for other in talks:
        if other is not talk and other.row == talk.row:
            taken |= mask_of([*other.alone, *other.overlap], frames)
    level = decibels(_smoothed(energy))
    noise = noise_level(level, talks, talk.row)
    threshold, is_clear = _threshold(level[own], noise)
    allowed = own & ~taken
    reached = _reached(own, frames) & ~taken
    runs = _joined(_ranges(reached & (level > threshold)), taken, _CLOSURE)
    runs = runs[(runs[:, 1] - runs[:, 0] >= _CLICK) & _touches(runs, allowed)]
    shortest = round(rules.shortest_pause * FRAMES)
    utterances = _joined(runs, taken, shortest)
    utterances = utterances[utterances[:, 1] - utterances[:, 0] >= _SHORTEST]
    gaps = np.stack([utterances[:-1, 1], utterances[1:, 0]], axis=1)
    gaps = gaps[gaps[:, 1] - gaps[:, 0] >= shortest]
    gaps = gaps[~_touches(gaps, _others_talk(talk, talks, frames))]
    sounding = _mask(runs, frames) & (level > threshold)
    return Heard(talk, sounding, utterances, gaps, noise, is_clear)


def mask_of(spans: Sequence[Span], frames: int) -> Bool:
    """Which frames lie in spans, by their middles."""
    ranges = [(round(span.start * FRAMES), round(span.end * FRAMES)) for span in spans]
    return _mask(np.array(ranges, np.int64).reshape(-1, 2), frames)


def noise_level(level: Float32, talks: Sequence[Talk], row: int) -> float | None:
    """The median level where nobody talks, in dB of full scale; None where somebody always does.
    Digital silence, of a muted line, is no noise."""
    free = level > _DIGITAL_SILENCE
    for talk in talks:
        if talk.row == row:
            free &= ~_reached(mask_of([*talk.alone, *talk.overlap], len(level)), len(level))
    return float(np.median(level[free])) if np.count_nonzero(free) >= _LEAST_NOISE else None


def _threshold(level: Float32, noise: float | None) -> tuple[float, bool]:
    """The level below which a speaker is silent, and whether they stand out from the noise."""
    if not len(level):
        return 0.0, False
    loudest = float(np.percentile(level, _LOUDEST))
    floor = float(np.percentile(level, _QUIETEST)) if noise is None else noise
    highest = loudest - _LEAST_CONTRAST
    wanted = max(loudest - _BELOW_LOUDEST, floor + _ABOVE_NOISE)
    return min(wanted, highest), floor + _ABOVE_NOISE <= highest


def _smoothed(energy: Float32) -> Float32:
    if len(energy) < _SMOOTH:
        return energy
    found: Float32 = np.convolve(energy, np.full(_SMOOTH, 1 / _SMOOTH, np.float32), "same")
    return found


def _others_talk(talk: Talk, talks: Sequence[Talk], frames: int) -> Bool:
    """Where anybody else talks, in any sound."""
    found = mask_of(talk.overlap, frames)
    for other in talks:
        if other.speaker != talk.speaker:
            found |= mask_of(other.alone, frames)
    return found


def _reached(mask: Bool, frames: int) -> Bool:
    """The mask and what lies within reach of it."""
    ranges = _ranges(mask)
    return _mask(np.clip(ranges + np.array([-_REACH, _REACH]), 0, frames), frames)


def _ranges(mask: Bool) -> Ranges:
    edges = np.flatnonzero(np.diff(mask.astype(np.int8), prepend=0, append=0))
    return edges.reshape(-1, 2).astype(np.int64)


def _mask(ranges: Ranges, frames: int) -> Bool:
    steps = np.zeros(frames + 1, np.int32)
    if len(ranges):
        np.add.at(steps, np.clip(ranges[:, 0], 0, frames), 1)
        np.add.at(steps, np.clip(ranges[:, 1], 0, frames), -1)
    return np.cumsum(steps[:-1]) > 0


def _touches(ranges: Ranges, mask: Bool) -> Bool:
    """Whether any frame of each range is in the mask."""
    counts = np.concatenate([[0], np.cumsum(mask)])
    found: Bool = counts[ranges[:, 1]] > counts[ranges[:, 0]]
    return found


def _joined(runs: Ranges, taken: Bool, shortest: int) -> Ranges:
    """Runs with less than `shortest` silent frames between them, in which nobody else talks."""
    if not len(runs):
        return runs
    gaps = np.stack([runs[:-1, 1], runs[1:, 0]], axis=1)
    is_border = (gaps[:, 1] - gaps[:, 0] >= shortest) | _touches(gaps, taken)
    first = np.concatenate([[True], is_border])
    last = np.concatenate([is_border, [True]])
    return np.stack([runs[first, 0], runs[last, 1]], axis=1)
