"""Box arithmetic, compared with simple computations."""

from __future__ import annotations

import numpy as np
import pytest

from reelmill.models.faces.boxes import (
    crops,
    halved,
    moved,
    overlaps,
    pair_overlaps,
    squared,
    suppress,
)


def boxes(*rows) -> np.ndarray:
    return np.array(rows, np.float32).reshape(-1, 4)


def test_overlap_is_intersection_over_union() -> None:
    found = overlaps(boxes((0, 0, 10, 10)), boxes((5, 0, 15, 10), (20, 20, 30, 30), (0, 0, 10, 10)))
    assert found[0].tolist() == pytest.approx([1 / 3, 0, 1])


def test_overlaps_of_pairs_equal_those_of_all_boxes() -> None:
    one = boxes((0, 0, 10, 10), (20, 20, 30, 30), (3, 4, 9, 9))
    other = boxes((5, 0, 15, 10), (0, 0, 10, 10), (3, 4, 9, 9))
    assert pair_overlaps(one, other).tolist() == np.diagonal(overlaps(one, other)).tolist()
    assert pair_overlaps(one[:0], other[:0]).shape == (0,)


def test_suppression_keeps_the_best_of_each_picture() -> None:
    same = boxes((0, 0, 10, 10), (1, 0, 11, 10), (0, 0, 10, 10), (50, 0, 60, 10))
    scores = np.array([0.8, 0.9, 0.7, 0.6], np.float32)
    groups = np.array([0, 0, 1, 0])
    assert suppress(same, scores, groups, 0.5).tolist() == [1, 3, 2]


def test_a_small_box_inside_a_large_one_is_suppressed_only_with_of_smaller() -> None:
    nested = boxes((0, 0, 100, 100), (40, 40, 60, 60))
    scores, groups = np.array([0.9, 0.8], np.float32), np.zeros(2, np.int64)
    assert len(suppress(nested, scores, groups, 0.7)) == 2
    assert suppress(nested, scores, groups, 0.7, of_smaller=True).tolist() == [0]


def test_no_boxes_give_no_results() -> None:
    none = np.zeros(0)
    assert len(suppress(boxes(), none.astype(np.float32), none.astype(np.int64), 0.5)) == 0


def test_squares_keep_the_centre_and_shifts_are_relative() -> None:
    assert squared(boxes((0, 10, 20, 20))).tolist() == [[0, 5, 20, 25]]
    shifted = moved(boxes((0, 0, 10, 20)), boxes((0.1, 0.1, -0.1, 0)))
    assert shifted[0].tolist() == pytest.approx([1, 2, 9, 20])


@pytest.mark.parametrize("side", [12, 24, 60, 120])
def test_a_crop_shows_the_content_of_its_box(side: int) -> None:
    """A ramp of brightness in x keeps its ends and its slope, whatever the scale."""
    ramp = np.broadcast_to(np.arange(200, dtype=np.uint8)[None, :, None], (150, 200, 3)).copy()
    box = boxes((20, 10, 20 + side, 10 + side))
    (piece,) = crops([ramp], np.zeros(1, np.int64), box, 24)
    expected = 20 + (np.arange(24) + 0.5) * side / 24 - 0.5
    assert piece.shape == (24, 24, 3)
    assert np.abs(piece[:, :, 1].astype(float) - expected).max() < 1.6


def test_crops_can_reach_beyond_the_edges_of_frames() -> None:
    frames = [np.full((40, 60, 3), level, np.uint8) for level in (10, 200)]
    places = boxes((-20, -20, 10, 10), (50, 30, 90, 70), (0, 0, 30, 30))
    pieces = crops(frames, np.array([1, 0, 1]), places, 24)
    assert [int(piece.mean()) for piece in pieces] == [200, 10, 200]


def test_half_a_picture_has_the_means_of_four_pixels() -> None:
    frames = list(np.random.default_rng(2).integers(0, 256, (3, 8, 12, 3), np.uint8))
    found = halved(frames)
    wanted = [frame.reshape(4, 2, 6, 2, 3).astype(int).sum((1, 3)) // 4 for frame in frames]
    assert found.dtype == np.uint8
    assert found.tolist() == np.array(wanted).tolist()


@pytest.mark.parametrize("side", [10, 30])
def test_a_crop_at_a_corner_has_the_colours_of_the_edge(side: int) -> None:
    """Also where a pixel has no neighbour to the right or below, in the last picture."""
    frame = np.full((40, 50, 3), 7, np.uint8)
    frame[-1], frame[:, -1] = 200, 200
    beyond = boxes((50, 40, 50 + side, 40 + side))
    pieces = crops([np.zeros_like(frame), frame], np.ones(1, np.int64), beyond, 24)
    assert pieces.min() == pieces.max() == 200
