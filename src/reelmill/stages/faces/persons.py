"""Turn tracks assigned to persons into the artifact: persons, intervals, boxes."""

from __future__ import annotations

import math
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from reelmill.artifacts import (
    FaceNetworkUsed,
    IdentityMethod,
    OnScreen,
    Person,
    PersonArrays,
    Persons,
    Thumbnail,
    Track,
    TrackArrays,
    Tracks,
)
from reelmill.core.arrays import Float32, Int64
from reelmill.core.vectors import distinct, unit

_SAME_SECONDS = 1e-3
#: A person out of sight for at most this time, s, counts as on screen throughout.
_SHORT_BREAK = 0.5
#: Tracks compared at once with all of a person's: in six hours one person had 13,000.
_AT_ONCE = 1000


@dataclass(frozen=True)
class Identified:
    """The result of identification: the vector (n, d, unit length, or 0) and the person (n,) of
    each track, the method, and notes for the reader; `names` by person: the name, and the cosine to
    the picture it comes from."""

    vectors: Float32
    persons: Int64
    method: IdentityMethod
    threshold: float
    notes: list[str]
    names: Mapping[int, tuple[str, float]] = field(default_factory=dict)
    network: FaceNetworkUsed | None = None


def label_of(number: int) -> str:
    """A, B ... Z, AA, AB ..."""
    letters = ""
    number += 1
    while number:
        number, rest = divmod(number - 1, 26)
        letters = string.ascii_uppercase[rest] + letters
    return letters


def make_persons(
    file: str, tracks: Tracks, arrays: TrackArrays, identified: Identified
) -> tuple[Persons, PersonArrays]:
    """Persons in order of their time on screen, and their boxes."""
    groups = [
        [tracks.tracks[i] for i in np.flatnonzero(identified.persons == number)]
        for number in distinct(identified.persons)
    ]
    groups.sort(key=lambda group: (-sum(t.end - t.start for t in group), group[0].start))
    persons, rows, vectors = [], [], []
    first = 0
    for number, group in enumerate(groups):
        own = [identified.vectors[track.id] for track in group]
        own_rows = np.concatenate([_rows(track) for track in group])
        own_rows = own_rows[_once_each(arrays.frames[own_rows], arrays.scores[own_rows])]
        person = _person(number, group, own, arrays, tracks, (first, len(own_rows)))
        named = identified.names.get(int(identified.persons[group[0].id]))
        if named is not None:
            person.name, person.named_by = named[0], round(named[1], 4)
        persons.append(person)
        vectors.append(unit(np.mean(own, axis=0, keepdims=True))[0])
        rows.append(own_rows)
        first += len(own_rows)
    order = np.concatenate(rows) if rows else np.zeros(0, np.int64)
    track_of = np.repeat([t.id for t in tracks.tracks], [t.frames for t in tracks.tracks])
    result = Persons(
        file,
        tracks.picture,
        identified.method,
        identified.threshold,
        persons,
        [scene.start for scene in tracks.scenes[1:]],
        identified.notes,
        identified.network,
    )
    return result, PersonArrays(
        arrays.times[order],
        arrays.frames[order],
        arrays.boxes[order],
        track_of[order].astype(np.int32),
        np.array(vectors, np.float32).reshape(len(vectors), identified.vectors.shape[1]),
    )


def _rows(track: Track) -> Int64:
    return np.arange(track.first, track.first + track.frames)


def _once_each(frames: npt.NDArray[np.int32], scores: Float32) -> Int64:
    """Indices of the row with the best score in each frame, in order of frames."""
    order = np.lexsort((-scores, frames))
    return order[np.flatnonzero(np.diff(frames[order], prepend=-1))]


def _person(
    number: int,
    group: Sequence[Track],
    vectors: Sequence[Float32],
    arrays: TrackArrays,
    tracks: Tracks,
    rows: tuple[int, int],
) -> Person:
    intervals = _intervals(group)
    seconds = sum(interval.duration for interval in intervals)
    return Person(
        label=label_of(number),
        name=None,
        intervals=intervals,
        seconds=round(seconds, 3),
        share=round(seconds / max(tracks.picture.duration, 1e-9), 4),
        thumbnail=_thumbnail(group, arrays),
        first=rows[0],
        frames=rows[1],
        likeness=round(_least_alike(np.stack(vectors)), 4),
    )


def _least_alike(vectors: Float32) -> float:
    """The least cosine of any two vectors, 1 if there are fewer than two. Zero rows do not
    count."""
    vectors = vectors[np.linalg.norm(vectors, axis=1) > 0.5]
    if len(vectors) < 2:
        return 1.0
    starts = range(0, len(vectors), _AT_ONCE)
    return min(float((vectors[at : at + _AT_ONCE] @ vectors.T).min()) for at in starts)


def _intervals(group: Sequence[Track]) -> list[OnScreen]:
    intervals: list[OnScreen] = []
    scene = -1
    for track in sorted(group, key=lambda track: track.start):
        gap = track.start - intervals[-1].end if intervals else math.inf
        # A gap across a cut is not bridged: what lies between is another shot.
        if gap <= (_SHORT_BREAK if track.scene == scene else _SAME_SECONDS):
            intervals[-1].end = max(intervals[-1].end, track.end)
            intervals[-1].tracks.append(track.id)
        else:
            intervals.append(OnScreen(track.start, track.end, [track.id]))
        scene = track.scene
    return intervals


def _thumbnail(group: Sequence[Track], arrays: TrackArrays) -> Thumbnail:
    """The thumbnail: the largest of the best faces."""
    candidates = [int(arrays.best[track.id, 0]) for track in group]
    candidates = [row for row in candidates if row >= 0] or [group[0].first]
    row = max(candidates, key=lambda row: float(arrays.boxes[row, 2] * arrays.boxes[row, 3]))
    x, y, width, height = (round(float(value), 1) for value in arrays.boxes[row])
    return Thumbnail(float(arrays.times[row]), x, y, width, height)
