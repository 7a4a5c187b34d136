"""Find where a track switches to another person, by the clothes below the face.

Where one person walks in front of another, or leaves the picture where another enters it, position
and motion can lead from one face to the other. Clothes do not change within a scene.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from reelmill.core.arrays import Float32, Int64
from reelmill.stages.faces.colours import embedding

#: Below this cosine, the mean colours of two parts of a track are the clothes of two persons.
_DIFFERENT = 0.68
#: The least and the greatest number of histograms compared on each side: enough that somebody who
#: passes in front has no effect.
_LEAST_SEEN, _COMPARED = 2, 8


def changes(rows: Int64, boxes: Float32, colours: Float32, colours_of: Int64) -> list[int]:
    """Indices in a track at which it starts to show somebody else, ascending.

    Args:
        rows: (n,) of the track's detections, in order of time.
        boxes: (m, 4) x, y, width, height of all detections.
        colours: (k, d) histograms of the rows `colours_of` (ascending).
    """
    seen = np.flatnonzero(np.isin(rows, colours_of))
    vectors = embedding(colours[np.searchsorted(colours_of, rows[seen])])
    return sorted(_found(rows, boxes, seen, vectors))


def _found(rows: Int64, boxes: Float32, seen: Int64, vectors: Float32) -> list[int]:
    """`seen`: indices in the track that have a histogram; `vectors`: their vectors."""
    if len(seen) < 2 * _LEAST_SEEN:
        return []
    alike = _likeness_of_parts(vectors)
    at = int(alike.argmin()) + _LEAST_SEEN
    if alike.min() >= _DIFFERENT:
        return []
    place = _leap(boxes[rows[seen[at - 1] : seen[at] + 1]]) + int(seen[at - 1])
    before = _found(rows, boxes, seen[:at], vectors[:at])
    return [*before, place, *_found(rows, boxes, seen[at:], vectors[at:])]


def _likeness_of_parts(vectors: Float32) -> Float32:
    """For each place where the track could be split, the cosine of the mean vectors shortly before
    and shortly after it. The first place is after `_LEAST_SEEN` histograms."""
    sums = np.concatenate([np.zeros((1, vectors.shape[1])), np.cumsum(vectors, axis=0)])
    places = np.arange(_LEAST_SEEN, len(vectors) - _LEAST_SEEN + 1)
    one = sums[places] - sums[np.maximum(places - _COMPARED, 0)]
    other = sums[np.minimum(places + _COMPARED, len(vectors))] - sums[places]
    lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    cosines: Float32 = ((one * other).sum(axis=1) / np.maximum(lengths, 1e-9)).astype(np.float32)
    return cosines


def _leap(boxes: Sequence[Float32] | Float32) -> int:
    """The index after the longest jump of the face from one detection to the next, in face
    widths."""
    boxes = np.asarray(boxes)
    middles = boxes[:, :2] + boxes[:, 2:] / 2
    far = np.linalg.norm(np.diff(middles, axis=0), axis=1) / np.maximum(boxes[1:, 2], 1)
    return int(far.argmax()) + 1
