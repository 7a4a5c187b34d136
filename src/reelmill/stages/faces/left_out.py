"""Leave out unwanted faces: tiny ones in the background, and posters, which never move."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt

from reelmill.artifacts import DetectionArrays, Finding
from reelmill.core.arrays import Float32

#: A still face moves, grows and changes its features by at most this share of its width. The
#: detector's jitter on a still picture is half of it.
_STILL = 0.07
#: No living person keeps that still for longer than this, s.
_LONG_ENOUGH = 3.0
#: Still faces that overlap more than this are the same one, seen in several shots.
_SAME_PLACE = 0.7


class Followed(Protocol):
    """A face followed through samples; see `track.Linked`."""

    @property
    def samples(self) -> list[int]: ...
    @property
    def rows(self) -> list[int]: ...


def is_small(track: Followed, arrays: DetectionArrays, height: int, least: float) -> bool:
    """Whether a face's height is less than the share `least` of a picture of `height`."""
    return bool(np.median(arrays.boxes[track.rows, 3]) < least * height)


def still_ones(tracks: Sequence[Followed], arrays: DetectionArrays, duration: float) -> set[int]:
    """The indices of the tracks whose face never moves, in all shots together."""
    places: list[_Place] = []
    for number, track in enumerate(tracks):
        rows = np.array(track.rows)
        if not _is_still(rows, arrays):
            continue
        box = np.median(arrays.boxes[rows], axis=0)
        place = next((one for one in places if _overlap(one.box, box) >= _SAME_PLACE), None)
        if place is None:
            place = _Place(box)
            places.append(place)
        times = arrays.times[arrays.sampled[[track.samples[0], track.samples[-1]]]]
        place.tracks.append(number)
        place.seconds += float(times[1] - times[0])
        place.rows.append(rows)
    long_enough = min(_LONG_ENOUGH, 0.9 * duration)
    return {
        number
        for place in places
        if place.seconds >= long_enough and _is_still(np.concatenate(place.rows), arrays)
        for number in place.tracks
    }


def left_out(small: int, least: float, still: int) -> list[Finding]:
    """The findings about faces left out by request."""
    found = []
    if small:
        text = f"{_faces(small)} left out as smaller than --min-face {least:g}"
        found.append(Finding("small faces", text=text))
    if still:
        text = f"{_faces(still)} left out that never moved: posters, pictures (--ignore-still)"
        found.append(Finding("still faces", text=text))
    return found


@dataclass
class _Place:
    """Where a still face is, and the tracks that show it."""

    box: Float32
    tracks: list[int] = field(default_factory=list)
    seconds: float = 0.0
    rows: list[npt.NDArray[np.int64]] = field(default_factory=list)


def _is_still(rows: npt.NDArray[np.int64], arrays: DetectionArrays) -> bool:
    boxes, points = arrays.boxes[rows], arrays.landmarks[rows]
    width = float(np.median(boxes[:, 2]))
    middles = boxes[:, :2] + boxes[:, 2:] / 2
    features = (points - points.mean(axis=1, keepdims=True)).reshape(len(rows), -1)
    moving = np.column_stack([middles, boxes[:, 2:], features])
    spread = np.percentile(moving, 95, axis=0) - np.percentile(moving, 5, axis=0)
    return bool((spread <= _STILL * width).all())


def _overlap(one: Float32, other: Float32) -> float:
    """Intersection over union of boxes x, y, width, height."""
    corner = np.maximum(one[:2], other[:2])
    end = np.minimum(one[:2] + one[2:], other[:2] + other[2:])
    common = float(np.maximum(end - corner, 0).prod())
    return common / max(float(one[2] * one[3] + other[2] * other[3]) - common, 1e-9)


def _faces(count: int) -> str:
    return f"{count} face{'s' if count > 1 else ''}"
