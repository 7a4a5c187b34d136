"""Pictures of the lower faces at 25 a second, cut out while faces are found.

Whoever finds out later who is speaking needs no picture of the video again. Tracks, and thus the
exact squares, are known only later, so more than that is cut out around every face.
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from reelmill.artifacts import Detections, MouthArrays, read_mouths
from reelmill.core.arrays import Float32, Float64, Int64, UInt8
from reelmill.errors import InputError
from reelmill.models.faces.boxes import areas, common_areas, overlaps
from reelmill.models.faces.detector import Faces, no_faces
from reelmill.models.faces.lr_asd import RATE
from reelmill.stages.faces.chunks import FrameChunk

#: In halves of a face's longer side: how far the middle of the network's square is below the
#: middle of the face, and half its side (the network was trained on the lower face).
BELOW, HALF = 0.4, 0.7
#: Pictures are this much larger than that square. They are reduced to this many pixels a side: of
#: squares half as large the network still finds as many speakers.
_LARGER, _MOST_SIDE = 1.4, 80
_QUALITY = 90
#: A face that is not found any more is cut out where it was for so long, s, and boxes that overlap
#: more than this are of one face.
_STAYS, _SAME = 0.5, 0.3
#: A picture counts for frames at most so many away, if it shows this much of what is asked for.
_NEAR_FRAMES, _LEAST_SHOWN = 8, 0.6


@dataclass(frozen=True)
class Mouths:
    """n pictures, as JPEG files one after the other in `data`.

    frames: (n,) number of the frame, ascending. regions: (n, 4) left, top, right, bottom of what
    they show. ends: (n,) where each ends in `data`.
    """

    frames: Int64
    regions: Float32
    ends: Int64
    data: UInt8


def no_mouths() -> Mouths:
    return Mouths(
        np.zeros(0, np.int64),
        np.zeros((0, 4), np.float32),
        np.zeros(0, np.int64),
        np.zeros(0, np.uint8),
    )


def is_moment(time: float, rate: float) -> bool:
    """Whether the frame of `time` s is the nearest to one of the moments, of which there are
    `RATE` a second, in a video with `rate` frames a second."""
    place = time * RATE
    return abs(place - round(place)) <= RATE / (2 * rate) + 1e-3


def mouths_of(chunk: FrameChunk, found: Sequence[Faces]) -> Mouths:
    """The lower faces in a chunk's frames; `found` are the faces of each sampled frame."""
    frames, regions, files, ends, end = [], [], [], [], 0
    seen = _staying(chunk, found)
    for frame, picture in _pictures(chunk):
        for region in _regions(_expected(chunk, seen, frame), picture):
            left, top, right, bottom = region
            file = _jpeg(picture[top:bottom, left:right])
            end += len(file)
            frames.append(frame)
            regions.append(region)
            files.append(file)
            ends.append(end)
    return Mouths(
        np.array(frames, np.int64),
        np.array(regions, np.float32).reshape(-1, 4),
        np.array(ends, np.int64),
        np.frombuffer(b"".join(files), np.uint8),
    )


def _pictures(chunk: FrameChunk) -> Iterator[tuple[int, UInt8]]:
    """The frames that are nearest to a moment: number in the chunk, and picture, grey or RGB."""
    between = dict(zip(chunk.between_of, chunk.between, strict=True))
    sampled = {frame: sample for sample, frame in enumerate(chunk.sampled.tolist())}
    for frame, time in enumerate(chunk.times.tolist()):
        if frame in between:
            yield frame, between[frame]
        elif frame in sampled and is_moment(time, chunk.rate):
            yield frame, chunk.frames[sampled[frame]]


def _staying(chunk: FrameChunk, found: Sequence[Faces]) -> list[tuple[Float32, int]]:
    """The boxes of each sample, those found first, and the number of these; after them are those
    that were found shortly before, in the same scene."""
    times = chunk.times[chunk.sampled]

    def stay(
        before: tuple[Float32, Float64] | None, sample: int, faces: Faces
    ) -> tuple[Float32, Float64]:
        boxes, since = before or (no_faces().boxes, np.zeros(0))
        gone = (overlaps(boxes, faces.boxes) <= _SAME).all(axis=1)
        gone &= times[sample] - since <= _STAYS
        return (
            np.concatenate([faces.boxes, boxes[gone]]),
            np.concatenate([np.full(len(faces), times[sample]), since[gone]]),
        )

    states = chunk.follow(found, stay)
    return [(boxes, len(faces)) for (boxes, _), faces in zip(states, found, strict=True)]


def _expected(chunk: FrameChunk, seen: Sequence[tuple[Float32, int]], frame: int) -> Float32:
    """The boxes in a frame: where they are in the sample before, on the way to where they are in
    the one after it."""
    before = max(0, int(np.searchsorted(chunk.sampled, frame, "right")) - 1)
    boxes, _ = seen[before]
    if before + 1 == len(seen) or chunk.sampled[before] == frame or not len(boxes):
        return boxes
    after, found = seen[before + 1]
    alike = overlaps(boxes, after[:found])
    if not alike.size:
        return boxes
    first, last = chunk.times[chunk.sampled[before : before + 2]]
    share = np.float32((chunk.times[frame] - first) / (last - first))
    nearest = after[alike.argmax(axis=1)]
    moved: Float32 = boxes + (nearest - boxes) * share
    return np.where(alike.max(axis=1, keepdims=True) > _SAME, moved, boxes)


def _regions(boxes: Float32, picture: UInt8) -> Iterator[tuple[int, int, int, int]]:
    """What is cut out for each box, in whole pixels inside the picture."""
    height, width = picture.shape[:2]
    for left, top, right, bottom in boxes.tolist():
        half = max(right - left, bottom - top) / 2
        x, y, side = (left + right) / 2, (top + bottom) / 2 + BELOW * half, _LARGER * HALF * half
        region = (
            max(0, int(x - side)),
            max(0, int(y - side)),
            min(width, int(x + side) + 2),
            min(height, int(y + side) + 2),
        )
        if region[2] - region[0] > 1 and region[3] - region[1] > 1:
            yield region


def _jpeg(pixels: UInt8) -> bytes:
    from PIL import Image  # only where mouths are cut out

    picture = Image.fromarray(np.ascontiguousarray(pixels)).convert("L")
    share = _MOST_SIDE / max(picture.size)
    if share < 1:
        width, height = (max(1, round(side * share)) for side in picture.size)
        picture = picture.resize((width, height), Image.Resampling.BOX)
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=_QUALITY)
    return file.getvalue()


@dataclass
class KeptMouths:
    """The pictures beside the artifact of a video's faces: `files` are mapped, not read."""

    arrays: MouthArrays
    files: npt.NDArray[np.uint8]

    @classmethod
    def open(cls, folder: Path, detections: Detections) -> KeptMouths:
        """Raises InputError: there are no pictures, or their files are damaged."""
        if not detections.mouths:
            raise InputError("faces were found without --active-speaker; find them again with it")
        arrays = read_mouths(folder, detections)
        path, size = folder / detections.mouths[1], int(arrays.ends[-1]) if len(arrays.ends) else 0
        if not path.is_file() or path.stat().st_size != size:
            raise InputError(
                f"{path}: not the {size} bytes that were written; remove it, run again"
            )
        # An empty file cannot be mapped.
        files = np.memmap(path, np.uint8, "r") if size else np.zeros(0, np.uint8)
        return cls(arrays, files)

    def square(self, frame: int, box: Float32, side: int) -> UInt8 | None:
        """What is in a box (left, top, right, bottom) in a frame, or in one shortly before or after
        it, grey: (side, side); None if no picture shows it."""
        frames, regions, ends = self.arrays.frames, self.arrays.regions, self.arrays.ends
        first, last = np.searchsorted(frames, [frame - _NEAR_FRAMES, frame + _NEAR_FRAMES + 1])
        if first == last:
            return None
        near = regions[first:last]
        shown = common_areas(box[None], near)[0] / max(float(areas(box[None])[0]), 1e-9)
        away = np.abs(frames[first:last] - frame) + np.where(shown >= _LEAST_SHOWN, 0, np.inf)
        best = int(np.lexsort((-shown, away))[0])
        if not np.isfinite(away[best]):
            return None
        row = int(first) + best
        start = int(ends[row - 1]) if row else 0
        return _square(self.files[start : int(ends[row])].tobytes(), regions[row], box, side)


def _square(file: bytes, region: Float32, box: Float32, side: int) -> UInt8:
    """A box of what a picture of `region` shows; beyond the picture its edges go on."""
    from PIL import Image

    with Image.open(io.BytesIO(file)) as opened:
        picture = opened.convert("L")
    scale = np.array(picture.size, np.float32) / (region[2:] - region[:2])
    left, top, right, bottom = ((box - np.tile(region[:2], 2)) * np.tile(scale, 2)).tolist()
    width, height = picture.size
    beyond = max(0.0, -left, -top, right - width, bottom - height)
    if beyond > 0:
        around = math.ceil(beyond)
        picture = Image.fromarray(np.pad(np.asarray(picture), around, mode="edge"))
        left, top, right, bottom = (at + around for at in (left, top, right, bottom))
    square = picture.resize((side, side), Image.Resampling.BILINEAR, (left, top, right, bottom))
    return np.asarray(square)
