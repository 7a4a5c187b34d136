"""The shipped MTCNN finds the faces of pictures whose faces are known."""

from __future__ import annotations

import numpy as np
import pytest

from reelmill.engine.stage import Device
from reelmill.errors import ModelUnavailableError
from reelmill.models.faces.boxes import halved, overlaps
from reelmill.models.faces.mtcnn import Mtcnn, MtcnnSpec
from synthetic.cast import cast


@pytest.fixture(scope="module")
def mtcnn() -> Mtcnn:
    spec = MtcnnSpec()
    model = spec.load(Device("cpu"), 1)
    spec.warm_up(model)
    return model


def wall(*people: tuple[int, float, int, int]) -> tuple[np.ndarray, np.ndarray]:
    """A picture of (actor, height of the face, left, top of the cut-out), and the true boxes."""
    from PIL import Image

    canvas = Image.new("RGB", (640, 360), (120, 130, 125))
    truth = []
    for number, size, left, top in people:
        actor = cast()[number]
        scale = size / actor.face[3]
        picture = actor.picture.resize([round(side * scale) for side in actor.picture.size])
        canvas.paste(picture, (left, top), picture)
        x, y, width, height = (scale * value for value in actor.face)
        truth.append((left + x, top + y, left + x + width, top + y + height))
    return np.asarray(canvas), np.array(truth, np.float32).reshape(-1, 4)


def test_every_face_of_a_frame_is_found_at_its_position(mtcnn: Mtcnn) -> None:
    picture, truth = wall((0, 24, 30, 40), (1, 60, 200, 60), (2, 110, 330, 10))
    (faces,) = mtcnn.look([picture])
    assert len(faces) == 3
    assert overlaps(truth, faces.boxes).max(axis=1).min() > 0.6
    assert faces.scores.min() > 0.9


def test_a_face_that_moved_is_found_nearby(mtcnn: Mtcnn) -> None:
    picture, truth = wall((0, 40, 100, 60), (2, 90, 330, 60))
    before = np.array([truth[0] + 22, truth[1] - 50, [20, 250, 60, 290]], np.float32)
    faces = mtcnn.seek([picture], np.zeros(3, np.int64), before, around=2.5)
    assert overlaps(truth, faces.boxes[:2]).diagonal().min() > 0.6
    assert faces.scores[:2].min() > 0.8
    assert faces.scores[2] == 0  # nobody was there, and nobody is


def test_landmarks_lie_in_the_face_in_the_right_order(mtcnn: Mtcnn) -> None:
    picture, _ = wall((0, 90, 200, 40))
    (faces,) = mtcnn.look([picture])
    left_eye, right_eye, nose, left_mouth, right_mouth = faces.landmarks[0]
    assert left_eye[0] < nose[0] < right_eye[0]
    assert left_eye[1] < nose[1] < left_mouth[1]
    assert left_mouth[0] < right_mouth[0]


def test_a_frame_gives_the_same_alone_and_in_a_batch(mtcnn: Mtcnn) -> None:
    pictures = [wall((0, 60, 200, 60))[0], wall()[0], wall((1, 80, 100, 30), (3, 50, 400, 90))[0]]
    together = mtcnn.look(pictures)
    assert [len(faces) for faces in together] == [1, 0, 2]
    for picture, faces in zip(pictures, together, strict=True):
        (alone,) = mtcnn.look([picture])
        assert np.allclose(alone.boxes, faces.boxes, atol=0.05)


def test_checking_corrects_a_shifted_box_and_refuses_a_wall(mtcnn: Mtcnn) -> None:
    picture, truth = wall((1, 80, 200, 40))
    shifted = truth + np.array([12, -8, 12, -8], np.float32)
    elsewhere = np.array([[20, 20, 90, 90]], np.float32)
    faces = mtcnn.check([picture], np.zeros(2, np.int64), np.concatenate([shifted, elsewhere]))
    assert faces.scores[0] > 0.95
    assert faces.scores[1] < 0.3
    assert overlaps(truth, faces.boxes[:1])[0, 0] > overlaps(truth, shifted)[0, 0]


def test_a_frame_too_small_for_a_face_has_none(mtcnn: Mtcnn) -> None:
    assert len(mtcnn.look([np.zeros((8, 10, 3), np.uint8)])[0]) == 0


def test_damaged_weights_are_named(tmp_path) -> None:
    for name in "pro":
        (tmp_path / f"{name}net.onnx").write_bytes(b"not a network")
    with pytest.raises(ModelUnavailableError, match=r"pnet\.onnx"):
        MtcnnSpec(folder=tmp_path).load(Device("cpu"), 1)


def test_settings_that_change_the_result_change_the_identity() -> None:
    assert MtcnnSpec().identity != MtcnnSpec(smallest=30).identity


def test_pictures_halved_by_us_are_those_that_the_network_would_make(mtcnn: Mtcnn) -> None:
    picture, _ = wall((0, 24, 30, 40), (1, 60, 200, 60), (2, 110, 330, 10))
    size = np.array([1, 180, 320, 3], np.int64)
    shrunk, _ = mtcnn._pnet.run(None, {"pictures": picture[None], "size": size})
    assert np.abs(shrunk.astype(int) - halved([picture])).max() <= 1
    assert (shrunk != halved([picture])).mean() < 0.01
