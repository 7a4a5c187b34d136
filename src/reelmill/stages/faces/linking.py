"""Which voice is whose face, and who speaks by both. Pure functions.

Faces and voices are compared moment by moment, 25 a second. Evidence that a face speaks is the
logit of what the active speaker detector says of it, NaN where the face is not to be seen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from reelmill.artifacts import Person, SpeakingArrays, Turn

Float32 = npt.NDArray[np.float32]
Bool = npt.NDArray[np.bool_]

#: Moments a second.
RATE = 25
#: A voice is a face's that speaks, by itself and surer than all others in the picture, for so many
#: seconds of the voice's time, and for this share of the time that it is anybody's.
_LEAST_SECONDS, _LEAST_SHARE = 0.8, 0.6
#: Probabilities are taken for no surer than this, as a logit.
_SUREST = 6.0
#: What a voice adds to the logit of its face, and takes from those of all others, where it is that
#: face's in at least `_SURE_SHARE` of its time; less, the nearer the share is to a half.
_VOICE, _SURE_SHARE = 3.0, 0.9
#: Of two faces that move one may only be listening: without a voice of its own it has to be as
#: sure as the surest one, but for this (difference of logits).
_AS_SURE = 1.5
#: Logits are means over so many moments: a syllable or two.
_SMOOTH = 9


def evidence(persons: Sequence[Person], activity: SpeakingArrays, moments: int) -> Float32:
    """(persons, moments) logits that each person speaks, as far as the face shows it."""
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
    """Whose a voice is, and in what share of the time in which it is anybody's."""

    person: int
    share: float

    @property
    def trust(self) -> float:
        """From 0 to 1: two people whom the diarizer took for one share a voice."""
        return min(1.0, max(0.0, (self.share - 0.5) / (_SURE_SHARE - 0.5)))


def links(seen: Float32, heard: Bool) -> dict[int, Link]:
    """For each voice that goes together with a face, whose it is; several voices may be one's.

    Args:
        seen: as `evidence`.
        heard: as `heard_in`.
    """
    found: dict[int, Link] = {}
    if not seen.size:
        return found
    likely = np.where(np.isnan(seen), -np.inf, seen)
    surest, speaks = likely.argmax(axis=0), likely.max(axis=0) > 0
    alone = heard.sum(axis=0) == 1
    for voice, active in enumerate(heard):
        counts = np.bincount(surest[active & alone & speaks], minlength=len(seen))
        best = int(counts.argmax())
        if counts[best] >= max(_LEAST_SECONDS * RATE, _LEAST_SHARE * counts.sum()):
            found[voice] = Link(best, float(counts[best] / counts.sum()))
    return found


def who_speaks(seen: Float32, heard: Bool, linked: Mapping[int, Link]) -> Bool:
    """(persons, moments) who is seen to speak: by the face, and by the voice where it is known.

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
    return np.asarray((sure >= 0) & ((own > 0) | (sure >= surest - _AS_SURE)))


def _logit(likely: Float32) -> Float32:
    edge = 1 / (1 + np.exp(_SUREST))
    kept = np.clip(likely.astype(np.float64), edge, 1 - edge)
    return np.asarray(np.log(kept / (1 - kept)), np.float32)


def _smoothed(values: Float32) -> Float32:
    padded = np.pad(values, _SMOOTH // 2, mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, _SMOOTH)
    return np.asarray(windows.mean(axis=1), np.float32)
