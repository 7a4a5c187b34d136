"""Frames to be searched: each one once, upright and small, for any kind of video."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from av.video.frame import VideoFrame

from reelmill.artifacts import Media, VideoTrack
from reelmill.errors import InputError
from reelmill.media.probe import probe
from reelmill.media.video.crop import planes
from reelmill.media.video.frames import (
    Reducer,
    brightness,
    choose_track,
    reduced_size,
    stretches,
    upright_size,
)
from reelmill.media.video.index import index_video
from reelmill.media.video.reader import open_pictures
from tests.media.films import film, turn

STEADY = [number / 25 for number in range(100)]


def times_by_stretch(path: Path, seconds: float) -> list[list[float]]:
    found = []
    index = index_video(path)
    for stretch in stretches(index, seconds):
        with open_pictures(path, index=index) as pictures:
            found.append([time for time, _ in pictures.between(*stretch)])
    return found


def whole(path: Path) -> list[float]:
    with open_pictures(path, 0) as pictures:
        return [time for time, _ in pictures.between(-math.inf, math.inf)]


def test_stretches_hold_every_frame_once(tmp_path: Path) -> None:
    path = film(tmp_path / "a.mp4", STEADY, key_every=20)
    parts = times_by_stretch(path, 1.0)
    assert len(parts) == 3
    assert [time for part in parts for time in part] == whole(path)
    assert len(whole(path)) == 100


def test_uneven_times_are_those_of_the_file(tmp_path: Path) -> None:
    times = np.cumsum(np.random.default_rng(1).choice([0.02, 0.04, 0.15], 60)).tolist()
    path = film(tmp_path / "vfr.mkv", times, key_every=15, sound=False)
    parts = times_by_stretch(path, 1.0)
    assert len(parts) > 2
    assert np.allclose([time for part in parts for time in part], times, atol=0.002)


def test_a_video_with_one_key_frame_is_one_stretch(tmp_path: Path) -> None:
    path = film(tmp_path / "a.mp4", STEADY, key_every=1000, sound=False)
    assert stretches(index_video(path), 0.5) == [(-math.inf, math.inf)]


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_rotated_pictures_are_put_upright(tmp_path: Path, degrees: int) -> None:
    path = turn(film(tmp_path / "a.mp4", [0, 0.04], boxes=[(10, 60, 30, 30)] * 2), degrees)
    track = probe(path).video[0]
    size = upright_size(track)
    with open_pictures(path) as pictures:
        _, frame = next(pictures.between(-1, 1))
        picture = Reducer(size, track.rotation).reduced(frame)
    red = np.argwhere((picture[..., 0] > 180) & (picture[..., 1] < 80))
    top, left = red.min(axis=0)
    expected = {90: (10, 38), 180: (38, 152), 270: (152, 60)}[degrees]
    assert picture.shape[:2] == size[::-1]
    assert abs(top - expected[0]) <= 2 and abs(left - expected[1]) <= 2


@pytest.mark.parametrize(
    ("pix_fmt", "codec", "size"),
    [
        ("yuv420p", "libx264", (192, 128)),
        ("yuv420p10le", "libx265", (192, 128)),
        ("yuv444p", "libx264", (191, 127)),
        ("yuvj422p", "mjpeg", (190, 126)),
    ],
)
def test_formats_look_alike_when_reduced(tmp_path: Path, pix_fmt, codec, size) -> None:
    path = film(
        tmp_path / "a.mkv", [0, 0.04], boxes=[(40, 50, 60, 60)] * 2, pix_fmt=pix_fmt, codec=codec,
        size=size, sound=False,
    )  # fmt: skip
    with open_pictures(path) as pictures:
        _, frame = next(pictures.between(-1, 1))
        picture = Reducer((96, 64), 0).reduced(frame)
        glance = brightness(frame, 32, 18)
    assert picture.shape == (64, 96, 3)
    assert picture[40, 35].tolist() == pytest.approx([220, 30, 30], abs=16)
    assert picture[40, 5].tolist() == pytest.approx([90, 90, 90], abs=10)
    assert glance.shape == (18, 32)
    assert 0.2 < float(glance[15, 1]) < 0.5


def test_interlaced_frames_give_one_picture_each(tmp_path: Path) -> None:
    path = film(tmp_path / "i.mkv", STEADY[:30], interlaced=True, sound=False)
    assert len(whole(path)) == 30


def test_sizes_keep_their_shape_and_never_grow() -> None:
    assert reduced_size(1280, 720, 360) == (640, 360)
    assert reduced_size(720, 1280, 360) == (360, 640)
    assert reduced_size(320, 240, 360) == (320, 240)
    assert reduced_size(1919, 801, 360) == (862, 360)


def test_the_largest_video_track_is_used_unless_one_is_chosen() -> None:
    tracks = [VideoTrack(i, "h264", w, h, 25, 1) for i, w, h in ((0, 320, 240), (2, 640, 480))]
    media = Media("mp4", 1.0, [], tracks)
    assert choose_track(Path("a.mp4"), media).index == 2
    assert choose_track(Path("a.mp4"), media, 0).index == 0
    with pytest.raises(InputError, match="there are 2"):
        choose_track(Path("a.mp4"), media, 2)
    with pytest.raises(InputError, match="no picture"):
        choose_track(Path("a.mp3"), Media("mp3", 1.0, [], []))


@pytest.mark.parametrize(
    "area",
    [
        (10.2, 7.9, 61.0, 40.5),
        (-9, -9, 20, 20),
        (100, 50, 999, 999),
        (0, 0, 160, 120),
        (30, 30, 30, 30),
    ],
)
def test_a_part_is_what_it_is_in_the_whole_frame(
    area: tuple[float, float, float, float],
) -> None:
    size = 160, 120
    frame = _noise(*size)
    reducer = Reducer(size, 0)
    assert reducer.keeps(frame)
    part, (x, y) = reducer.part(frame, *area)
    height, width = part.shape[:2]
    assert np.array_equal(part, reducer.reduced(frame)[y : y + height, x : x + width])
    left, top, right, bottom = (
        min(max(0, at), limit) for at, limit in zip(area, (*size, *size), strict=True)
    )
    assert x <= left and y <= top and x + width >= right and y + height >= bottom


def test_no_part_is_taken_where_the_frame_is_turned_or_made_smaller() -> None:
    frame = _noise(160, 120)
    assert not Reducer((80, 60), 0).keeps(frame)
    assert not Reducer((120, 160), 90).keeps(frame)
    assert not Reducer((160, 120), 180).keeps(frame)
    assert not Reducer((161, 120), 0).keeps(_noise(161, 120))


def _noise(width: int, height: int) -> VideoFrame:
    frame = VideoFrame(width, height, "yuv420p")
    random = np.random.default_rng(1)
    for plane in planes(frame):
        plane[:] = random.integers(16, 235, plane.shape, np.uint8)
    return frame
