"""Tracks of one person are joined, and only those."""

from __future__ import annotations

import numpy as np
import pytest

from reelmill.core.vectors import unit
from reelmill.stages.faces import clustering as face_clusters
from reelmill.stages.faces.clustering import cluster


def tracks(people: list[int], spread: float = 0.15, seed: int = 1):
    """Vectors of tracks of people one after the other, weights, starts and ends."""
    rng = np.random.default_rng(seed)
    means = unit(rng.normal(size=(max(people) + 1, 32)).astype(np.float32))
    noise = rng.normal(size=(len(people), 32)).astype(np.float32) * spread / np.sqrt(32)
    vectors = unit(means[people] + noise)
    starts = np.arange(len(people), dtype=np.float32)
    return vectors, np.ones(len(people), np.float32), starts, starts + np.float32(0.9)


def test_people_are_separated_and_recognized_again() -> None:
    assert cluster(*tracks([0, 1, 0, 2, 1, 0]), 0.6).tolist() == [0, 1, 0, 2, 1, 0]


def test_two_persons_seen_at_once_are_not_joined() -> None:
    vectors, weights, starts, ends = tracks([0, 0, 0])
    starts[1], ends[1] = starts[0], ends[0]
    labels = cluster(vectors, weights, starts, ends, 0.6)
    assert labels[0] != labels[1]
    assert labels[2] in (labels[0], labels[1])


def test_a_track_without_a_vector_stays_alone() -> None:
    vectors, weights, starts, ends = tracks([0, 0, 0, 0])
    vectors[1] = vectors[3] = 0
    assert cluster(vectors, weights, starts, ends, 0.6).tolist() == [0, 1, 0, 2]


@pytest.mark.parametrize(("threshold", "expected"), [(0.0, 1), (0.999999, 4)])
def test_the_threshold_decides_about_joining(threshold: float, expected: int) -> None:
    assert len(set(cluster(*tracks([0, 0, 0, 0]), threshold).tolist())) == expected


def test_no_track_and_one_track_are_clustered() -> None:
    empty = np.zeros(0, np.float32)
    assert len(cluster(np.zeros((0, 8), np.float32), empty, empty, empty, 0.6)) == 0
    assert cluster(*tracks([0]), 0.6).tolist() == [0]


def test_many_tracks_are_clustered_in_runs_with_the_same_result(monkeypatch) -> None:
    people = np.random.default_rng(5).integers(0, 6, 90).tolist()
    whole = cluster(*tracks(people), 0.6)
    monkeypatch.setattr(face_clusters, "_AT_ONCE", 25)
    assert cluster(*tracks(people), 0.6).tolist() == whole.tolist()
