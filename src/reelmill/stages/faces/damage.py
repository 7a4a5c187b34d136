"""Report where the pictures of a video are damaged, and how badly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from reelmill.artifacts import Finding

#: Damaged places that are reported one by one.
_MOST_DAMAGE = 20


class Chunk(Protocol):
    """What is known of a run of frames; see `ChunkFaces`."""

    @property
    def times(self) -> npt.NDArray[np.float64]: ...
    @property
    def lost(self) -> int: ...
    @property
    def damaged(self) -> int: ...


@dataclass
class _Damage:
    """A damaged place: start and end in s, and the amount of damage."""

    start: float
    end: float
    lost: int = 0
    damaged: int = 0

    def finding(self, where: str = "") -> Finding:
        counts = [
            f"{count} {what}{'s' if count > 1 else ''} {done}"
            for count, what, done in (
                (self.lost, "corrupt packet", "left out"),
                (self.damaged, "picture", "damaged"),
            )
            if count
        ]
        text = " and ".join(counts) + where
        return Finding("damaged pictures", self.start, self.end, text=text, severity="warning")


def damaged_places(found: Sequence[Chunk]) -> list[Finding]:
    """A finding for each of the first damaged places, and one for all others."""
    places: list[_Damage] = []
    going_on = False
    for chunk in found:
        is_damaged = bool(chunk.lost or chunk.damaged)
        if is_damaged and not going_on:
            places.append(_Damage(float(chunk.times[0]), float(chunk.times[-1])))
        if is_damaged:
            places[-1].end = float(chunk.times[-1])
            places[-1].lost += chunk.lost
            places[-1].damaged += chunk.damaged
        going_on = is_damaged
    findings = [place.finding() for place in places[:_MOST_DAMAGE]]
    if rest := places[_MOST_DAMAGE:]:
        total = _Damage(rest[0].start, rest[-1].end)
        total.lost = sum(place.lost for place in rest)
        total.damaged = sum(place.damaged for place in rest)
        findings.append(total.finding(f" in {len(rest)} more places"))
    return findings
