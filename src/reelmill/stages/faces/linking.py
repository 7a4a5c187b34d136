"""Link voices with faces, and decide by both who speaks. Pure functions.

Faces and voices are compared moment by moment, 25 a second. The evidence that a face speaks is the
logit of the active speaker detector's probability, NaN where the face is not visible.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from reelmill.artifacts import Person, SpeakingArrays, Turn
from reelmill.core.arrays import Bool, Float32

#: Moments a second.
RATE = 25
#: A voice belongs to a face that speaks, alone and with more evidence than all others in the
#: picture, for at least this many seconds of the voice's time and this share of the time in which
#: any face does.
_LEAST_SECONDS, _LEAST_SHARE = 0.8, 0.6
#: Logits are clipped to this magnitude.
_SUREST = 6.0
#: What a voice adds to the logit of its face and subtracts from all others if it matches that face
#: in at least `_SURE_SHARE` of its time; less, the closer the share is to a half.
_VOICE, _SURE_SHARE = 3.0, 0.9
#: Of two faces that move, one may only be listening: a face without a voice of its own must come
#: within this difference of logits of the surest one.
_AS_SURE = 1.5
#: A moving mouth counts only if a voice is heard within this many moments.
_REACH = 5
#: The weight of a voice where no mouth is seen to move.
_UNMOVED = 0.6
#: Logits are means over this many moments: a syllable or two.
_SMOOTH = 9


def evidence(persons: Sequence[Person], activity: SpeakingArrays, moments: int) -> Float32:
    """(persons, moments) the logit that each person speaks, by the face alone."""
    found = np.full((len(persons), moments), np.nan, np.float32)
    for row, person in zip(found, persons, strict=True):
        for track in {track for interval in person.intervals for track in interval.tracks}:
            first = int(activity.first[track])
            likely = activity.probabilities[activity.offsets[track] : activity.offsets[track + 1]]
            until = min(moments, first + len(likely))
            if until > first:
                row[first:until] = _smoothed(_logit(likely))[: until - first]
    return found


def heard_in(turns: Sequence[Turn], speakers: Sequence[str], moments: int) -> Bool:
    """(speakers, moments) whether each speaks."""
    found = np.zeros((len(speakers), moments), np.bool_)
    for turn in turns:
        found[speakers.index(turn.speaker), round(turn.start * RATE) : round(turn.end * RATE)] = (
            True
        )
    return found


@dataclass(frozen=True)
class Link:
    """The person of a voice. `trust` is from 0 to 1: a voice that the diarizer made of two people
    says nothing about who speaks."""

    person: int
    trust: float


def links(seen: Float32, heard: Bool) -> dict[int, Link]:
    """The person of each voice that matches a face. A person can have several voices.

    Args:
        seen: as `evidence`.
        heard: as `heard_in`.
    """
    if not seen.size:
        return {}
    likely = np.where(np.isnan(seen), -np.inf, seen)
    surest, speaks = likely.argmax(axis=0), likely.max(axis=0) > 0
    alone = heard.sum(axis=0) == 1
    counts = {
        voice: np.bincount(surest[active & alone & speaks], minlength=len(seen))
        for voice, active in enumerate(heard)
    }
    owners = {
        voice: int(count.argmax())
        for voice, count in counts.items()
        if count.max() >= max(_LEAST_SECONDS * RATE, _LEAST_SHARE * count.sum())
    }
    voiceless = np.array([person not in owners.values() for person in range(len(seen))])
    return {
        voice: Link(person, _trust(counts[voice][person], counts[voice][voiceless].sum()))
        for voice, person in owners.items()
    }


def _trust(own: float, voiceless: float) -> float:
    """A voice is trusted less, the more people without a voice of their own speak while it is
    heard. For people who have one, an error of the detector is more likely than one of the
    diarizer."""
    share = own / (own + voiceless)
    return float(min(1.0, max(0.0, (share - 0.5) / (_SURE_SHARE - 0.5))))


def who_speaks(seen: Float32, heard: Bool, linked: Mapping[int, Link]) -> tuple[Bool, Float32]:
    """(persons, moments) who speaks, by the face and by the voice where it is known; and a share
    from 0 to 1 for each person, 1 for the most likely speaker.

    Args:
        seen: as `evidence`.
        heard: as `heard_in`.
        linked: as `links`.
    """
    own = np.zeros(seen.shape, np.float32)
    for voice, link in linked.items():
        own[link.person] = np.maximum(own[link.person], link.trust * heard[voice])
    others = np.where(own > 0, 0, own.max(axis=0, initial=0))
    sure = np.where(np.isnan(seen), -np.inf, seen + _VOICE * (own - others))
    surest = sure.max(axis=0, initial=-np.inf)
    around = np.pad(heard.any(axis=0), _REACH)
    audible = np.lib.stride_tricks.sliding_window_view(around, 2 * _REACH + 1).any(axis=1)
    said = audible & (sure >= 0) & ((own > 0) | (sure >= surest - _AS_SURE))
    behind = np.where(np.isneginf(sure), -np.inf, sure - np.where(np.isneginf(surest), 0, surest))
    spoken = np.where(said.any(axis=0), 1.0, np.where(heard.any(axis=0), _UNMOVED, 0.0))
    return said, np.asarray(spoken * np.exp(behind), np.float32)


def _logit(likely: Float32) -> Float32:
    edge = 1 / (1 + np.exp(_SUREST))
    kept = np.clip(likely.astype(np.float64), edge, 1 - edge)
    return np.asarray(np.log(kept / (1 - kept)), np.float32)


def _smoothed(values: Float32) -> Float32:
    padded = np.pad(values, _SMOOTH // 2, mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, _SMOOTH)
    return np.asarray(windows.mean(axis=1), np.float32)
