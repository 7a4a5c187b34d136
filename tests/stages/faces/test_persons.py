"""From tracks that are one person's to the person."""

from __future__ import annotations

import tracemalloc

import numpy as np

from reelmill.artifacts import Picture, Span, Track, TrackArrays, Tracks
from reelmill.stages.faces.clustering import unit
from reelmill.stages.faces.persons import Identified, make_persons

_TRACKS = 3000


def test_a_person_of_thousands_of_tracks_takes_little_memory() -> None:
    # proves: F6
    rng = np.random.default_rng(7)
    vectors = unit(1 + rng.normal(0, 0.2, (_TRACKS, 64)).astype(np.float32))
    tracks, arrays = one_after_the_other(_TRACKS)
    identified = Identified(vectors, np.zeros(_TRACKS, np.int64), "appearance", 0.7, [])
    tracemalloc.start()
    artifact, _ = make_persons("boxes.npz", tracks, arrays, identified)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    (person,) = artifact.persons
    assert person.label == "A" and person.seconds == _TRACKS
    assert person.likeness == round(float((vectors @ vectors.T).min()), 4)
    assert most < 4 * _TRACKS * _TRACKS  # bytes of the cosines of all with all, at once


def one_after_the_other(count: int) -> tuple[Tracks, TrackArrays]:
    """Each of one frame and a second, a second from the next."""
    listed = [Track(i, 2.0 * i, 2 * i + 1.0, 0, 1.0, 1.0, i, 1) for i in range(count)]
    picture = Picture(0, 320, 180, 0, count, 0.5, 2.0 * count)
    tracks = Tracks("tracks.npz", picture, [Span(0.0, 2.0 * count)], listed, 0)
    arrays = TrackArrays(
        2 * np.arange(count, dtype=np.float64),
        np.arange(count, dtype=np.int32),
        np.tile(np.array([[10, 10, 40, 40]], np.float32), (count, 1)),
        np.ones(count, np.float32),
        np.zeros((count, 4), np.float32),
        np.arange(count, dtype=np.int64)[:, None],
        np.zeros((count, 1, 5, 2), np.float32),
    )
    return tracks, arrays
