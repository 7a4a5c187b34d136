"""Frames by time: the right ones, wherever reading begins, for any kind of video."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from reelmill.errors import InputError
from reelmill.media.video.crop import planar_of, planes
from reelmill.media.video.index import index_video
from reelmill.media.video.reader import open_pictures
from tests.media.films import film, number_in
from tests.media.make import in_format
from tests.media.video.test_index import encoded

STEADY = [i / 25 for i in range(100)]


def numbers(
    path: Path, start: float, end: float, *, draft: bool = False
) -> list[tuple[float, int]]:
    with open_pictures(path, draft=draft) as pictures:
        return [
            (round(time, 3), number_in(next(planes(planar_of(frame)))))
            for time, frame in pictures.between(start, end)
        ]


@pytest.mark.parametrize("start, end", [(0, 10), (1.0, 2.0), (1.36, 1.44), (3.9, 9), (0.0, 0.04)])
def test_the_frames_of_a_time_range_are_read(tmp_path: Path, start: float, end: float) -> None:
    # proves: F2 F5
    path = film(tmp_path / "film.mp4", STEADY, sound=False)
    wanted = [(t, i) for i, t in enumerate(STEADY) if start <= t < end]
    assert numbers(path, start, end) == [(round(t, 3), i) for t, i in wanted]


def test_a_draft_has_the_same_frames_at_the_same_times(tmp_path: Path) -> None:
    path = film(tmp_path / "film.mp4", STEADY, sound=False)
    assert numbers(path, 0.5, 3.5, draft=True) == numbers(path, 0.5, 3.5)


def test_parts_that_meet_at_key_frames_have_every_frame_once(tmp_path: Path) -> None:
    # proves: F2
    path = film(tmp_path / "film.mkv", STEADY, key_every=17)
    keys = index_video(path).key_times
    assert len(keys) == 6
    edges = [*keys, 99.0]
    found = [n for a, b in pairwise(edges) for n in numbers(path, a, b)]
    assert [number for _, number in found] == list(range(100))


def test_a_part_that_begins_at_a_key_frame_decodes_nothing_before_it(tmp_path: Path) -> None:
    path = film(tmp_path / "film.mp4", STEADY, key_every=20)
    with open_pictures(path) as pictures:
        for key in index_video(path).key_times:
            decoded = [time for time, _ in pictures._from(key)]
            assert decoded[0] == pytest.approx(key)


def test_times_of_frames_are_kept_with_a_variable_rate(tmp_path: Path) -> None:
    times = [0.0, 0.02, 0.3, 0.31, 1.0, 1.5, 1.54, 4.0]
    path = film(tmp_path / "vfr.mp4", times, sound=False)
    assert numbers(path, 0.3, 3.0) == [(t, i) for i, t in enumerate(times) if 0.3 <= t < 3]


def test_a_transport_stream_begins_at_zero_and_can_be_read_from_anywhere(tmp_path: Path) -> None:
    path = film(tmp_path / "film.ts", STEADY, sound=False)
    found = numbers(path, 2.5, 3.5)
    assert [number for _, number in found] == list(range(63, 88))


@pytest.mark.parametrize("pix_fmt", ["yuv444p", "yuv420p10le", "yuvj420p"])
def test_frames_of_other_formats_are_converted(tmp_path: Path, pix_fmt: str) -> None:
    path = film(tmp_path / "film.mp4", STEADY[:30], pix_fmt=pix_fmt, sound=False)
    assert [number for _, number in numbers(path, 0, 9)] == list(range(30))


def test_interlaced_pictures_are_deinterlaced(tmp_path: Path) -> None:
    path = film(tmp_path / "film.mp4", STEADY[:40], interlaced=True, sound=False)
    found = numbers(path, 0.4, 1.2)
    assert [number for _, number in found] == list(range(10, 30))
    with open_pictures(path) as pictures:
        assert not any(frame.interlaced_frame for _, frame in pictures.between(0, 1))


def test_a_recording_without_pictures_is_refused(tmp_path: Path) -> None:
    path = in_format(tmp_path / "통화.m4a", "m4a")
    with pytest.raises(InputError, match=r"통화\.m4a: has no picture"), open_pictures(path):
        pass


def test_frames_after_damage_are_still_read(tmp_path: Path) -> None:
    # proves: F6
    path = film(tmp_path / "film.ts", STEADY, sound=False)
    data = bytearray(path.read_bytes())
    third = len(data) // 3
    data[third : third + 2000] = bytes(2000)
    path.write_bytes(data)
    found = [number for _, number in numbers(path, 0, 99)]
    assert found[0] == 0 and found[-1] == 99 and len(found) > 70


@pytest.mark.parametrize(
    ("codec", "name", "most"),
    [
        ("libx264", "film.mp4", 40),
        ("libx264", "film.ts", 40),
        ("mpeg2video", "film.mkv", 40),
        ("libx264", "film.avi", 60),  # whose frames can only be counted
    ],
)
def test_frames_at_given_times_are_decoded_without_those_that_no_other_needs(
    tmp_path: Path, codec: str, name: str, most: int
) -> None:
    path = encoded(tmp_path / name, codec, 2)
    index = index_video(path)
    with open_pictures(path, index=index) as pictures:
        every = {round(t, 3): f.to_ndarray() for t, f in pictures.between(0, 9)}
    wanted = [sorted(every)[number] for number in (8, 21, 22, 37, 49)]
    with open_pictures(path, index=index) as pictures:
        found = {round(t, 3): f.to_ndarray() for t, f in pictures.at(wanted)}
        later = [round(t, 3) for t, _ in pictures.between(0, 9)]
    assert set(wanted) <= found.keys()
    assert len(found) <= most
    assert all(np.array_equal(every[time], picture) for time, picture in found.items())
    assert later == sorted(every)
