"""Finding the faces of many frames by looking at few.

The whole detector looks at every few frames. A face it found in two of them is expected on the way
from one place to the other, and the detector's last network alone, at a twentieth of the cost,
checks and corrects it there. Where that does not hold (a face moves fast, comes or goes) the
detector looks at the frame in the middle, and so on to the left and right of it: at rest every
sixteenth frame of a video is searched, in turmoil every other one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from reelmill.models.boxes import Float32, Int64, UInt8, overlaps
from reelmill.models.detector import Faces, no_faces

Bool = npt.NDArray[np.bool_]

#: Frames from one look to the next where nothing happens.
LOOK_EVERY = 8
#: Frames the detector gets in one call: with more, what it computes no longer fits the cache.
_LOOKS_A_CALL = 2
#: Frames a detector gets in one call that looks at all of them.
_FRAMES_A_CALL = 8

#: A checked box is a face from this score on, if it also stayed where it was expected.
_SURE = 0.8
_STAYED = 0.35
#: Two checked boxes with more in common are the same face.
_SAME = 0.6

#: Matching between looks: how far in widths, how much larger or smaller.
_FARTHEST = 4.0
_LARGEST_RATIO = 1.6


class Detector(Protocol):
    """A face detector; see `models.detector.DetectorSpec`."""

    def look(self, frames: Sequence[UInt8]) -> list[Faces]: ...


class CheckingDetector(Detector, Protocol):
    """A detector that can also look at single boxes."""

    def check(self, frames: Sequence[UInt8], which: Int64, boxes: Float32) -> Faces: ...


def find_faces(
    detector: Any, frames: Sequence[UInt8], runs: Sequence[tuple[int, int]]
) -> tuple[list[Faces], Bool]:
    """The faces of each frame, and whether the whole detector looked at it.

    One that cannot check single boxes looks at every frame.

    Args:
        detector: a `Detector`, perhaps a `CheckingDetector`.
        frames: all of one size.
        runs: the first and last frame of each stretch that shows one scene.
    """
    if hasattr(detector, "check"):
        search = Search(detector, frames, runs)
        search.run()
        return search.found, search.looked
    found: list[Faces] = []
    for start in range(0, len(frames), _FRAMES_A_CALL):
        found += detector.look(frames[start : start + _FRAMES_A_CALL])
    return found, np.ones(len(frames), np.bool_)


@dataclass(frozen=True)
class Gap:
    """The frames between `left` and `right`; the faces of these two are known."""

    left: int
    right: int

    @property
    def middle(self) -> int:
        return (self.left + self.right) // 2


@dataclass
class Search:
    """A search through frames, all of one size; `runs` are the first and last frame of each
    stretch that shows one scene. After `run`, `found` has the faces of each frame."""

    detector: CheckingDetector
    frames: Sequence[UInt8]
    runs: Sequence[tuple[int, int]]
    found: list[Faces] = field(default_factory=list)
    looked: npt.NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, np.bool_))

    def run(self) -> None:
        self.found = [no_faces()] * len(self.frames)
        self.looked = np.zeros(len(self.frames), np.bool_)
        places = [planned_looks(first, last) for first, last in self.runs]
        self._look([place for some in places for place in some])
        gaps = [Gap(*pair) for some in places for pair in pairwise(some)] + self._edges(places)
        while gaps:
            gaps = self._close(gaps)

    def _look(self, places: Sequence[int]) -> None:
        for start in range(0, len(places), _LOOKS_A_CALL):
            some = places[start : start + _LOOKS_A_CALL]
            faces = self.detector.look([self.frames[place] for place in some])
            for place, found in zip(some, faces, strict=True):
                self.found[place] = found
                self.looked[place] = True

    def _edges(self, places: Sequence[Sequence[int]]) -> list[Gap]:
        """Follow faces from the outermost looks to both ends of each run. Where one is lost the
        detector looks at the end, which leaves a gap to close."""
        walks = []
        for (first, last), some in zip(self.runs, places, strict=True):
            walks.append(_Walk(some[0], first, some[1] if len(some) > 1 else None))
            walks.append(_Walk(some[-1], last, some[-2] if len(some) > 1 else None))
        walking = [walk for walk in walks if walk.at != walk.end]
        for walk in walking:
            walk.expect(self.found)
        lost: list[_Walk] = []
        while walking:
            steps = [walk.next_boxes() for walk in walking]
            checked = self._check(
                [(walk.at + walk.step, boxes) for walk, boxes in zip(walking, steps, strict=True)]
            )
            for walk, boxes, faces in zip(walking, steps, checked, strict=True):
                if _all_there(boxes, faces):
                    walk.advance(faces)
                    self.found[walk.at] = faces
                else:
                    lost.append(walk)
            walking = [walk for walk in walking if walk not in lost and walk.at != walk.end]
        self._look([walk.end for walk in lost])
        return [
            Gap(min(walk.at, walk.end), max(walk.at, walk.end))
            for walk in lost
            if abs(walk.at - walk.end) > 1
        ]

    def _close(self, gaps: Sequence[Gap]) -> list[Gap]:
        """Check the boxes expected in each gap; what is left open are smaller gaps."""
        gaps = [gap for gap in gaps if gap.right - gap.left > 1]
        matches = [match(self.found[gap.left], self.found[gap.right]) for gap in gaps]
        wanted: list[tuple[int, Float32]] = []
        for gap, pairs in zip(gaps, matches, strict=True):
            wanted += self._expected(gap, pairs)
        checked = iter(self._check(wanted))
        expected = iter(wanted)
        open_gaps = []
        for gap, pairs in zip(gaps, matches, strict=True):
            between = range(gap.left + 1, gap.right)
            here = [(next(expected)[1], next(checked)) for _ in between]
            everybody = len(pairs) == len(self.found[gap.left]) == len(self.found[gap.right])
            if everybody and all(_all_there(boxes, faces) for boxes, faces in here):
                for place, (_, faces) in zip(between, here, strict=True):
                    self.found[place] = faces
            else:
                open_gaps.append(gap)
        self._look([gap.middle for gap in open_gaps])
        return [
            half
            for gap in open_gaps
            for half in (Gap(gap.left, gap.middle), Gap(gap.middle, gap.right))
        ]

    def _expected(self, gap: Gap, pairs: Int64) -> list[tuple[int, Float32]]:
        """The boxes of matched faces at the frames between, on a straight line."""
        start = self.found[gap.left].boxes[pairs[:, 0]]
        end = self.found[gap.right].boxes[pairs[:, 1]]
        steps = gap.right - gap.left
        return [
            (gap.left + k, (start + (end - start) * np.float32(k / steps)).astype(np.float32))
            for k in range(1, steps)
        ]

    def _check(self, wanted: Sequence[tuple[int, Float32]]) -> list[Faces]:
        """The detector's verdict on the boxes expected in frames, in one call for all."""
        if not wanted:
            return []
        counts = [len(boxes) for _, boxes in wanted]
        which = np.repeat(np.array([place for place, _ in wanted], np.int64), counts)
        faces = self.detector.check(
            self.frames, which, np.concatenate([boxes for _, boxes in wanted])
        )
        ends = np.cumsum([0, *counts])
        return [faces.take(slice(start, end)) for start, end in pairwise(ends)]


@dataclass(eq=False)
class _Walk:
    """Following the faces of a look, frame by frame, to the end of its run."""

    at: int
    end: int
    other_look: int | None
    boxes: Float32 = field(default_factory=lambda: np.zeros((0, 4), np.float32))
    speed: Float32 = field(default_factory=lambda: np.zeros((0, 4), np.float32))

    @property
    def step(self) -> int:
        return 1 if self.end > self.at else -1

    def expect(self, found: Sequence[Faces]) -> None:
        """Take position and, from the neighbouring look, speed of each face."""
        here = found[self.at]
        self.boxes, self.speed = here.boxes, np.zeros_like(here.boxes)
        if self.other_look is None:
            return
        there = found[self.other_look]
        pairs = match(here, there)
        frames = self.at - self.other_look
        change = here.boxes[pairs[:, 0]] - there.boxes[pairs[:, 1]]
        self.speed[pairs[:, 0]] = change / np.float32(frames) * self.step

    def next_boxes(self) -> Float32:
        return self.boxes + self.speed

    def advance(self, faces: Faces) -> None:
        self.speed = (0.5 * self.speed + 0.5 * (faces.boxes - self.boxes)).astype(np.float32)
        self.boxes = faces.boxes
        self.at += self.step


def planned_looks(first: int, last: int) -> list[int]:
    """Where to look at first in a run of frames: evenly, no frame farther than half of
    `LOOK_EVERY` from a look."""
    length = last - first + 1
    count = -(-length // LOOK_EVERY)
    return [first + (2 * k + 1) * length // (2 * count) for k in range(count)]


def match(one: Faces, other: Faces) -> Int64:
    """Which faces of two frames may be the same: (k, 2) rows, nearest first."""
    if not len(one) or not len(other):
        return np.zeros((0, 2), np.int64)
    middles = [(f.boxes[:, None, :2] + f.boxes[:, None, 2:]) / 2 for f in (one, other)]
    widths = [np.maximum(f.boxes[:, 2] - f.boxes[:, 0], 1) for f in (one, other)]
    size = np.sqrt(widths[0][:, None] * widths[1][None, :])
    ratio = np.maximum(widths[0][:, None], widths[1][None, :]) ** 2 / size**2
    far = np.linalg.norm(middles[0] - middles[1].transpose(1, 0, 2), axis=2) / size
    cost = np.where((far < _FARTHEST) & (ratio < _LARGEST_RATIO), far + ratio - 1, np.inf)
    pairs = []
    while np.isfinite(cost).any():
        row, column = np.unravel_index(int(cost.argmin()), cost.shape)
        pairs.append((row, column))
        cost[row, :] = cost[:, column] = np.inf
    return np.array(pairs, np.int64).reshape(-1, 2)


def _all_there(expected: Float32, faces: Faces) -> bool:
    """Whether each expected box holds a face of its own, about where it was expected."""
    if not len(faces):
        return True
    stayed = np.diagonal(overlaps(expected, faces.boxes))
    if faces.scores.min() < _SURE or stayed.min() < _STAYED:
        return False
    common = overlaps(faces.boxes, faces.boxes)
    return bool(common[~np.eye(len(faces), dtype=bool)].max(initial=0) < _SAME)
