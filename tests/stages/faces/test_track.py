"""Detections of single frames become faces followed through scenes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from reelmill.artifacts import (
    DetectionArrays,
    Detections,
    Picture,
    TrackArrays,
    Tracks,
    read_tracks,
    write_arrays,
)
from reelmill.core.recording import FileState, Recording
from reelmill.engine.stage import Inputs
from reelmill.stages.faces.track import TrackFaces
from reelmill.testing import context_of

EVERY = 2
FRAMES = 101


def recording(folder: Path) -> Recording:
    return Recording(folder / "a.mp4", "a", folder, FileState("0" * 64, "", 0, 0))


def track(folder: Path, faces, cuts=(), score=0.99, **settings) -> tuple[Tracks, TrackArrays]:
    """Run the stage on faces: functions from the time (s) to the left edge, None where unseen."""
    times = np.arange(FRAMES) / 25
    sampled = np.arange(0, FRAMES, EVERY)
    rows, counts = [], []
    for time in times[sampled]:
        seen = [(face(time), 100 * n) for n, face in enumerate(faces) if face(time) is not None]
        rows += [(x, y, 40, 50) for x, y in seen]
        counts.append(len(seen))
    boxes = np.array(rows, np.float32).reshape(-1, 4)
    arrays = DetectionArrays(
        times, sampled.astype(np.int32), np.cumsum([0, *counts]), boxes,
        np.full(len(boxes), score, np.float32), np.zeros((len(boxes), 5, 2), np.float32),
        np.ones(len(sampled), np.bool_), np.zeros((0, 192), np.float32), np.zeros(0, np.int64),
        np.zeros((0, 1), np.float32), np.zeros(0, np.int64),
    )  # fmt: skip
    write_arrays(folder / "d.npz", arrays)
    picture = Picture(0, 1280, 720, 0, FRAMES, 25.0, FRAMES / 25)
    found = Detections("d.npz", picture, "mtcnn", len(sampled), 1, len(boxes), list(cuts))
    result = TrackFaces(**settings).run(context_of(recording(folder)), Inputs([found]))
    return result, read_tracks(folder, result)


def test_a_face_has_a_box_in_every_frame(tmp_path: Path) -> None:
    tracks, arrays = track(tmp_path, [lambda t: 100 + 50 * t])
    (one,) = tracks.tracks
    assert (one.start, one.end, one.frames, one.seen) == (0.0, 101 / 25, 101, 1.0)
    assert np.allclose(arrays.boxes[:, 0], 100 + 50 * arrays.times, atol=0.01)
    assert (arrays.scores[1::2] == 0).all() and (arrays.scores[::2] > 0.9).all()


def test_a_cut_ends_a_track(tmp_path: Path) -> None:
    tracks, _ = track(tmp_path, [lambda t: 100.0], cuts=[2.04])
    assert [(t.scene, t.start) for t in tracks.tracks] == [(0, 0.0), (1, 2.08)]
    assert tracks.tracks[0].end == pytest.approx(2.04)
    assert [scene.start for scene in tracks.scenes] == [0.0, 2.04]


def test_people_who_pass_each_other_keep_their_tracks(tmp_path: Path) -> None:
    together = [lambda t: 100 + 100 * t, lambda t: 500 - 100 * t]
    tracks, arrays = track(tmp_path, together)
    assert len(tracks.tracks) == 2
    for one in tracks.tracks:
        x = arrays.boxes[one.first : one.first + one.frames, 0]
        assert np.abs(np.diff(x)).max() < 5


def test_a_short_gap_is_bridged_and_marked(tmp_path: Path) -> None:
    tracks, arrays = track(tmp_path, [lambda t: None if 1.5 < t < 1.8 else 100 + 30 * t])
    (one,) = tracks.tracks
    assert one.frames == 101 and 0.9 < one.seen < 1
    assert np.allclose(arrays.boxes[:, 0], 100 + 30 * arrays.times, atol=0.1)
    assert (arrays.scores[(arrays.times > 1.51) & (arrays.times < 1.79)] == 0).all()


def test_a_long_gap_ends_the_track(tmp_path: Path) -> None:
    tracks, _ = track(tmp_path, [lambda t: None if 1 < t < 2.5 else 100.0])
    assert len(tracks.tracks) == 2


def test_sudden_starts_and_turns_are_followed(tmp_path: Path) -> None:
    tracks, _ = track(tmp_path, [lambda t: 300 + (700 * abs((t % 1) - 0.5))])
    assert len(tracks.tracks) == 1


def test_flickers_and_doubtful_faces_are_dropped(tmp_path: Path) -> None:
    tracks, _ = track(tmp_path, [lambda t: 100.0, lambda t: 900.0 if 1 < t < 1.1 else None])
    assert (len(tracks.tracks), tracks.dropped) == (1, 1)
    tracks, _ = track(tmp_path, [lambda t: 100.0], score=0.8)
    assert (len(tracks.tracks), tracks.dropped) == (0, 1)


def test_the_best_faces_are_apart_in_time(tmp_path: Path) -> None:
    _, arrays = track(tmp_path, [lambda t: 100.0])
    times = np.sort(arrays.times[arrays.best[0]])
    assert len(times) == 8 and np.diff(times).min() >= 0.19


def test_a_video_without_faces_has_no_tracks(tmp_path: Path) -> None:
    tracks, arrays = track(tmp_path, [])
    assert tracks.tracks == [] and arrays.boxes.shape == (0, 4)


def seen_at(folder: Path, times, lefts, end: float, cuts=()) -> tuple[Tracks, TrackArrays]:
    """One face, its left edge in a frame at each time, None where it is not seen."""
    boxes = np.array([(x, 0, 40, 50) for x in lefts if x is not None], np.float32).reshape(-1, 4)
    counts = [x is not None for x in lefts]
    arrays = DetectionArrays(
        np.array(times, float), np.arange(len(times), dtype=np.int32), np.cumsum([0, *counts]),
        boxes, np.full(len(boxes), 0.99, np.float32), np.zeros((len(boxes), 5, 2), np.float32),
        np.ones(len(times), np.bool_), np.zeros((0, 192), np.float32), np.zeros(0, np.int64),
        np.zeros((0, 1), np.float32), np.zeros(0, np.int64),
    )  # fmt: skip
    write_arrays(folder / "d.npz", arrays)
    rate = len(times) / end
    picture = Picture(0, 1280, 720, 0, len(times), rate, end)
    found = Detections("d.npz", picture, "mtcnn", len(times), 1, len(boxes), list(cuts))
    result = TrackFaces().run(context_of(recording(folder)), Inputs([found]))
    return result, read_tracks(folder, result)


def test_faces_at_one_frame_a_second_are_one_track(tmp_path: Path) -> None:
    # proves: F3
    lefts = [100, 105, 98, 110, 103, 101]
    tracks, _ = seen_at(tmp_path, range(6), lefts, 6.0)
    (one,) = tracks.tracks
    assert (one.start, one.end, one.frames) == (0.0, 6.0, 6)


def test_a_still_picture_is_not_an_absence(tmp_path: Path) -> None:
    # proves: F3
    times = [0.0, 0.1, 0.2, 9.0, 9.1, 9.2, 9.3]
    tracks, _ = seen_at(tmp_path, times, [100] * 7, 20.0)
    (one,) = tracks.tracks
    assert (one.start, one.end) == (0.0, 20.0)


def test_a_person_missing_from_a_still_picture_is_absent(tmp_path: Path) -> None:
    times = [0.0, 0.2, 0.4, 3.0, 3.2, 3.4]
    tracks, _ = seen_at(tmp_path, times, [100, 100, None, 100, 100, 100], 3.6)
    assert [(one.start, one.end) for one in tracks.tracks] == [(0.0, 0.4), (3.0, 3.6)]


def test_a_single_picture_has_its_persons(tmp_path: Path) -> None:
    # proves: F3
    tracks, _ = seen_at(tmp_path, [0.0], [100], 0.04)
    assert len(tracks.tracks) == 1
    (one,) = tracks.tracks
    assert (one.start, one.end) == (0.0, 0.04)
