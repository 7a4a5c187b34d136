"""The camera is centred, in time with the face, calm, bounded, and never leaves the picture."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reelmill.stages.clips.camera_path import Framing, bounded, camera_path, running_maximum, smooth

PICTURE = (1280, 720)
RATE = 25


def boxes_at(centres: np.ndarray, size: float = 90.0) -> np.ndarray:
    return np.column_stack([centres - size / 2, np.full(centres.shape, size)])


def middles(windows: np.ndarray) -> np.ndarray:
    return windows[:, :2] + windows[:, 2:] / 2


def walk(seconds: float, speed: float, start: float = 300.0) -> tuple[np.ndarray, np.ndarray]:
    times = np.arange(0, seconds, 1 / RATE)
    return times, np.column_stack([start + speed * times, np.full_like(times, 360.0)])


def test_a_face_that_walks_steadily_stays_in_the_middle_from_first_to_last_frame() -> None:
    # proves: F4
    times, centres = walk(6, 100)
    windows = camera_path(times, boxes_at(centres), [], PICTURE, Framing())
    assert np.abs(middles(windows) - centres).max() < 0.5


def test_the_camera_has_no_lag_when_the_face_turns_round() -> None:
    # proves: F4
    times = np.arange(0, 8, 1 / RATE)
    x = 640 + 150 * np.sin(2 * np.pi * times / 4)
    centres = np.column_stack([x, np.full_like(times, 360.0)])
    path = middles(camera_path(times, boxes_at(centres), [], PICTURE, Framing()))[:, 0]
    inner = slice(RATE, -RATE)
    shifts = range(-5, 6)
    likeness = [np.corrcoef(x[inner], np.roll(path, -s)[inner])[0, 1] for s in shifts]
    assert shifts[int(np.argmax(likeness))] == 0


def test_jitter_of_the_detector_does_not_move_the_camera() -> None:
    # proves: F4
    times, centres = walk(6, 40)
    noisy = centres + np.random.default_rng(1).normal(0, 3, centres.shape)
    path = middles(camera_path(times, boxes_at(noisy), [], PICTURE, Framing()))
    trembling = np.abs(np.diff(noisy, 2, axis=0)).mean()
    assert np.abs(np.diff(path, 2, axis=0)).mean() < trembling / 50
    assert np.abs(path - centres)[10:-10].max() < 3


def test_the_zoom_ignores_jitter_of_boxes_and_follows_a_face_that_comes_nearer() -> None:
    # proves: F4
    times, centres = walk(8, 0, 640.0)
    boxes = boxes_at(centres)
    boxes[:, 3] *= 1 + 0.05 * np.sin(times * 3)
    sides = camera_path(times, boxes, [], PICTURE, Framing())[:, 3]
    assert np.ptp(sides) < 1e-6
    boxes[:, 3] *= np.interp(times, [0, 3, 5, 8], [1, 1, 2, 2])
    sides = camera_path(times, boxes, [], PICTURE, Framing())[:, 3]
    assert sides[-1] / sides[0] == pytest.approx(2, rel=0.2)
    assert np.abs(np.diff(sides)).max() < 6


def test_a_jump_is_followed_at_a_bounded_speed_with_the_face_in_view() -> None:
    # proves: F4
    times = np.arange(0, 6, 1 / RATE)
    x = np.where(times < 3, 300.0, 800.0)
    boxes = boxes_at(np.column_stack([x, np.full_like(times, 360.0)]))
    framing = Framing(most_speed=1.0)
    windows = camera_path(times, boxes, [], PICTURE, framing)
    speed = np.abs(np.diff(middles(windows)[:, 0])) * RATE
    assert speed.max() <= 90 / framing.face_share * 1.01
    assert np.all(windows[:, :2] <= boxes[:, :2] + 1)
    assert np.all(windows[:, :2] + windows[:, 2:] >= boxes[:, :2] + boxes[:, 2:] - 1)


def test_the_camera_jumps_only_at_cuts() -> None:
    # proves: F4
    times = np.arange(0, 4, 1 / RATE)
    x = np.where(times < 2, 300.0, 900.0)
    boxes = boxes_at(np.column_stack([x, np.full_like(times, 360.0)]))
    path = middles(camera_path(times, boxes, [50], PICTURE, Framing()))[:, 0]
    assert path[:50] == pytest.approx(300, abs=0.01)
    assert path[50:] == pytest.approx(900, abs=0.01)


@pytest.mark.parametrize("aspect", [1.0, 9 / 16, 16 / 9, 960 / 1080])
def test_the_face_fills_its_share_of_the_shorter_side(aspect: float) -> None:
    # proves: F4
    times = np.arange(0, 2, 1 / RATE)
    centres = np.full((50, 2), (640.0, 360.0))
    windows = camera_path(times, boxes_at(centres), [], PICTURE, Framing(aspect, face_share=0.3))
    width, height = windows[25, 2:]
    assert width / height == pytest.approx(aspect)
    assert min(width, height) == pytest.approx(90 / 0.3)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    count=st.integers(1, 60),
    aspect=st.sampled_from([1.0, 9 / 16, 16 / 9, 4.0]),
    size=st.floats(5, 900),
)
def test_no_window_ever_leaves_the_picture(
    seed: int, count: int, aspect: float, size: float
) -> None:
    # proves: F4
    random = np.random.default_rng(seed)
    times = np.cumsum(random.choice([0.001, 0.02, 0.04, 0.5, 3.0], count))
    centres = random.uniform(-100, 1400, (count, 2))
    breaks = random.integers(0, count + 1, 3).tolist()
    windows = camera_path(times, boxes_at(centres, size), breaks, PICTURE, Framing(aspect))
    assert np.isfinite(windows).all()
    assert (windows[:, :2] >= -1e-6).all()
    assert (windows[:, :2] + windows[:, 2:] <= np.array(PICTURE) + 1e-6).all()
    assert windows[:, 2] / windows[:, 3] == pytest.approx(aspect)


def test_smoothing_keeps_straight_lines_at_any_spacing() -> None:
    times = np.cumsum(np.random.default_rng(2).choice([0.01, 0.04, 0.2], 80))
    assert smooth(times, 3 * times - 7, 0.25) == pytest.approx(3 * times - 7, abs=1e-6)


def test_bounded_values_are_bounded_and_unchanged_where_they_were() -> None:
    times = np.arange(100) / 10
    values = np.sin(times * 3) * 5
    limited = bounded(times, values, np.full(100, 4.0))
    assert np.abs(np.diff(limited)).max() <= 0.4 + 1e-9
    assert np.array_equal(bounded(times, values, np.full(100, 99.0)), values)


def test_the_running_maximum_equals_a_simple_computation() -> None:
    random = np.random.default_rng(5)
    times = np.cumsum(random.uniform(0.01, 0.3, 200))
    values = random.normal(size=200)
    plain = [values[(times >= t - 0.5) & (times <= t + 0.5)].max() for t in times]
    assert np.array_equal(running_maximum(times, values, 0.5), plain)
