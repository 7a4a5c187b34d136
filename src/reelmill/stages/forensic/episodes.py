"""Escalation episodes: a speaker is louder or higher than usual over a moving window."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from reelmill.artifacts import Episode
from reelmill.artifacts.acoustics import EpisodeKind
from reelmill.core.arrays import Bool, Float32, Float64
from reelmill.stages.forensic.baseline import robust_deviation
from reelmill.stages.forensic.curves import FRAMES, Curves, loudness_of

#: Frames from one window to the next.
_HOP = 50
#: The frames of the speaker at the edges of an episode must be high enough on average over these
#: lengths, so that a single loud syllable is not an edge, and an episode does not begin before the
#: voice rises.
_EDGES = (100, 30, 1)
#: The least deviation for z-scores: dB, and octaves (half a semitone).
_LEAST_DECIBELS, _LEAST_OCTAVES = 1.0, 0.5 / 12


@dataclass(frozen=True)
class EpisodeRules:
    """The rules for episodes.

    Attributes:
        louder: dB above the speaker's own baseline.
        higher: ratio to the speaker's own baseline of the pitch.
        window: seconds; the loudness or median pitch over each is compared.
        least_speech: seconds of the speaker that a window must have, for pitch voiced ones.
        shortest: seconds an episode lasts at least.
        joins: seconds of other talk or silence that do not end an episode.
        least_seconds: seconds of a speaker's speech below which there is no baseline.
    """

    louder: float = 3.0
    higher: float = 1.10
    window: float = 5.0
    least_speech: float = 1.5
    shortest: float = 3.0
    joins: float = 5.0
    least_seconds: float = 15.0


@dataclass(frozen=True)
class _Kind:
    """How one kind of episode is measured: `values` of frames where they exist (`there`), the
    `mean` of such values and, in its unit, the `rise` above the baseline that makes an episode and
    the least `deviation`. `told` turns a mean into the unit for people."""

    name: EpisodeKind
    values: Float32
    there: Bool
    mean: Callable[[Float32], float]
    rise: float
    deviation: float
    told: Callable[[float], float]


def episodes_of(
    speaker: str | None, sounding: Bool, curves: Curves, rules: EpisodeRules
) -> list[Episode]:
    """The episodes of one speaker in one sound, in order.

    Args:
        speaker: whose.
        sounding: where the speaker is heard, shape (frames,).
        curves: of the sound.
        rules: what makes an episode.
    """
    if np.count_nonzero(sounding) < rules.least_seconds * FRAMES:
        return []
    voiced = sounding & (curves.f0 > 0)
    octaves = np.log2(np.where(voiced, curves.f0, 1)).astype(np.float32)
    rise = float(np.log2(rules.higher))
    kinds = (
        _Kind("louder", curves.weighted, sounding, _loudness, rules.louder, _LEAST_DECIBELS, float),
        _Kind("higher", octaves, voiced, _median, rise, _LEAST_OCTAVES, lambda one: 2.0**one),
    )
    found = [one for kind in kinds for one in _of_kind(speaker, kind, rules)]
    return sorted(found, key=lambda one: one.start)


def _loudness(weighted: Float32) -> float:
    return float(loudness_of(weighted.mean(keepdims=True))[0])


def _median(values: Float32) -> float:
    return float(np.median(values))


def _of_kind(speaker: str | None, kind: _Kind, rules: EpisodeRules) -> Iterator[Episode]:
    places = np.flatnonzero(kind.there)
    values = kind.values[places]
    starts, means = _windows(places, values, len(kind.there), kind, rules)
    if not len(means):
        return
    baseline = float(np.median(means))
    deviation = robust_deviation(means, baseline, kind.deviation)
    wide = round(rules.window * FRAMES)
    high = starts[means >= baseline + kind.rise]
    for first, last in _stretches(high, wide, round(rules.joins * FRAMES)):
        inside = (places >= first) & (places < last)
        edges = _trimmed(places[inside], values[inside], kind, baseline + kind.rise)
        if edges is None or edges[1] - edges[0] < rules.shortest * FRAMES:
            continue
        inside = (places >= edges[0]) & (places < edges[1])
        value = kind.mean(values[inside])
        yield Episode(
            kind.name,
            round(edges[0] / FRAMES, 3),
            round(edges[1] / FRAMES, 3),
            speaker,
            round(kind.told(value), 2),
            round(kind.told(baseline), 2),
            round((value - baseline) / deviation, 2),
        )


def _windows(
    places: np.typing.NDArray[np.intp],
    values: Float32,
    frames: int,
    kind: _Kind,
    rules: EpisodeRules,
) -> tuple[np.typing.NDArray[np.int64], Float64]:
    """The first frame of each window that has enough speech, and its value."""
    wide, least = round(rules.window * FRAMES), round(rules.least_speech * FRAMES)
    starts = np.arange(0, max(1, frames - wide + _HOP), _HOP)
    first, last = np.searchsorted(places, starts), np.searchsorted(places, starts + wide)
    enough = last - first >= least
    means = [kind.mean(values[a:b]) for a, b in zip(first[enough], last[enough], strict=True)]
    return starts[enough], np.array(means)


def _stretches(
    starts: np.typing.NDArray[np.int64], wide: int, joins: int
) -> Iterator[tuple[int, int]]:
    """The stretches covered by windows, joined if they are near each other: first frame, and the
    frame after the last."""
    if not len(starts):
        return
    borders = np.flatnonzero(np.diff(starts) > _HOP + joins) + 1
    for group in np.split(starts, borders):
        yield int(group[0]), int(group[-1] + wide)


def _trimmed(
    places: np.typing.NDArray[np.intp], values: Float32, kind: _Kind, least: float
) -> tuple[int, int] | None:
    """Where what follows, or what ends, is high enough: first frame, and the frame after the
    last."""

    def is_high(at: int, *, forward: bool) -> bool:
        return all(
            kind.mean(values[at : at + wide] if forward else values[max(0, at - wide) : at])
            >= least
            for wide in _EDGES
        )

    begins = next((at for at in range(0, len(places), 5) if is_high(at, forward=True)), None)
    ends = next((at for at in range(len(places), 0, -5) if is_high(at, forward=False)), None)
    if begins is None or ends is None or ends <= begins:
        return None
    return int(places[begins]), int(places[ends - 1]) + 1
