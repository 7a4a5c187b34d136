"""MTCNN: faces and their five landmarks, found by a cascade of three small networks.

Zhang et al., "Joint Face Detection and Alignment Using Multitask Cascaded Convolutional Networks",
IEEE Signal Processing Letters 23(10), 2016. Weights: facenet-pytorch's (MIT), as ONNX. The same
cascade, with boxes handled as arrays for all frames of a batch at once, and three entry points:
`look` searches whole frames, `check` runs the last network alone on boxes that are expected to hold
faces, `seek` searches the surroundings of such boxes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from reelmill.core.arrays import Float32, Int64, UInt8
from reelmill.engine.stage import Device
from reelmill.models.faces.boxes import crops, halved, moved, squared, suppress
from reelmill.models.faces.detector import DetectorSpec, Faces, no_faces
from reelmill.models.runtimes.onnx import SHIPPED, OnnxModelSpec, open_network

#: Side of the P-Net's window and the pixels from one to the next.
_CELL, _STRIDE = 12, 2
#: Candidates the R-Net gets of one frame, at most.
_MOST_CANDIDATES = 400
#: Frames searched at once, and crops a network gets in one call. On the CPU larger batches only
#: take memory and do not fit its cache: 96 frames at once took twice as long as eight, 64 crops
#: half as long again.
_AT_ONCE = {"cpu": (8, 8), "cuda": (64, 256)}
#: Crops that are cut out at once, because each call has a fixed cost.
_CUT_AT_ONCE = 64

#: The width in pixels to which a face in the search is scaled (it then fills the P-Net's window),
#: and the candidates of each network.
_SOUGHT_SIDE = 16
_MOST_NEAR, _MOST_SURE = 8, 2


@dataclass(frozen=True)
class MtcnnSpec(OnnxModelSpec, DetectorSpec):
    """The shipped MTCNN.

    Args:
        smallest: side of the smallest face searched for, in pixels of the frame.
        factor: scale from one level of the pyramid to the next.
        thresholds: of the three networks' scores.
    """

    purpose: ClassVar[str] = "face detector"

    smallest: float = 24.0
    factor: float = 0.55
    thresholds: tuple[float, float, float] = (0.7, 0.7, 0.75)
    folder: Path = SHIPPED / "mtcnn"

    @property
    def name(self) -> str:
        return "mtcnn"

    @property
    def identity(self) -> str:
        return f"facenet-pytorch 2.5.3:{self.smallest}:{self.factor}:{self.thresholds}"

    @property
    def sure(self) -> float:
        return 0.85

    def load(self, device: Device, threads: int) -> Mtcnn:
        """As `open_network`."""
        networks = [open_network(self.folder / f"{n}net.onnx", device, threads) for n in "pro"]
        at_once = _AT_ONCE.get(device.kind, _AT_ONCE["cpu"])
        return Mtcnn(self, networks[0], networks[1], networks[2], at_once)

    def memory_mb(self, device_kind: str) -> float:
        return 250.0 if device_kind == "cpu" else 1200.0

    @property
    def lightweight(self) -> bool:
        return True

    def warm_up(self, model: Mtcnn) -> None:
        grey = np.full((360, 640, 3), 127, np.uint8)
        model.look([grey])
        model.check([grey], np.zeros(1, np.int64), np.array([[10, 10, 50, 50]], np.float32))


class Mtcnn:
    """Loaded networks."""

    def __init__(
        self, spec: MtcnnSpec, pnet: Any, rnet: Any, onet: Any, at_once: tuple[int, int]
    ) -> None:
        self._spec, self._pnet, self._rnet, self._onet = spec, pnet, rnet, onet
        self._frames_at_once, self._crops_at_once = at_once

    def look(self, frames: Sequence[UInt8]) -> list[Faces]:
        """All faces of each frame, best first. Frames are RGB (height, width, 3) of one size."""
        found: list[Faces] = []
        for start in range(0, len(frames), self._frames_at_once):
            found += self._look(frames[start : start + self._frames_at_once])
        return found

    def _look(self, frames: Sequence[UInt8]) -> list[Faces]:
        which, boxes = self._propose(frames, self._spec.smallest, _MOST_CANDIDATES)
        which, boxes = self._sift(frames, which, boxes, which)
        faces = self.check(frames, which, boxes)
        sure = np.flatnonzero(faces.scores >= self._spec.thresholds[2])
        faces, which = faces.take(sure), which[sure]
        kept = suppress(faces.boxes, faces.scores, which, 0.7, of_smaller=True)
        faces, which = faces.take(kept), which[kept]
        return [faces.take(np.flatnonzero(which == frame)) for frame in range(len(frames))]

    def seek(self, frames: Sequence[UInt8], which: Int64, boxes: Float32, around: float) -> Faces:
        """As `check`, for faces that have moved: runs the whole cascade in a square of `around`
        sides around each box. Returns one face per box, the nearest one found; its score is 0 if
        there is none."""
        count = len(boxes)
        result = Faces(
            boxes.copy(), np.zeros(count, np.float32), np.zeros((count, 5, 2), np.float32)
        )
        if not count:
            return result
        square = squared(boxes)
        middle = (square[:, :2] + square[:, 2:]) / 2
        wide = np.tile(middle, 2) + (square - np.tile(middle, 2)) * np.float32(around)
        side = round(around * _SOUGHT_SIDE)
        of, found = self._propose(list(crops(frames, which, wide, side)), _CELL, _MOST_NEAR)
        scale = (wide[of, 2:3] - wide[of, :1]) / np.float32(side)
        found = np.tile(wide[of, :2], 2) + found * scale
        of, found = self._sift(frames, which[of], found, of)
        best = _rank(of) < _MOST_SURE
        of, found = of[best], found[best]
        faces = self.check(frames, which[of], found)
        ways = (faces.boxes[:, :2] + faces.boxes[:, 2:]) / 2 - middle[of]
        for row in np.argsort(-np.linalg.norm(ways, axis=1)):  # the nearest comes last and is kept
            if faces.scores[row] >= self._spec.thresholds[2]:
                result.boxes[of[row]] = faces.boxes[row]
                result.scores[of[row]] = faces.scores[row]
                result.landmarks[of[row]] = faces.landmarks[row]
        return result

    def check(self, frames: Sequence[UInt8], which: Int64, boxes: Float32) -> Faces:
        """Run the O-Net on boxes (n, 4), each in frame `which` (n,): returns one face per box, with
        a corrected box; the score says whether it is a face."""
        if not len(boxes):
            return no_faces()
        boxes = squared(boxes)
        shifts, points, scores = self._on_crops(self._onet, frames, which, boxes, 48)
        sides = boxes[:, 2:] - boxes[:, :2]
        places = points.reshape(-1, 2, 5).transpose(0, 2, 1)
        landmarks = boxes[:, None, :2] + places * sides[:, None, :]
        return Faces(moved(boxes, shifts), scores[:, 1], landmarks)

    def _propose(
        self, frames: Sequence[UInt8], smallest: float, most: int
    ) -> tuple[Int64, Float32]:
        """Run the P-Net over the pyramid: frame and box of the `most` best candidates of each
        frame."""
        height, width = frames[0].shape[:2]
        scale = min(1.0, _CELL / smallest)
        even = height % 2 == 0 and width % 2 == 0
        pictures = halved(frames) if scale == 1 / 2 and even else np.stack(frames)
        found: list[tuple[Int64, Float32, Float32]] = []
        while min(height, width) * scale >= _CELL:
            size = (len(frames), math.ceil(height * scale), math.ceil(width * scale), 3)
            pictures, found_map = self._pnet.run(
                None, {"pictures": pictures, "size": np.array(size, np.int64)}
            )
            level = (width / size[2], height / size[1])
            found.append(_peaks(found_map, level, self._spec.thresholds[0]))
            scale *= self._spec.factor
        if not found:
            return np.zeros(0, np.int64), np.zeros((0, 4), np.float32)
        which, boxes, scores = (np.concatenate(parts) for parts in zip(*found, strict=True))
        kept = suppress(boxes, scores, which, 0.7)
        kept = kept[_rank(which[kept]) < most]
        return which[kept], boxes[kept]

    def _sift(
        self, frames: Sequence[UInt8], which: Int64, boxes: Float32, groups: Int64
    ) -> tuple[Int64, Float32]:
        """Run the R-Net: the candidates in frames `which` that may be faces, with their group, best
        first in each group."""
        if not len(boxes):
            return groups, boxes
        boxes = squared(boxes)
        shifts, scores = self._on_crops(self._rnet, frames, which, boxes, 24)
        sure = np.flatnonzero(scores[:, 1] >= self._spec.thresholds[1])
        groups, boxes, shifts, best = groups[sure], boxes[sure], shifts[sure], scores[sure, 1]
        kept = suppress(boxes, best, groups, 0.7)
        return groups[kept], moved(boxes[kept], shifts[kept])

    def _on_crops(
        self, network: Any, frames: Sequence[UInt8], which: Int64, boxes: Float32, size: int
    ) -> list[Float32]:
        outputs = []
        most = max(_CUT_AT_ONCE, self._crops_at_once)
        for start in range(0, len(boxes), most):
            some = slice(start, start + most)
            pieces = crops(frames, which[some], boxes[some], size)
            for first in range(0, len(pieces), self._crops_at_once):
                part = pieces[first : first + self._crops_at_once]
                outputs.append(network.run(None, {"pictures": part}))
        return [np.concatenate(parts) for parts in zip(*outputs, strict=True)]


def _peaks(
    found: Float32, level: tuple[float, float], least: float
) -> tuple[Int64, Float32, Float32]:
    """The best window of each neighbourhood, as frame, box and score. `found`: the P-Net's maps (n,
    5, rows, columns) of the score's logit and the four shifts.

    Windows of one level overlap by more than one half exactly when they are neighbours, so the
    suppression at 0.5 that the paper asks for is a search for local maxima in the map of scores.
    """
    faces = found[:, 0]
    which, rows, columns = np.nonzero(faces >= math.log(least / (1 - least)))
    if not len(which):
        return np.zeros(0, np.int64), np.zeros((0, 4), np.float32), np.zeros(0, np.float32)
    highest = faces[which, rows, columns] >= _highest_near(faces, which, rows, columns)
    which, rows, columns = which[highest], rows[highest], columns[highest]
    corners = np.stack([columns, rows, columns, rows], axis=1).astype(np.float32) * _STRIDE
    corners[:, 2:] += _CELL
    corners *= np.array(level * 2, np.float32)
    boxes = moved(corners, found[which, 1:, rows, columns])
    scores = 1 / (1 + np.exp(-faces[which, rows, columns]))
    return which, boxes, scores.astype(np.float32)


def _highest_near(faces: Float32, which: Int64, rows: Int64, columns: Int64) -> Float32:
    """The maximum over 3 x 3 cells around some cells of maps (n, rows, columns); at the edge those
    that are inside."""
    near = np.arange(-1, 2)
    beside_rows = np.clip(rows[:, None] + near, 0, faces.shape[1] - 1)
    beside_columns = np.clip(columns[:, None] + near, 0, faces.shape[2] - 1)
    around = faces[which[:, None, None], beside_rows[:, :, None], beside_columns[:, None, :]]
    highest: Float32 = around.max(axis=(1, 2))
    return highest


def _rank(groups: Int64) -> Int64:
    """The index of each row within its run of equal groups."""
    starts = np.flatnonzero(np.diff(groups, prepend=-1))
    return np.arange(len(groups)) - np.repeat(starts, np.diff(np.append(starts, len(groups))))
