"""Synthetic videos show and sound what their truth says."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from synthetic.videos import CLEAR_SHARE, Script, Truth, make_video, read_truth

SCRIPT = Script(
    seconds=6, width=320, height=240, persons=2, sizes=(40, 60), shot_seconds=(2, 2.5), flashes=True
)


@pytest.fixture(scope="module")
def video(tmp_path_factory) -> tuple[Path, Truth]:
    path = tmp_path_factory.mktemp("videos") / "두 사람.mp4"
    make_video(path, SCRIPT, path.with_suffix(".json"))
    return path, read_truth(path.with_suffix(".json"))


def frames(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="gray") for frame in container.decode(video=0)]


def test_shots_begin_at_the_true_times(video) -> None:
    path, truth = video
    pictures = np.stack(frames(path)).astype(np.float32)
    assert len(pictures) == truth.frames == 150
    changes = np.abs(np.diff(pictures - pictures.mean((1, 2), keepdims=True), axis=0)).mean((1, 2))
    assert sorted(np.argsort(changes)[-len(truth.cuts) :] + 1) == truth.cuts


def test_faces_are_at_the_true_positions(video) -> None:
    path, truth = video
    pictures = frames(path)
    clear = [i for i, share in enumerate(truth.visible) if share >= CLEAR_SHARE]
    assert {truth.person[i] for i in clear} == {0, 1}
    for i in clear[::40]:
        x, y, width, height = (round(v) for v in truth.box[i])
        face = pictures[truth.frame[i]][max(0, y) : y + height, max(0, x) : x + width]
        assert 38 <= height <= 80
        assert face.std() > 20  # eyes and mouth; the walls are smooth


def test_clicks_mark_seconds_and_shots(video) -> None:
    path, truth = video
    with av.open(str(path)) as container:
        sound = np.concatenate([f.to_ndarray()[0] for f in container.decode(audio=0)])
    expected = [*range(6), *(cut / truth.rate for cut in truth.cuts)]
    for second in expected:
        near = sound[max(0, round(second * 48000) - 100) : round(second * 48000) + 480]
        assert np.abs(near).max() > 0.4
    assert np.mean(np.abs(sound) > 0.2) < 1.5 * len(expected) * 0.01 / 6


def test_each_second_begins_with_a_flash(video) -> None:
    path, truth = video
    light = np.array([picture.mean() for picture in frames(path)])
    inside = [second for second in range(25, 150, 25) if second not in truth.cuts]
    assert all(light[second] > light[second - 1] + 15 for second in inside)


def test_the_same_script_gives_the_same_video(tmp_path: Path, video) -> None:
    again = make_video(tmp_path / "again.mp4", SCRIPT)
    assert again == video[1]
