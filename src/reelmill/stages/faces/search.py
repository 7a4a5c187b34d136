"""Find the faces of many frames by searching only a few of them.

The whole detector searches every few frames. A face found in two of them is expected halfway
between the two positions in the frame in the middle. The detector's last network alone checks and
corrects it there, at a twentieth of the cost. The same is repeated on both sides, until faces are
so exactly where they are expected that the few frames in between need no check. A face that is not
where it is expected is searched for around that position, at a tenth of the cost of a full search.
If that does not settle it (a face appears or disappears), the detector searches the whole frame. In
a quiet video every twenty-fourth frame is searched and three times as many are checked; in a very
lively one every other frame is searched.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from reelmill.core.arrays import Bool, Float32, Int64, UInt8
from reelmill.models.faces.boxes import overlaps, pair_overlaps
from reelmill.models.faces.detector import Faces, no_faces

#: Frames from one full search to the next where nothing happens.
LOOK_EVERY = 12
#: Frames the detector gets in one call: with more, its intermediate results no longer fit the
#: cache.
_LOOKS_A_CALL = 2
#: Frames that a detector without checking gets in one call.
_FRAMES_A_CALL = 8

#: A checked box is a face if it has at least this score and stayed where it was expected.
_SURE = 0.8
_STAYED = 0.35
#: Faces found this exactly where they were expected are assumed to move evenly to the next frame
#: whose faces are known, if that is at most this many frames away and they move by at most this
#: share of their widths.
_STEADY, _SHORT, _SLOW = 0.8, 4, 0.5
#: Two checked boxes that overlap more than this are the same face.
_SAME = 0.6
#: A face is searched for around its expected position, in a square of this many of its sides; in
#: the larger one if it was seen only before or only after.
_AROUND, _FAR_AROUND = 2.5, 6.0
#: Two frames this far apart are close enough that nobody leaves that square in between.
_NEAR = 4

#: Matching between searched frames: the farthest distance in face widths, the largest ratio of
#: sizes.
_FARTHEST = 4.0
_LARGEST_RATIO = 1.6


class Detector(Protocol):
    """A face detector; see `models.detector.DetectorSpec`."""

    def look(self, frames: Sequence[UInt8]) -> list[Faces]: ...


class CheckingDetector(Detector, Protocol):
    """A detector that can also look at single boxes, and around them."""

    def check(self, frames: Sequence[UInt8], which: Int64, boxes: Float32) -> Faces: ...

    def seek(
        self, frames: Sequence[UInt8], which: Int64, boxes: Float32, around: float
    ) -> Faces: ...


def find_faces(
    detector: Any, frames: Sequence[UInt8], runs: Sequence[tuple[int, int]]
) -> tuple[list[Faces], Bool]:
    """The faces of each frame, and whether the whole detector searched it.

    A detector that cannot check single boxes searches every frame.

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
    """The frames between `left` and `right`; the faces of these two are known. `steady`: one of the
    two was found exactly where it was expected."""

    left: int
    right: int
    steady: bool = False

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
        gaps = [Gap(*pair) for some in places for pair in pairwise(some)]
        while gaps:
            gaps = self._close(gaps)

    def _look(self, places: Sequence[int]) -> None:
        for start in range(0, len(places), _LOOKS_A_CALL):
            some = places[start : start + _LOOKS_A_CALL]
            faces = self.detector.look([self.frames[place] for place in some])
            for place, found in zip(some, faces, strict=True):
                self.found[place] = found
                self.looked[place] = True

    def _close(self, gaps: Sequence[Gap]) -> list[Gap]:
        """Find the faces in the middle of each gap, and return the smaller gaps that remain."""
        open_gaps, expected = [], []
        for gap in gaps:
            length = gap.right - gap.left
            if length <= 1:
                continue
            one, other = self.found[gap.left], self.found[gap.right]
            pairs = match(one, other)
            everybody = len(pairs) == len(one) == len(other)
            if everybody and (not len(pairs) or (gap.steady and _even(one, other, pairs, length))):
                self._fill(gap, one.take(pairs[:, 0]), other.take(pairs[:, 1]))
            else:
                open_gaps.append(gap)
                expected.append(_expected(gap, one, other, pairs))
        steady = self._find(expected)
        return [
            half
            for gap, ok in zip(open_gaps, steady, strict=True)
            for half in (Gap(gap.left, gap.middle, ok), Gap(gap.middle, gap.right, ok))
        ]

    def _fill(self, gap: Gap, start: Faces, end: Faces) -> None:
        """Fill the frames between, with faces on straight lines."""
        for place in range(gap.left + 1, gap.right):
            share = np.float32((place - gap.left) / (gap.right - gap.left))
            self.found[place] = Faces(
                start.boxes + (end.boxes - start.boxes) * share,
                start.scores + (end.scores - start.scores) * share,
                start.landmarks + (end.landmarks - start.landmarks) * share,
            )

    def _find(self, expected: Sequence[_Expected]) -> list[bool]:
        """Check the expected faces in frames, search around those that are missing, and search the
        whole frame if that does not settle it. Returns for each frame whether all were exactly
        where they were expected."""
        if not expected:
            return []
        counts = [len(one.boxes) for one in expected]
        which = np.repeat(np.array([one.place for one in expected], np.int64), counts)
        boxes = np.concatenate([one.boxes for one in expected])
        faces = self.detector.check(self.frames, which, boxes)
        stayed = pair_overlaps(boxes, faces.boxes)
        lost = (faces.scores < _SURE) | (stayed < _STAYED)
        sure = np.concatenate([np.arange(len(one.boxes)) < one.sure for one in expected])
        for rows, around in ((lost & sure, _AROUND), (lost & ~sure, _FAR_AROUND)):
            some = np.flatnonzero(rows)
            sought = self.detector.seek(self.frames, which[some], boxes[some], around)
            faces = _replaced(faces, some, sought)
        stayed[lost] = 0
        looks, steady = [], []
        for one, end in zip(expected, np.cumsum(counts), strict=True):
            rows = slice(end - len(one.boxes), end)
            seen = one.settled(faces.take(rows))
            if seen is None:
                looks.append(one.place)
            else:
                self.found[one.place] = seen
            steady.append(seen is not None and bool((stayed[rows] >= _STEADY).all()))
        self._look(looks)
        return steady


@dataclass(frozen=True)
class _Expected:
    """Where faces are expected in the frame `place`: first the `sure` ones, seen before and after
    it, then those seen only before or only after it. `clear`: a face that is not found has left,
    because the frames are close together and no two faces changed places."""

    place: int
    boxes: Float32
    sure: int
    clear: bool

    def settled(self, faces: Faces) -> Faces | None:
        """The faces of the frame, given what was found for each box; None if that is unclear."""
        there = faces.scores >= _SURE
        if not there[: self.sure].all() or not (self.clear or there.all()):
            return None
        same = np.triu(overlaps(faces.boxes, faces.boxes) > _SAME, 1) & there[:, None]
        if same[: self.sure].any():
            return None
        there &= ~same.any(axis=0)
        return faces.take(np.flatnonzero(there))


def _expected(gap: Gap, one: Faces, other: Faces, pairs: Int64) -> _Expected:
    """The faces expected in the middle of a gap: on a straight line between those before and after
    it, and where a face was last or first seen."""
    share = np.float32((gap.middle - gap.left) / (gap.right - gap.left))
    start, end = one.boxes[pairs[:, 0]], other.boxes[pairs[:, 1]]
    gone = np.delete(one.boxes, pairs[:, 0], axis=0)
    come = np.delete(other.boxes, pairs[:, 1], axis=0)
    boxes = np.concatenate([start + (end - start) * share, gone, come])
    clear = gap.right - gap.left <= _NEAR and not (len(gone) and len(come))
    return _Expected(gap.middle, boxes, len(pairs), clear)


def planned_looks(first: int, last: int) -> list[int]:
    """The frames of a run to search first: both ends, and evenly between them at most `LOOK_EVERY`
    apart."""
    steps = -(-(last - first) // LOOK_EVERY)
    return [first + k * (last - first) // max(1, steps) for k in range(steps + 1)]


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


def _even(one: Faces, other: Faces, pairs: Int64, length: int) -> bool:
    """Whether matched faces move so little in `length` frames that their motion counts as even."""
    if length > _SHORT or not len(pairs):
        return False
    start, end = one.boxes[pairs[:, 0]], other.boxes[pairs[:, 1]]
    ways = np.linalg.norm((end[:, :2] + end[:, 2:] - start[:, :2] - start[:, 2:]) / 2, axis=1)
    return bool((ways <= _SLOW * (start[:, 2] - start[:, 0])).all())


def _replaced(faces: Faces, rows: Int64, by: Faces) -> Faces:
    result = Faces(faces.boxes.copy(), faces.scores.copy(), faces.landmarks.copy())
    result.boxes[rows], result.scores[rows], result.landmarks[rows] = (
        by.boxes,
        by.scores,
        by.landmarks,
    )
    return result
