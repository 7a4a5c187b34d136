"""Embed the best faces of a chunk, from those of its frames that were kept in full size."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from reelmill.core.arrays import Float32, Int64, UInt8
from reelmill.media.video.frames import Planes, part_of
from reelmill.models.faces.detector import Faces
from reelmill.models.faces.network import FaceNetwork
from reelmill.stages.faces.chunks import FrameChunk
from reelmill.stages.faces.search import match

#: Faces are cut from pictures whose shorter side is reduced to this: the network's input has only
#: 160 pixels a side.
MOST_SIDE = 1080
#: A face identifies a person if it is at least this wide, in pixels (at 16 the cosine to the same
#: face in full size is 0.78, at 12 it is 0.65), and its eyes are at least this far apart, in face
#: widths; if they are closer, the face is seen from the side.
_LEAST_WIDTH, _LEAST_BETWEEN_EYES = 16.0, 0.25
#: Faces of a person in a chunk, of one who may be in the chunk before or after it too, and the
#: least time between two of them, s.
_FACES, _FACES_BEYOND, _APART = 2, 1, 0.2

#: By number of a face in a sample, where its person was in it and in the samples before.
_Tracks = dict[int, list[tuple[int, int]]]


def face_vectors(
    network: FaceNetwork, chunk: FrameChunk, found: Sequence[Faces]
) -> tuple[Float32, Int64]:
    """How the best faces of each person in a chunk look.

    Args:
        network: the loaded network.
        chunk: with frames kept in full size.
        found: the faces of each sampled frame, in pixels of the reduced frames.

    Returns:
        Vectors of unit length (k, d), and their places (k,) among all faces of the chunk, in
        ascending order.
    """
    if not chunk.kept:
        return np.zeros((0, 1), np.float32), np.zeros(0, np.int64)
    scale = _scale(chunk)
    offsets = np.cumsum([0, *(len(faces) for faces in found)])
    pictures, places = [], []
    for sample, face in sorted(chosen_faces(chunk, found, scale)):
        kept = chunk.kept[chunk.kept_of.index(sample)]
        one = found[sample].take([face])
        pictures.append(_cut(network, kept, one.boxes * np.tile(scale, 2), one.landmarks * scale))
        places.append(int(offsets[sample]) + face)
    if not pictures:
        return np.zeros((0, 1), np.float32), np.zeros(0, np.int64)
    return network.embed(np.concatenate(pictures)), np.array(places, np.int64)


def chosen_faces(
    chunk: FrameChunk, found: Sequence[Faces], scale: Float32
) -> Iterator[tuple[int, int]]:
    """The largest, surest and most frontal faces of each person in the kept frames, some time
    apart: sample and number of the face in it."""
    times = chunk.times[chunk.sampled]
    for track in _followed(chunk, found):
        worth = {
            (sample, face): _worth(found[sample], face, scale)
            for sample, face in track
            if sample in chunk.kept_of
        }
        most = _FACES_BEYOND if _goes_on(chunk, track) else _FACES
        taken: list[tuple[int, int]] = []
        for place in sorted(worth, key=lambda place: -worth[place]):
            apart = all(abs(times[place[0]] - times[other[0]]) >= _APART for other in taken)
            if worth[place] > 0 and apart and len(taken) < most:
                taken.append(place)
        yield from taken


def _followed(chunk: FrameChunk, found: Sequence[Faces]) -> list[list[tuple[int, int]]]:
    """Faces of the same person in neighbouring samples of one scene: sample and number of each."""
    tracks: list[list[tuple[int, int]]] = []

    def linked(before: _Tracks | None, sample: int, faces: Faces) -> _Tracks:
        now: _Tracks = {}
        if before:
            pairs = match(found[sample - 1], faces).tolist()
            now = {face: before[old] for old, face in pairs}
        for face in range(len(faces)):
            if face not in now:
                now[face] = []
                tracks.append(now[face])
            now[face].append((sample, face))
        return now

    chunk.follow(found, linked)
    return tracks


def _goes_on(chunk: FrameChunk, track: Sequence[tuple[int, int]]) -> bool:
    """Whether a track may go on in the chunk before or after."""
    begins = track[0][0] > 0 or chunk.is_first or 0 in chunk.cuts
    ends = track[-1][0] < len(chunk.sampled) - 1 or chunk.is_last
    return not (begins and ends)


def _worth(faces: Faces, face: int, scale: Float32) -> float:
    """How good a face is for telling who it is; 0 if it is not good enough."""
    box, points = faces.boxes[face], faces.landmarks[face]
    width, height = float(box[2] - box[0]), float(box[3] - box[1])
    between = float(np.linalg.norm(points[1] - points[0]))
    if width * scale[0] < _LEAST_WIDTH or between < _LEAST_BETWEEN_EYES * width:
        return 0.0
    aside = abs(float(points[2, 0] - points[:2, 0].mean())) / max(width, 1)
    score = float(faces.scores[face])
    return score**4 * math.sqrt(width * height) * (1 - aside)


def _scale(chunk: FrameChunk) -> Float32:
    """From pixels of the reduced frames to those of the kept ones, across and down."""
    kept = chunk.kept[0]
    full = kept.planes[0] if isinstance(kept, Planes) else kept
    small = chunk.frames[0]
    return np.array([full.shape[1] / small.shape[1], full.shape[0] / small.shape[0]], np.float32)


def _cut(network: FaceNetwork, kept: Planes | UInt8, box: Float32, landmarks: Float32) -> UInt8:
    """A face cut out of a kept frame, without converting all of it: (1, side, side, 3)."""
    sides = box[0, 2:] - box[0, :2]
    left, top, right, bottom = (*(box[0, :2] - sides), *(box[0, 2:] + sides))
    picture, corner = part_of(kept, float(left), float(top), float(right), float(bottom))
    shift = np.array(corner, np.float32)
    return network.pictures(picture, box - np.tile(shift, 2), landmarks - shift)
