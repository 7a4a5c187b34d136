"""Films of kinds that have gone wrong are what they are said to be."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from reelmill.media.probe import probe
from reelmill.media.video.index import index_video
from reelmill.media.video.reader import open_pictures
from reelmill.media.video.tone import PQ, is_hdr, sdr
from synthetic.oddities import FILMS
from synthetic.staged import Placed, _brightened, pictures


def made(folder: Path, name: str) -> Path:
    path = folder / name
    FILMS[name](path)
    return path


def test_a_stream_without_time_stamps_has_none(tmp_path: Path) -> None:
    index = index_video(made(tmp_path, "no_stamps.h264"))
    assert index.pictures == 40 and not index.seekable


def test_a_picture_stands_for_ten_seconds(tmp_path: Path) -> None:
    with open_pictures(made(tmp_path, "stands.mkv")) as opened:
        times = [time for time, _ in opened.between(-1, 99)]
    assert len(times) == 50 and max(np.diff(times)) == pytest.approx(10.04, abs=0.01)


def test_pixels_are_narrow(tmp_path: Path) -> None:
    (track,) = probe(made(tmp_path, "narrow_pixels.mp4")).video
    assert (track.width, track.height, track.pixel_aspect) == (1280, 360, 0.5)


def test_high_dynamic_range_shows_what_was_made(tmp_path: Path) -> None:
    with open_pictures(made(tmp_path, "pq.mkv")) as opened:
        _, frame = next(opened.between(-1, 1))
    assert is_hdr(frame) and frame.format.name == "yuv420p10le"
    (shown,) = pictures(1, (64, 36), lambda frame: [Placed(0, 32, 14, 12)])
    back = sdr((_brightened(shown, PQ) >> 8).astype(np.uint8), PQ).astype(int)
    assert np.abs(back - shown)[shown.max(axis=2) < 150].mean() < 8
