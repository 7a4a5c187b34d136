"""Windows cut from planes show what they should, to the pixel, also turned and enlarged."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from reelmill.media.video.crop import (
    Cropper,
    Window,
    beside,
    black,
    dimmed,
    planes,
    to_coded,
)


def gradient(width: int, height: int) -> av.VideoFrame:
    """Luma rises from left to right and from top to bottom, colour too."""
    frame = av.VideoFrame(width, height, "yuv420p")
    for plane in planes(frame):
        rows, columns = plane.shape
        x, y = np.meshgrid(np.arange(columns) / columns, np.arange(rows) / rows)
        plane[:] = np.round(20 + 150 * x + 60 * y)
    return frame


def expected(window: Window, width: int, height: int, size: tuple[int, int]) -> np.ndarray:
    x = window.x + (np.arange(size[0]) + 0.5) * window.width / size[0] - 0.5
    y = window.y + (np.arange(size[1]) + 0.5) * window.height / size[1] - 0.5
    return 20 + 150 * x[None, :] / width + 60 * y[:, None] / height


@pytest.mark.parametrize(
    "window",
    [
        Window(100, 60, 250, 250),
        Window(101.7, 59.3, 120.5, 120.5),
        Window(7.2, 3.1, 460.4, 460.4),
        Window(500, 300, 90, 90),
    ],
)
def test_a_window_fills_the_picture(window: Window) -> None:
    # proves: F4
    frame = gradient(640, 480)
    result = Cropper(250, 250).crop(frame, window)
    assert (result.width, result.height) == (250, 250)
    luma = next(planes(result)).astype(float)
    # One pixel of the result, in the gradient's steps, and rounding.
    step = 150 / 640 * window.width / 250 + 60 / 480 * window.height / 250
    error = np.abs(luma - expected(window, 640, 480, (250, 250)))
    assert error.max() <= 1.0 + step
    for plane in list(planes(result))[1:]:
        assert plane.shape == (125, 125)
        assert abs(float(plane.mean()) - luma.mean()) < 2


def test_a_slow_camera_moves_by_less_than_a_pixel_of_the_original() -> None:
    # proves: F4
    frame = gradient(640, 480)
    cropper = Cropper(240, 240)
    means = [
        next(planes(cropper.crop(frame, Window(200 + k / 8, 100, 60, 60)))).mean()
        for k in range(33)
    ]
    steps = np.diff(means) / (150 / 640)  # in pixels of the original
    assert steps.min() >= -0.05 and steps.max() <= 0.6
    assert np.sum(steps) == pytest.approx(4.0, abs=0.4)


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_a_rotated_video_is_cut_as_shown(rotation: int) -> None:
    # proves: F4
    upright = np.asarray(next(planes(gradient(320, 240))))
    coded = av.VideoFrame(*((240, 320) if rotation % 180 else (320, 240)), "yuv420p")
    for plane, source in zip(planes(coded), planes(gradient(320, 240)), strict=True):
        plane[:] = np.rot90(source, rotation // 90)
    window = Window(40, 60, 160, 120)
    result = Cropper(160, 120, rotation).crop(coded, window)
    assert np.array_equal(next(planes(result)), upright[60:180, 40:200])


def test_a_window_outside_the_picture_is_moved_inside() -> None:
    frame = gradient(320, 240)
    cropper = Cropper(100, 100)
    at_edge = next(planes(cropper.crop(frame, Window(220, 140, 100, 100))))
    assert np.array_equal(next(planes(cropper.crop(frame, Window(900, 900, 100, 100)))), at_edge)
    whole = cropper.crop(frame, Window(-50, -50, 1000, 1000))
    assert (whole.width, whole.height) == (100, 100)


@pytest.mark.parametrize("size", [(321, 241), (33, 17), (3, 3)])
def test_odd_and_tiny_pictures_can_be_cut(size: tuple[int, int]) -> None:
    frame = gradient(*size)
    result = Cropper(64, 64).crop(frame, Window(0, 0, *size))
    luma = next(planes(result))
    assert luma[0, 0] < luma[-1, -1]


def test_windows_are_turned_with_the_picture() -> None:
    # A picture coded 640 x 480: its first pixel is at the top right after a quarter turn clockwise.
    assert to_coded(Window(470, 0, 10, 20), 640, 480, 90) == Window(0, 0, 20, 10)
    assert to_coded(Window(630, 470, 10, 10), 640, 480, 180) == Window(0, 0, 10, 10)
    assert to_coded(Window(0, 630, 20, 10), 640, 480, 270) == Window(0, 0, 10, 20)


def test_pictures_are_placed_side_by_side_and_dimmed() -> None:
    left, right = gradient(64, 48), black(64, 48)
    both = list(planes(beside([left, dimmed(right)])))
    assert both[0].shape == (48, 128) and both[1].shape == (24, 64)
    assert np.array_equal(both[0][:, :64], next(planes(left)))
    assert both[0][:, 64:].max() == 16
    darker = next(planes(dimmed(left)))
    assert darker.mean() < next(planes(left)).mean() / 2


def test_a_cropped_picture_can_be_saved(tmp_path: Path) -> None:
    image = (
        Cropper(64, 64).crop(gradient(320, 240), Window(0, 0, 64, 64)).to_ndarray(format="rgb24")
    )
    assert image.shape == (64, 64, 3)
