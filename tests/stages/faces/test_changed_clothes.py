"""Tracks that switch to another person are split at that place.

# proves: F3
"""

from __future__ import annotations

import numpy as np
import pytest

from reelmill.stages.faces.changed_clothes import changes
from reelmill.stages.faces.colours import BINS


def clothes(number: int, count: int) -> np.ndarray:
    """Histograms of one person: hardly any two the same, none like another person's."""
    rng = np.random.default_rng(number)
    histograms = rng.uniform(0, 0.02, (count, BINS))
    histograms[:, number * 20 : number * 20 + 15] += 1
    return (histograms / histograms.sum(axis=1, keepdims=True)).astype(np.float32)


def walk(*parts: tuple[int, int]) -> np.ndarray:
    """Boxes of faces that start at x, and go on at 5 pixels a row, for so many rows."""
    left = np.concatenate([x + 5.0 * np.arange(count) for x, count in parts])
    return np.stack([left, left * 0 + 50, left * 0 + 40, left * 0 + 50], axis=1).astype(np.float32)


@pytest.mark.parametrize(
    ("people", "expected"),
    [
        ([(0, 24)], []),
        ([(0, 12), (1, 12)], [12]),
        ([(0, 30), (1, 30), (0, 30)], [30, 60]),
        ([(0, 22), (1, 3)], []),  # one odd histogram is no other person
    ],
)
def test_a_track_is_split_at_the_jump_where_clothes_change(people, expected) -> None:
    boxes = walk(*((100 + 400 * number, rows) for number, (_, rows) in enumerate(people)))
    rows = np.arange(len(boxes)) + 7  # among the detections of others
    boxes = np.concatenate([np.zeros((7, 4), np.float32), boxes])
    colours = np.concatenate([clothes(person, count) for person, count in people])
    seen = np.arange(1, len(rows), 3)
    assert changes(rows, boxes, colours[seen], rows[seen]) == expected


def test_a_track_without_visible_clothes_is_not_split() -> None:
    boxes = walk((0, 30))
    nobody = np.zeros((0, BINS), np.float32)
    assert changes(np.arange(30), boxes, nobody, np.zeros(0, np.int64)) == []
