"""Notice a film on its side or upside down: its faces are upright when the picture is turned."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from reelmill.artifacts import Finding
from reelmill.core.arrays import Float32, UInt8
from reelmill.core.vectors import distinct
from reelmill.models.faces.detector import Faces
from reelmill.stages.faces.chunks import FrameChunk
from reelmill.stages.faces.search import Detector

#: How often it is tried, in s, in how many frames, and the least score of the faces.
_EVERY, _TRIED, _SURE = 60.0, 2, 0.95
#: Frames in which this many faces are found, all of them upright, are not turned.
_CLEARLY = 2
#: The counterclockwise quarter turns that are tried.
_QUARTERS = (1, 2, 3)
#: The landmarks of eyes, nose and mouth, and the distance from eyes to mouth as a share of the
#: face's height.
_PARTS = (slice(0, 2), slice(2, 3), slice(3, 5))
_FEATURES_APART = 0.25
#: In a face upside down the detector sees eyes too, but further down than this share of its height.
_EYES_WITHIN = 0.42
#: The turned film must have this many times as many faces, because the detector finds some faces
#: that lie on their side.
_MORE = 1.5


class Chunk(Protocol):
    """What was found in a run of frames; see `ChunkFaces`."""

    @property
    def faces(self) -> Faces: ...
    @property
    def turned(self) -> Float32: ...


def turned_faces(detector: Detector, chunk: FrameChunk, found: Sequence[Faces]) -> Float32:
    """The number of upright faces in some frames as they are, and turned by each of the quarters;
    empty if it was tried shortly before. Frames are not turned if all their faces are upright."""
    if float(chunk.times[0]) % _EVERY > float(np.ptp(chunk.times)):
        return np.zeros(0, np.float32)
    places = distinct(np.linspace(0, len(chunk.frames) - 1, _TRIED + 2)[1:-1].round().astype(int))
    counts = [sum(_count(found[place]) for place in places)]
    if counts[0] >= _CLEARLY and counts[0] == sum(len(found[place]) for place in places):
        return np.array([*counts, *(0 for _ in _QUARTERS)], np.float32)
    for quarters in _QUARTERS:
        some = [_turned(chunk.frames[place], quarters) for place in places]
        counts.append(sum(_count(faces) for faces in detector.look(some)))
    return np.array(counts, np.float32)


def _turned(picture: UInt8, quarters: int) -> UInt8:
    return np.ascontiguousarray(np.rot90(picture, quarters))


def _count(faces: Faces) -> int:
    """The number of sure faces whose features are placed as in an upright face."""
    eyes, nose, mouth = (faces.landmarks[:, part, 1].mean(axis=1) for part in _PARTS)
    top, height = faces.boxes[:, 1], faces.boxes[:, 3] - faces.boxes[:, 1]
    upright = (mouth - eyes > _FEATURES_APART * height) & (eyes < nose) & (nose < mouth)
    upright &= eyes - top < _EYES_WITHIN * height
    return int((upright & (faces.scores >= _SURE)).sum())


def turned_by(found: Sequence[Chunk]) -> int:
    """By how many degrees clockwise the picture has to be turned; 0 if faces are upright."""
    tried = [chunk.turned for chunk in found if len(chunk.turned)]
    if not tried:
        return 0
    counts = np.stack(tried)
    best = int(counts[:, 1:].sum(axis=0).argmax())
    as_it_is, turned = counts[:, 0], counts[:, 1 + best]
    if turned.sum() <= _MORE * as_it_is.sum() or (turned > as_it_is).mean() < 1 / 2:
        return 0
    return 360 - 90 * _QUARTERS[best]


def not_upright(degrees: int) -> list[Finding]:
    """The finding of a film whose picture has to be turned by `degrees` clockwise; none by 0."""
    return [Finding("not upright", text=how_to_turn(degrees), severity="grave")] if degrees else []


def how_to_turn(degrees: int) -> str:
    """What to do with a film whose picture has to be turned by `degrees` clockwise."""
    lies = "upside down" if degrees == 180 else "on its side"
    return (
        f"the film is {lies}: faces are found in it when it is turned by {degrees} degrees "
        "clockwise; turn a copy (with ffmpeg 6 or later: ffmpeg -display_rotation "
        f"{-degrees % 360} -i FILM -c copy TURNED.mp4) and give that"
    )
