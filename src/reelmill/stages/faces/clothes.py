"""Use clothes as a second cue beside faces, and instead of faces where none is good enough."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from reelmill.core.arrays import Float32, Int64
from reelmill.core.vectors import distinct
from reelmill.stages.faces.clustering import cluster, together
from reelmill.stages.faces.colours import embedding

#: The most that equal clothes add to the cosine of two faces, or different ones subtract: enough to
#: decide a close case, too little to join two people or to split one.
_WEIGHT = 0.15
#: A track without a face belongs to the person whose clothes are this similar (Bhattacharyya
#: coefficient), if everybody else's are less similar by at least the margin and the person is seen
#: within `_NEAR` seconds before or after it.
_ALIKE, _MARGIN, _NEAR = 0.85, 0.05, 10.0
#: Remaining tracks without a face that are this similar are one person, as in
#: `IdentifyByAppearance`.
_ONE_PERSON = 0.7


def clothes_of(colours: Float32) -> Float32:
    """(n, d) unit vectors of the tracks' colour histograms; 0 where no clothes are seen."""
    return embedding(colours)


def with_clothes(faces: Float32, clothes: Float32) -> Float32:
    """Vectors (n, d + e) whose dot products are the cosines of faces plus, with a small weight, how
    far clothes differ from the video's mean in the same direction. Clothes that are not seen add
    nothing; a track without a face stays a row of zeros.
    """
    dressed = np.linalg.norm(clothes, axis=1) > 0.5
    seen = np.linalg.norm(faces, axis=1) > 0.5
    if not dressed.any():
        return faces
    special = np.where(dressed[:, None], clothes - clothes[dressed].mean(axis=0), 0)
    cue = np.sqrt(np.float32(_WEIGHT)) * special * seen[:, None]
    return np.concatenate([faces, cue], axis=1).astype(np.float32)


def placed_by_clothes(
    persons: Int64, faces: Float32, clothes: Float32, starts: Float32, ends: Float32
) -> tuple[Int64, int]:
    """Assign tracks without a face to the person who wears the same shortly before or after, or
    make new persons of them.

    Args:
        persons: (n,) the person of each track by faces; each track without a face is alone.
        faces: (n, d) unit vectors, 0 for a track without a face.
        clothes: (n, e) unit vectors, 0 where none are seen.
        starts, ends: (n,) s.

    Returns:
        The person of each track, and how many tracks without a face were assigned by clothes.
    """
    seen = np.linalg.norm(faces, axis=1) > 0.5
    hidden = np.flatnonzero(~seen)
    if not len(hidden):
        return persons, 0
    result = persons.copy()
    alike, apart = clothes @ clothes.T, together(starts, ends)
    away = np.maximum(starts[:, None] - ends[None, :], starts[None, :] - ends[:, None])
    placed = []
    for track in hidden.tolist():
        person = _wearer(result, alike[track], apart[track], away[track], seen)
        if person is not None:
            result[track] = person
            placed.append(track)
    rest = hidden[~np.isin(hidden, placed)]
    if len(rest):
        seconds = ends[rest] - starts[rest]
        groups = cluster(clothes[rest], seconds, starts[rest], ends[rest], _ONE_PERSON)
        result[rest] = result.max() + 1 + groups
    return _numbered(result), len(placed)


def _wearer(
    persons: Int64, alike: Float32, apart: npt.NDArray[np.bool_], away: Float32, seen: Float32
) -> int | None:
    """The one person with a face, not on screen at the same time, who wears what a track shows."""
    found = []
    for person in distinct(persons[seen]).tolist():
        own = persons == person
        if not apart[own].any():
            near = own & (away <= _NEAR)
            found.append((float(alike[near].max(initial=0)), person))
    found.sort(reverse=True)
    if not found or found[0][0] < _ALIKE:
        return None
    if len(found) > 1 and found[0][0] - found[1][0] < _MARGIN:
        return None
    return int(found[0][1])


def _numbered(persons: Int64) -> Int64:
    """Number persons from 0 in order of their first tracks."""
    _, first, numbers = np.unique(persons, return_index=True, return_inverse=True)
    order: Int64 = np.argsort(np.argsort(first))[numbers]
    return order
