"""Measure how the channels of a recording are related."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from reelmill.core.arrays import Bool, Float32, Int16
from reelmill.media.audio.decode import SAMPLE_RATE
from reelmill.media.audio.samples import FULL_SCALE, release
from reelmill.stages.speech.detect_speech import speech_probabilities
from reelmill.stages.speech.vad_segments import HOP

#: Frames are the speech detector's, 32 ms; this many are read at a time.
FRAME_SECONDS = HOP / SAMPLE_RATE
_READ_FRAMES = 1875
#: Sound is examined in blocks of 3 s: the loudest ones, and some spread over the recording.
_BLOCK_FRAMES = 94
_LOUDEST, _SPREAD = 12, 12
_SPOKEN = 0.5
#: The level of speech is taken from its loudest parts, because the others may leak from another
#: channel.
_LOUD_PERCENT = 97
#: The longest delay between two channels that is searched for, half a second, and in how many
#: blocks.
_MOST_DELAY = SAMPLE_RATE // 2
_DELAY_BLOCKS = 6
#: The level of digital silence, in decibels.
_FLOOR_DB = -100.0


@dataclass(frozen=True)
class Levels:
    """`db`: the level of each frame in dB of full scale, shape (channels, frames); `correlation`:
    of the sound of each two channels, shape (channels, channels)."""

    db: Float32
    correlation: npt.NDArray[np.float64]


def measure(channels: Sequence[Int16]) -> Levels:
    """Measure levels and correlations of the channels, reading them once from beginning to end.

    Args:
        channels: int16 at 16 kHz, all of one length; may be memory maps.
    """
    frames = len(channels[0]) // HOP
    power = np.zeros((len(channels), frames), np.float32)
    products = np.zeros((len(channels), len(channels)))
    for first in range(0, frames, _READ_FRAMES):
        last = min(first + _READ_FRAMES, frames)
        sound = _read(channels, first, last)
        sound -= sound.mean(axis=1, keepdims=True)
        products += (sound @ sound.T).astype(np.float64)
        power[:, first:last] = np.square(sound).reshape(len(channels), -1, HOP).mean(axis=2)
    length = np.sqrt(np.maximum(np.diag(products), 1e-12))
    db = 10 * np.log10(power + 10 ** (_FLOOR_DB / 10), dtype=np.float32)
    return Levels(db, products / np.outer(length, length))


def loudness(db: Float32, frames: int) -> Float32:
    """The level that the given number of frames of each channel reach, shape (channels,)."""
    place = max(0, db.shape[1] - frames)
    loud: Float32 = np.partition(db, place, axis=1)[:, place]
    return loud


def _read(channels: Sequence[Int16], first: int, last: int) -> Float32:
    """Frames `first` to `last` of all channels, shape (channels, samples)."""
    sound = np.stack([one[first * HOP : last * HOP].astype(np.float32) for one in channels])
    for one in channels:
        release(one)
    sound /= FULL_SCALE
    return sound


def _loudest(db: Float32, count: int) -> list[int]:
    """The first frames of the loudest blocks, loudest first."""
    blocks = len(db) // _BLOCK_FRAMES
    if blocks == 0:
        return [0]
    means = (10 ** (db[: blocks * _BLOCK_FRAMES] / 10)).reshape(blocks, -1).mean(axis=1)
    return [int(at) * _BLOCK_FRAMES for at in np.argsort(-means, kind="stable")[:count]]


@dataclass(frozen=True)
class SpeechSample:
    """For a channel: seconds of speech in the examined blocks, and the level of speech in dB of
    full scale."""

    seconds: float
    level: float


def sample_speech(samples: Int16, db: Float32) -> SpeechSample:
    """Run the speech detector on the loudest blocks of a channel and some spread over it.

    Args:
        samples: the channel, int16 at 16 kHz.
        db: its levels, shape (frames,).
    """
    last = max(0, len(db) - _BLOCK_FRAMES)
    spread = np.linspace(0, last, _SPREAD).astype(int) // _BLOCK_FRAMES * _BLOCK_FRAMES
    starts = sorted({*_loudest(db, _LOUDEST), *spread.tolist()})
    blocks = [samples[at * HOP : (at + _BLOCK_FRAMES) * HOP] for at in starts]
    levels = np.concatenate([db[at : at + _BLOCK_FRAMES] for at in starts])
    spoken = speech_probabilities(np.concatenate(blocks))[: len(levels)] > _SPOKEN
    if not spoken.any():
        return SpeechSample(0.0, _FLOOR_DB)
    level = float(np.percentile(levels[: len(spoken)][spoken], _LOUD_PERCENT))
    return SpeechSample(float(np.count_nonzero(spoken)) * FRAME_SECONDS, level)


@dataclass(frozen=True)
class Likeness:
    """How similar two channels are, from 0 to 1, when the second is moved by `delay` samples (its
    lag), and the least and the most decibels by which it is louder."""

    alike: float
    delay: int
    least_gain: float
    most_gain: float


def likeness(one: Int16, other: Int16, db: Float32) -> Likeness:
    """Compare over the loudest blocks of `one`, which has the levels `db`: medians, and the range
    of gains."""
    found = [
        _block_likeness(one[at * HOP : end], other[at * HOP : end])
        for at in _loudest(db, _DELAY_BLOCKS)
        for end in [(at + _BLOCK_FRAMES) * HOP]
    ]
    alike, delays, gains = zip(*found, strict=True)
    return Likeness(float(np.median(alike)), int(np.median(delays)), min(gains), max(gains))


def _block_likeness(one: Int16, other: Int16) -> tuple[float, int, float]:
    a, b = (np.asarray(piece, np.float64) - np.mean(piece) for piece in (one, other))
    energy, other_energy = float(np.sum(a * a)), float(np.sum(b * b))
    if energy == 0 or other_energy == 0:
        return 0.0, 0, 0.0
    size = 1 << int(np.ceil(np.log2(len(a) + _MOST_DELAY)))
    products = np.fft.irfft(np.fft.rfft(b, size) * np.conj(np.fft.rfft(a, size)), size)
    near = np.abs(np.concatenate([products[-_MOST_DELAY:], products[: _MOST_DELAY + 1]]))
    place = int(np.argmax(near))
    alike = float(near[place]) / float(np.sqrt(energy * other_energy))
    return alike, place - _MOST_DELAY, 10 * float(np.log10(other_energy / energy))


@dataclass(frozen=True)
class Sides:
    """Which channel is the loudest, relative to the level of speech in it: `loudest`, shape
    (frames,), an index among those compared, and by how many decibels, `margin`; `active`: whether
    somebody speaks."""

    loudest: npt.NDArray[np.intp]
    margin: Float32
    active: Bool

    def one_sided(self, margin: float) -> Bool:
        """Frames in which one channel is louder than all others by `margin` decibels."""
        return self.active & (self.margin >= margin)

    def seconds(self, place: int, margin: float) -> float:
        """How many seconds the channel is the loudest by `margin` decibels."""
        here = self.one_sided(margin) & (self.loudest == place)
        return float(np.count_nonzero(here)) * FRAME_SECONDS


#: A frame counts as speech from this many decibels below the level of speech, and this many above
#: the quietest tenth.
_BELOW_SPEECH, _ABOVE_QUIET = 25.0, 6.0


def sides(db: Float32, speech: Sequence[float]) -> Sides:
    """Compare channels frame by frame.

    Args:
        db: their levels, shape (channels, frames), two or more.
        speech: how loud speech is in each, decibels.
    """
    relative = db - np.asarray(speech, np.float32)[:, None]
    ranked = np.sort(relative, axis=0)
    loudest = np.argmax(relative, axis=0)
    quiet = np.percentile(db, 10, axis=1)
    here = np.take_along_axis(db, loudest[None], 0)[0]
    active = (ranked[-1] > -_BELOW_SPEECH) & (here > quiet[loudest] + _ABOVE_QUIET)
    return Sides(loudest, (ranked[-1] - ranked[-2]).astype(np.float32), active)


@dataclass(frozen=True)
class Leak:
    """Channel `source` is heard in channel `into`, `gain` decibels louder (negative: quieter) and
    `frames` later."""

    source: int
    into: int
    gain: float
    frames: int


#: The least number of frames to look for a leak in, and the most frames of delay.
_LEAST_FRAMES, _MOST_LATE = 60, 12
#: The least correlation of two levels, and the least rise above the quiet level, that make a leak.
_FOLLOWS, _RISES_DB = 0.5, 6.0
_LOUD_DB = 15.0


def find_leak(source: int, into: int, db: Float32, alone: Bool, speech_level: float) -> Leak | None:
    """Find whether speech in one channel is heard in another, by the other's level.

    Args:
        source, into: indices of the two channels in `db`.
        db: levels, shape (channels, frames).
        alone: frames in which `source` certainly has the speaker, shape (frames,).
        speech_level: the level of speech in `source`.
    """
    quiet = float(np.percentile(db[into], 10))
    best: tuple[float, int, float] | None = None
    for late in range(_MOST_LATE + 1):
        at = np.flatnonzero(alone[: len(alone) - late])
        if len(at) < _LEAST_FRAMES:
            return None
        said, heard = db[source, at], db[into, at + late]
        follows = correlation(said, heard)
        loud = said > speech_level - _LOUD_DB
        if loud.sum() >= _LEAST_FRAMES // 2 and (best is None or follows > best[0]):
            best = follows, late, float(np.median(heard[loud] - said[loud]))
    if best is None or best[0] < _FOLLOWS:
        return None
    follows, late, gain = best
    return Leak(source, into, gain, late) if speech_level + gain > quiet + _RISES_DB else None


def correlation(one: Float32, other: Float32) -> float:
    """The correlation of two rows; 0 if one of them is constant."""
    if one.std() < 1e-3 or other.std() < 1e-3:
        return 0.0
    return float(np.corrcoef(one, other)[0, 1])


#: Speech in a channel is this many decibels louder than a leak into it; a leak decays by this many
#: decibels a frame.
_MARGIN_DB, _DECAY_DB = 6.0, 3.0
#: Frames: a shorter rise above the leak belongs to the leak; sound that is kept is extended by the
#: second value.
_SHORTEST_OWN, _AROUND_OWN = 3, 4


def own_sound(channel: int, db: Float32, leaks: Sequence[Leak]) -> Bool:
    """The frames of a channel that have more than a leak, shape (frames,)."""
    expected = np.full(db.shape[1], _FLOOR_DB, np.float32)
    for leak in leaks:
        if leak.into == channel:
            moved = np.full(db.shape[1], _FLOOR_DB, np.float32)
            moved[leak.frames :] = db[leak.source, : db.shape[1] - leak.frames] + leak.gain
            expected = np.maximum(expected, moved)
    # Each frame's level decays over the following ones: the running maximum of what is left.
    ramp = np.arange(len(expected), dtype=np.float64) * _DECAY_DB
    expected = (np.maximum.accumulate(expected + ramp) - ramp).astype(np.float32)
    quiet = float(np.percentile(db[channel], 10))
    own = (db[channel] > expected + _MARGIN_DB) & (db[channel] > quiet + _MARGIN_DB)
    own = _without_short_runs(own, _SHORTEST_OWN)
    kept = np.convolve(own, np.ones(2 * _AROUND_OWN + 1), "same") > 0.5
    result: Bool = np.logical_or(kept, expected < quiet)
    return result


def _without_short_runs(frames: Bool, shortest: int) -> Bool:
    edges = np.flatnonzero(np.diff(np.concatenate([[0], frames.astype(np.int8), [0]])))
    result: Bool = frames.copy()
    for start, end in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        if end - start < shortest:
            result[start:end] = False
    return result
