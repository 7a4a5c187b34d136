"""The glottal periods of voiced sound, by cross-correlation.

The method is that of Praat's `Sound & Pitch: To PointProcess (cc)`: from the largest peak in the
middle of a voiced part, the next pulse is where one period of sound resembles most the period
before it. One follows from the other, so many parts are followed side by side.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from reelmill.core.arrays import Bool, Float32, Float64, Int64
from reelmill.models.pitch.candidates import RATE
from reelmill.models.pitch.path import PitchTrack

#: Where the next pulse is looked for, in periods.
_NEAREST, _FARTHEST = 0.8, 1.25
#: The least correlation of a pulse, and of one beyond the end of a voiced part, and the least
#: amplitude around them beside that of the whole sound.
_CORRELATION, _CORRELATION_BEYOND = 0.3, 0.7
_PEAK, _PEAK_BEYOND = 0.01, 0.023333


@dataclass(frozen=True)
class Pulses:
    """Glottal pulses, in order.

    Attributes:
        place: samples from the first sample of the sound, shape (pulses,).
        part: the number of the part of voiced sound that each is in; periods and what is compared
            lie within a part, shape (pulses,).
    """

    place: Float64
    part: Int64

    def of(self, chosen: Bool) -> Pulses:
        return Pulses(self.place[chosen], self.part[chosen])


@dataclass(frozen=True)
class _Lanes:
    """Parts that are followed in one direction. All of shape (lanes,).

    Attributes:
        place: where each has come to, in samples.
        end: where the part ends.
        part: its number.
        is_right: the direction.
    """

    place: Float64
    end: Float64
    part: Int64
    is_right: Bool

    def of(self, chosen: Bool) -> _Lanes:
        return _Lanes(
            self.place[chosen], self.end[chosen], self.part[chosen], self.is_right[chosen]
        )

    @property
    def is_beyond(self) -> Bool:
        found: Bool = (self.place > self.end) == self.is_right
        return found


@dataclass(frozen=True)
class _Found:
    """What was found in one step: where the lanes have come to, by which period in samples, and
    the correlation."""

    lanes: _Lanes
    period: Float64
    correlation: Float64


class _Sound:
    """Samples with silence around them, so that windows may reach over the edges.

    Args:
        samples: shape (samples,).
        period: the longest in it, in samples.
    """

    def __init__(self, samples: Float32, period: float) -> None:
        whole = math.ceil(period)
        self._around = 6 * whole
        silent = np.zeros(self._around, np.float32)
        padded = np.concatenate([silent, samples, silent])
        squares = np.concatenate([[0.0], np.cumsum(np.square(padded, dtype=np.float64))])
        self._windows = sliding_window_view(padded, 2 * whole)
        self._squares = sliding_window_view(squares, whole)
        #: Row n is 1 in the first n places.
        self._shorter = np.tri(whole + 4, whole + 3, -1, np.float32)

    def windows(self, first: Int64, length: int) -> Float32:
        """Windows that begin at some samples, shape (windows, length)."""
        found: Float32 = self._windows[first + self._around, :length]
        return found

    def cut(self, first: Int64, lengths: Int64) -> Float32:
        """Windows of several lengths, up to the longest period, followed by silence."""
        longest = int(lengths.max())
        return self.windows(first, longest) * self._shorter[lengths, :longest]

    def energies(self, first: Int64, length: Int64, lags: int) -> Float64:
        """The sums of squares of windows of several lengths, and of those that begin up to so many
        samples after them, shape (windows, lags)."""
        begin = first + self._around
        found: Float64 = self._squares[begin + length, :lags] - self._squares[begin, :lags]
        return found


@dataclass(frozen=True)
class _Periods:
    """Periods over time, as Praat interpolates frequencies: those of frames, and that of the
    nearest frame at the edges of voiced sound."""

    places: Float64
    frequencies: Float64

    @classmethod
    def of(cls, track: PitchTrack, step: float) -> _Periods:
        frames = np.flatnonzero(track.f0 > 0)
        is_edge = np.diff(frames) > 1
        first = frames[np.concatenate([[True], is_edge])]
        last = frames[np.concatenate([is_edge, [True]])]
        places = np.concatenate([frames, first - 0.5, last + 0.5])
        hertz = track.f0[np.concatenate([frames, first, last])].astype(np.float64)
        order = np.argsort(places, kind="stable")
        return cls(_place_of(places[order], track, step), hertz[order] / RATE)

    def at(self, place: Float64) -> Float64:
        """The periods at places in voiced sound, in samples."""
        found: Float64 = 1 / np.interp(place, self.places, self.frequencies)
        return found


def _place_of(frames: np.typing.NDArray[np.floating], track: PitchTrack, step: float) -> Float64:
    """Frames (whole ones are middles) in samples."""
    place: Float64 = (track.first + step * frames.astype(np.float64)) * RATE - 0.5
    return place


def glottal_pulses(samples: Float32, track: PitchTrack, step: float) -> Pulses:
    """The glottal pulses of a sound.

    Args:
        samples: 16 kHz, in [-1, 1], shape (samples,).
        track: the pitch of the sound.
        step: seconds between its frames.
    """
    is_voiced = track.f0 > 0
    if not is_voiced.any():
        return Pulses(np.zeros(0), np.zeros(0, np.int64))
    sound = _Sound(samples, RATE / float(track.f0[is_voiced].min()))
    periods = _Periods.of(track, step)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], is_voiced.view(np.int8), [0]])))
    begins, ends = (_place_of(one - 0.5, track, step) for one in (edges[::2], edges[1::2]))
    seeds = _seeds(sound, periods, (begins + ends) / 2)
    number = np.arange(len(seeds))
    lanes = _Lanes(
        np.concatenate([seeds, seeds]),
        np.concatenate([begins, ends]),
        np.concatenate([number, number]),
        np.repeat([False, True], len(seeds)),
    )
    found = _joined(_followed(sound, periods, lanes))
    is_pulse = _are_pulses(sound, found, float(np.abs(samples).max()))
    place = np.concatenate([seeds, found.lanes.place[is_pulse]])
    part = np.concatenate([number, found.lanes.part[is_pulse]])
    order = np.lexsort((place, part))
    return Pulses(place[order], part[order])


def _seeds(sound: _Sound, periods: _Periods, middles: Float64) -> Float64:
    """The largest amplitude within half a period of each place."""
    half = periods.at(middles) / 2
    first = np.floor(middles - half).astype(np.int64)
    last = np.ceil(middles + half).astype(np.int64) - first
    around = sound.cut(first, last + 1)
    at = np.abs(around).argmax(1)
    every = np.arange(len(at))
    left, right = np.maximum(at - 1, 0), np.minimum(at + 1, last)
    moved, _ = _vertex(around[every, left], around[every, at], around[every, right])
    place: Float64 = first + at + np.where((left < at) & (at < right), moved, 0)
    return place


def _vertex(
    before: Float32 | Float64, middle: Float32 | Float64, after: Float32 | Float64
) -> tuple[Float64, Float64]:
    """The offset in samples and the height of a parabola through three values."""
    slope, bend = 0.5 * (after - before), 2 * middle - before - after
    moved = slope / np.where(bend == 0, np.inf, bend)
    return moved, middle + 0.5 * slope * moved


def _followed(sound: _Sound, periods: _Periods, lanes: _Lanes) -> list[_Found]:
    """All that is found from the seeds to the ends of the parts."""
    found = []
    while len(lanes.place):
        period = periods.at(lanes.place)
        place, correlation = _next(sound, lanes, period)
        lanes = replace(lanes, place=place)
        found.append(_Found(lanes, period, correlation))
        is_beyond = lanes.is_beyond
        if is_beyond.any():
            lanes = lanes.of(~is_beyond)
    return found


def _next(sound: _Sound, lanes: _Lanes, period: Float64) -> tuple[Float64, Float64]:
    """Where the sound within a period resembles most that around a place, and how much; where no
    place is better than those beside it, a period on, and -1."""
    start = lanes.place - 0.5 * period
    own = np.floor(start + 0.5).astype(np.int64)
    length = np.floor(start + period + 0.5).astype(np.int64) - own + 1
    nearest = start + np.where(lanes.is_right, _NEAREST, -_FARTHEST) * period
    first = np.floor(nearest).astype(np.int64)
    last = np.ceil(nearest + (_FARTHEST - _NEAREST) * period).astype(np.int64) - first
    alike = _correlations(sound, own, length, first, int(last.max()) + 1)
    middle = alike[:, 1:-1]
    is_maximum = (middle >= alike[:, :-2]) & (middle >= alike[:, 2:])
    is_maximum &= np.arange(middle.shape[1]) < last[:, None]
    at = np.where(is_maximum, middle, -1).argmax(1)
    every = np.arange(len(at))
    moved, height = _vertex(*(alike[every, at + offset] for offset in range(3)))
    is_found = is_maximum[every, at]
    expected = np.where(lanes.is_right, period, -period)
    place = lanes.place + np.where(is_found, first + at + moved - own, expected)
    return place, np.where(is_found, height, -1)


def _correlations(sound: _Sound, own: Int64, length: Int64, first: Int64, lags: int) -> Float64:
    """The correlation of each window with those of the same length that begin at `first` and so
    many samples after it, shape (windows, 1 + lags); column 0 is 0."""
    window = sound.cut(own, length)
    longest = window.shape[1]
    others = sound.windows(first, lags + longest - 1)
    row, sample = others.strides
    shape = len(own), lags, longest
    views = np.ndarray(shape, np.float32, others, strides=(row, sample, sample))
    energy = sound.energies(first, length, lags)
    energy *= sound.energies(own, length, 1)
    alike = np.zeros((len(own), 1 + lags))
    product = np.einsum("lkw,lw->lk", views, window)
    np.divide(product, np.sqrt(np.maximum(energy, 1e-30)), out=alike[:, 1:])
    return alike


def _joined(found: list[_Found]) -> _Found:
    lanes = [one.lanes for one in found]
    return _Found(
        _Lanes(
            np.concatenate([one.place for one in lanes]),
            np.concatenate([one.end for one in lanes]),
            np.concatenate([one.part for one in lanes]),
            np.concatenate([one.is_right for one in lanes]),
        ),
        np.concatenate([one.period for one in found]),
        np.concatenate([one.correlation for one in found]),
    )


def _are_pulses(sound: _Sound, found: _Found, peak: float) -> Bool:
    """Which places are pulses: those that are not found in the part before them too, with enough
    correlation and amplitude."""
    lanes = found.lanes
    length = found.period.astype(np.int64)
    first = np.floor(lanes.place - 0.5 * found.period).astype(np.int64)
    amplitude = np.abs(sound.cut(first, length)).max(1)
    is_beyond = lanes.is_beyond
    is_pulse = found.correlation > np.where(is_beyond, _CORRELATION_BEYOND, _CORRELATION)
    is_pulse &= amplitude > peak * np.where(is_beyond, _PEAK_BEYOND, _PEAK)
    rightmost = np.full(int(lanes.part.max()) + 2, -np.inf)
    is_right = is_pulse & lanes.is_right
    np.maximum.at(rightmost, lanes.part[is_right] + 1, lanes.place[is_right])
    before = np.maximum.accumulate(rightmost)[lanes.part]
    is_pulse &= lanes.is_right | (lanes.place - before > _NEAREST * found.period)
    return is_pulse
