"""Tracks of one person become a person."""

from __future__ import annotations

import tracemalloc

import numpy as np

from reelmill.artifacts import Picture, Span, Track, TrackArrays, Tracks
from reelmill.core.vectors import unit
from reelmill.stages.clips.trimming import trimmed
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
        np.zeros((count, 1), np.float32),
        np.zeros(count, np.int32),
    )
    return tracks, arrays


def test_a_break_is_bridged_within_a_scene_but_never_across_a_cut() -> None:
    # proves: F3 F4
    scenes = [Span(0.0, 0.4), Span(0.4, 0.8), Span(0.8, 3.0)]
    spans = [(0.0, 0.4, 0), (0.8, 1.2, 2), (1.4, 2.0, 2)]
    listed = [Track(i, a, b, scene, 1.0, 1.0, i, 1) for i, (a, b, scene) in enumerate(spans)]
    tracks = Tracks("tracks.npz", Picture(0, 320, 180, 0, 75, 25, 3.0), scenes, listed, 0)
    _, arrays = one_after_the_other(3)
    identified = Identified(np.ones((3, 4), np.float32), np.zeros(3, np.int64), "faces", 0.7, [])
    artifact, _ = make_persons("boxes.npz", tracks, arrays, identified)
    (person,) = artifact.persons
    assert [(i.start, i.end) for i in person.intervals] == [(0.0, 0.4), (0.8, 2.0)]
    assert trimmed([person], [0.4, 0.8]) == [Span(0.0, 0.4), Span(0.8, 2.0)]
