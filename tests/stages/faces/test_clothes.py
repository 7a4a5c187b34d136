"""Clothes decide close cases beside faces, and replace them where no face is good enough.

# proves: F3 F9
"""

from __future__ import annotations

import numpy as np
import pytest

from reelmill.stages.faces.clothes import clothes_of, placed_by_clothes, with_clothes
from reelmill.stages.faces.clustering import cluster


def faces(*cosines_to_first: float) -> np.ndarray:
    """Unit vectors with these cosines to the first axis, else orthogonal to each other."""
    count = len(cosines_to_first)
    rows = np.zeros((count, count + 1), np.float32)
    for row, cosine in enumerate(cosines_to_first):
        rows[row, 0] = cosine
        rows[row, row + 1] = np.sqrt(1 - cosine**2)
    return rows


def wearing(*bins: int | None) -> np.ndarray:
    """Clothes of one colour each, None where none are seen."""
    rows = np.zeros((len(bins), 8), np.float32)
    for row, one in enumerate(bins):
        if one is not None:
            rows[row, one] = 1
    return clothes_of(rows)


def people(vectors: np.ndarray) -> list[int]:
    count = len(vectors)
    starts = np.arange(count, dtype=np.float32) * 2
    return cluster(vectors, np.ones(count, np.float32), starts, starts + 1, 0.6).tolist()


def test_the_same_clothes_decide_a_close_case() -> None:
    # two views of one person, not quite similar enough, and a stranger in other clothes
    doubtful = np.array([[1, 0, 0], [0.57, np.sqrt(1 - 0.57**2), 0], [0, 0, 1]], np.float32)
    assert people(doubtful) == [0, 1, 2]
    assert people(with_clothes(doubtful, wearing(1, 1, 5))) == [0, 0, 1]
    assert people(with_clothes(doubtful, wearing(1, None, 5))) == [0, 1, 2]


@pytest.mark.parametrize("worn", [(1, 1, 1, 1), (1, 2, 1, 2), (1, None, None, 2)])
def test_clothes_neither_join_strangers_nor_split_a_person(worn) -> None:
    vectors = np.array([[1, 0], [0.4, 0.917], [0.95, 0.312], [0.3, 0.954]], np.float32)
    assert people(with_clothes(vectors, wearing(*worn))) == [0, 1, 0, 1]


def spans(*pairs: tuple[float, float]) -> tuple[np.ndarray, np.ndarray]:
    edges = np.array(pairs, np.float32)
    return edges[:, 0], edges[:, 1]


def test_a_track_without_a_face_belongs_to_the_person_in_the_same_clothes() -> None:
    vectors = faces(0.9, 0.0, 0.0)
    vectors[2] = 0
    starts, ends = spans((0, 4), (0, 4), (5, 6))
    persons, placed = placed_by_clothes(
        np.array([0, 1, 2]), vectors, wearing(3, 6, 6), starts, ends
    )
    assert (persons.tolist(), placed) == ([0, 1, 1], 1)


@pytest.mark.parametrize(
    ("worn", "span"),
    [
        ((6, 6, 6), (5, 6)),  # two wear it
        ((3, 6, 6), (2, 6)),  # who wears it is on screen at the same time
        ((3, 6, 6), (60, 61)),  # it was a minute ago
        ((3, 6, 2), (5, 6)),  # nobody wears it
        ((3, 6, None), (5, 6)),  # nothing is seen
    ],
)
def test_a_track_with_ambiguous_clothes_stays_a_person_of_its_own(worn, span) -> None:
    vectors = faces(0.9, 0.0, 0.0)
    vectors[2] = 0
    starts, ends = spans((0, 4), (0, 4), span)
    persons, placed = placed_by_clothes(np.array([0, 1, 2]), vectors, wearing(*worn), starts, ends)
    assert (persons.tolist(), placed) == ([0, 1, 2], 0)


def test_remaining_tracks_without_a_face_are_joined_by_clothes() -> None:
    vectors = faces(0.9, 0.0, 0.0, 0.0)
    vectors[1:] = 0
    starts, ends = spans((0, 4), (20, 21), (30, 31), (40, 41))
    persons, placed = placed_by_clothes(
        np.array([0, 1, 2, 3]), vectors, wearing(1, 2, 3, 2), starts, ends
    )
    assert (persons.tolist(), placed) == ([0, 1, 2, 1], 0)
