"""Find a speaker's own baseline in a recording, and the utterances that differ from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from reelmill.artifacts import Change, Utterance
from reelmill.artifacts.acoustics import Measure
from reelmill.core.arrays import Float64

#: The median absolute deviation times this estimates the standard deviation of a normal
#: distribution.
_MAD_TO_DEVIATION = 1.4826
#: The least deviation of each measure: dB, semitones, and for the rate a share of the median.
_LEAST = {"level": 1.0, "f0": 0.5, "rate": 0.05}
_MEASURES: tuple[Measure, ...] = ("level", "f0", "rate")


@dataclass(frozen=True)
class BaselineRules:
    """`least_utterances`: with fewer there is no baseline. `shortest`: the least seconds of an
    utterance. `z`: the least z-score of a value that differs (Iglewicz and Hoaglin 1993)."""

    least_utterances: int = 8
    shortest: float = 0.5
    z: float = 3.5


def semitones(hertz: float) -> float:
    """The pitch in semitones above 1 Hz: people hear ratios of frequencies."""
    return float(12 * np.log2(hertz))


def changes_of(utterances: Sequence[Utterance], rules: BaselineRules) -> list[Change]:
    """The changes from the baseline of one speaker; also sets `z` in the utterances.

    Args:
        utterances: all of the speaker.
        rules: what counts as different.
    """
    found = []
    for measure in _MEASURES:
        known = [
            one
            for one in utterances
            if one.end - one.start >= rules.shortest and getattr(one, measure) is not None
        ]
        if len(known) < rules.least_utterances:
            continue
        values = np.array([_scaled(measure, getattr(one, measure)) for one in known])
        median = float(np.median(values))
        scores = (values - median) / _deviation(values, median, measure)
        baseline = float(np.median([getattr(one, measure) for one in known]))
        for one, score in zip(known, scores.tolist(), strict=True):
            one.z[measure] = round(score, 2)
            if abs(score) >= rules.z:
                value = getattr(one, measure)
                found.append(
                    Change(
                        measure, one.start, one.end, one.speaker, value, baseline, one.z[measure]
                    )
                )
    return sorted(found, key=lambda change: change.start)


def _scaled(measure: Measure, value: float) -> float:
    return semitones(value) if measure == "f0" else value


def _deviation(values: Float64, median: float, measure: Measure) -> float:
    least = _LEAST[measure] * (median if measure == "rate" else 1.0)
    return robust_deviation(values, median, least)


def robust_deviation(values: Float64, median: float, least: float) -> float:
    """The standard deviation as estimated from the median absolute deviation, at least `least`,
    because otherwise every utterance of a steady voice would be a change."""
    return max(_MAD_TO_DEVIATION * float(np.median(np.abs(values - median))), least)
