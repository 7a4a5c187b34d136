"""Jitter and shimmer: how much glottal periods and their amplitudes differ from the next.

Both are local, as Praat defines them, with its defaults.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from reelmill.core.arrays import Bool, Float32, Float64, Int64
from reelmill.models.pitch.candidates import RATE
from reelmill.models.pitch.periods import Pulses

#: The shortest and longest period in seconds, and the largest ratio of two that follow each other,
#: and of two amplitudes.
_SHORTEST, _LONGEST, _RATIO, _AMPLITUDE_RATIO = 0.0001, 0.02, 1.3, 1.6
#: The amplitude at a pulse is taken from this share of the periods around it.
_SHARE = 0.2
#: Samples without which there is no amplitude.
_LEAST_SAMPLES = 3
#: Fewer periods than this give no jitter or shimmer.
_LEAST_PERIODS = 10


@dataclass(frozen=True)
class Perturbation:
    """How many periods there are, and their jitter and shimmer as shares; None with too few."""

    periods: int
    jitter: float | None
    shimmer: float | None


def perturbation(samples: Float32, pulses: Pulses) -> Perturbation:
    """The jitter and shimmer of a sound of 16 kHz, shape (samples,), with these pulses."""
    seconds = np.diff(pulses.place) / RATE
    is_possible = (np.diff(pulses.part) == 0) & (seconds >= _SHORTEST) & (seconds <= _LONGEST)
    is_pair = is_possible[1:] & is_possible[:-1]
    is_pair &= _ratio(seconds[1:], seconds[:-1]) <= _RATIO
    is_period = is_possible & _has_neighbour(is_pair, is_possible)
    periods = int(np.count_nonzero(is_period))
    if periods < _LEAST_PERIODS or not is_pair.any():
        return Perturbation(periods, None, None)
    apart = np.abs(np.diff(seconds))[is_pair].mean()
    jitter = float(apart / seconds[is_period].mean())
    return Perturbation(periods, jitter, _shimmer(samples, pulses.place, seconds, is_pair))


def _ratio(ones: Float64, others: Float64) -> Float64:
    """The larger of each pair divided by the smaller."""
    larger, smaller = np.maximum(ones, others), np.minimum(ones, others)
    found: Float64 = larger / np.maximum(smaller, 1e-9)
    return found


def _has_neighbour(is_pair: Bool, is_possible: Bool) -> Bool:
    """Which periods are like one beside them, or have none beside them."""
    before, after = np.concatenate([[False], is_pair]), np.concatenate([is_pair, [False]])
    beside = np.concatenate([[False], is_possible, [False]])
    found: Bool = before | after | ~(beside[2:] | beside[:-2])
    return found


def _shimmer(samples: Float32, places: Float64, seconds: Float64, is_pair: Bool) -> float | None:
    at = np.flatnonzero(is_pair)
    middle = places[at + 1]
    left, right = (_SHARE * RATE * seconds[one] for one in (at, at + 1))
    amplitude = _amplitudes(samples, middle, left, right)
    is_known = amplitude > 0
    middle, amplitude = middle[is_known], amplitude[is_known]
    apart = np.diff(middle) / RATE
    is_alike = (apart >= _SHORTEST) & (apart <= _LONGEST)
    is_alike &= _ratio(amplitude[1:], amplitude[:-1]) <= _AMPLITUDE_RATIO
    if not is_alike.any():
        return None
    return float(np.abs(np.diff(amplitude))[is_alike].mean() / amplitude[:-1].mean())


def _amplitudes(samples: Float32, middle: Float64, left: Float64, right: Float64) -> Float64:
    """The root mean square around each pulse, in a Hann window; 0 where it has too few samples."""
    first: Int64 = np.maximum(np.ceil(middle - left), 0).astype(np.int64)
    count = np.minimum(np.floor(middle + right), len(samples) - 1).astype(np.int64) - first + 1
    length = int(count.max())
    padded = np.concatenate([samples, np.zeros(length, np.float32)])
    sound = sliding_window_view(padded, length)[first]
    away = (first - middle).astype(np.float32)[:, None] + np.arange(length, dtype=np.float32)
    scale = np.where(away < 0, *(np.pi / one.astype(np.float32)[:, None] for one in (left, right)))
    away *= scale
    window = np.float32(0.5) + np.float32(0.5) * np.cos(away)
    window[np.arange(length) >= count[:, None]] = 0
    energy = np.square(sound * window).sum(1) / np.square(window).sum(1)
    found: Float64 = np.where(count >= _LEAST_SAMPLES, np.sqrt(energy), 0).astype(np.float64)
    return found
