"""Posters and tiny faces are left out on request, and people are not."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from reelmill.artifacts import DetectionArrays, Detections, Picture, Tracks, write_arrays
from reelmill.engine.stage import Inputs
from reelmill.stages.faces.track import TrackFaces
from reelmill.testing import context_of
from tests.stages.faces.test_track import recording

FRAMES = 125


def tracked(folder: Path, faces, cuts=(), **settings) -> Tracks:
    """Faces: functions from the time (s) to left edge, height and how the mouth moves, or None."""
    rng = np.random.default_rng(1)
    times = np.arange(FRAMES) / 25
    rows, points, counts = [], [], []
    for time in times:
        seen = [one(time) for one in faces]
        counts.append(sum(one is not None for one in seen))
        for number, one in enumerate(seen):
            if one is not None:
                left, height, mouth = one
                rows.append((left, 150 * number, height * 0.8, height))
                face = [(0.2, 0.4), (0.8, 0.4), (0.5, 0.6), (0.3, 0.8 + mouth), (0.7, 0.8 + mouth)]
                points.append(np.array(face) * height + (left, 150 * number))
    boxes = np.array(rows, np.float32) + rng.normal(0, 0.3, (len(rows), 4)).astype(np.float32)
    arrays = DetectionArrays(
        times, np.arange(FRAMES, dtype=np.int32), np.cumsum([0, *counts]), boxes,
        np.full(len(boxes), 0.99, np.float32), np.array(points, np.float32),
        np.ones(FRAMES, np.bool_), np.zeros((0, 192), np.float32), np.zeros(0, np.int64),
        np.zeros((0, 1), np.float32), np.zeros(0, np.int64),
    )  # fmt: skip
    write_arrays(folder / "d.npz", arrays)
    picture = Picture(0, 640, 400, 0, FRAMES, 25.0, FRAMES / 25)
    found = Detections("d.npz", picture, "mtcnn", FRAMES, 1, len(boxes), list(cuts))
    return TrackFaces(**settings).run(context_of(recording(folder)), Inputs([found]))


def poster(time: float):
    return 400, 50, 0.0


def sitting(time: float):
    return 100 + 4 * np.sin(time), 50, 0.0


def talking(time: float):
    return 100, 50, 0.06 * np.sin(9 * time)


def test_posters_are_kept_unless_ignored_on_request(tmp_path: Path) -> None:
    # proves: F3
    assert len(tracked(tmp_path, [poster, sitting]).tracks) == 2
    left = tracked(tmp_path, [poster, sitting], ignore_still=True)
    assert len(left.tracks) == 1
    (said,) = left.summary().findings
    assert said.text.startswith("1 face left out that never moved")


def test_a_person_who_talks_with_a_still_head_is_not_a_poster(tmp_path: Path) -> None:
    assert len(tracked(tmp_path, [talking], ignore_still=True).tracks) == 1


def test_a_face_that_is_still_for_a_short_time_is_not_a_poster(tmp_path: Path) -> None:
    def waiting(time: float):
        return (100, 50, 0.0) if 1 <= time < 3 else None

    assert len(tracked(tmp_path, [waiting], ignore_still=True).tracks) == 1


def test_a_poster_seen_in_several_shots_is_the_same_one(tmp_path: Path) -> None:
    def again(time: float):
        return poster(time) if time % 2 < 1.5 else None

    assert len(tracked(tmp_path, [again], [2.0, 4.0]).tracks) == 3
    assert tracked(tmp_path, [again], [2.0, 4.0], ignore_still=True).tracks == []


def test_tiny_faces_are_left_out_by_their_share_of_the_height(tmp_path: Path) -> None:
    # proves: F3
    def far(time: float):
        return 400 + 5 * np.sin(time), 18, 0.0

    assert len(tracked(tmp_path, [far, sitting]).tracks) == 2
    left = tracked(tmp_path, [far, sitting], min_face=0.08)
    assert len(left.tracks) == 1
    assert "--min-face 0.08" in left.summary().findings[0].text
