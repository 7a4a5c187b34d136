"""The shipped network gives dlib's own vectors, of faces laid where dlib lays them.

# proves: F9
"""

from __future__ import annotations

import numpy as np
import pytest

from reelmill.engine.stage import Device
from reelmill.models.faces.dlib import TEMPLATE, aligned, shipped, similarity
from reelmill.models.faces.files import face_spec
from reelmill.models.faces.mtcnn import MtcnnSpec
from reelmill.models.faces.network import FaceNetwork
from synthetic.cast import cast, dressed

#: What dlib's `compute_face_descriptor` gives for `waves`, its first values.
DLIBS_OWN = [-0.037, 0.1021, 0.0644, -0.0034, -0.0573, -0.062, -0.0598, -0.0092]


@pytest.fixture(scope="module")
def network() -> FaceNetwork:
    return shipped().load(Device("cpu"), 1)


def waves() -> np.ndarray:
    rows, columns = np.mgrid[0:150, 0:150]
    channels = [127 + 100 * np.sin(rows / (7 + c) + columns / (11 - 2 * c)) for c in range(3)]
    return np.stack(channels, axis=2).round().astype(np.uint8)


def test_vectors_are_the_same_as_those_of_dlib(network) -> None:
    (found,) = network._network.run(["descriptors"], {"pictures": waves()[None]})
    assert found.shape == (1, 128)
    assert found[0, :8] == pytest.approx(DLIBS_OWN, abs=1e-3)


def test_vectors_have_unit_length_and_do_not_depend_on_the_batch(network) -> None:
    pictures = np.stack([waves(), waves()[::-1], 255 - waves()])
    together = network.embed(pictures)
    assert np.linalg.norm(together, axis=1) == pytest.approx(1, abs=1e-5)
    alone = np.concatenate([network.embed(picture[None]) for picture in pictures])
    assert together == pytest.approx(alone, abs=1e-4)


def test_different_people_have_distant_vectors_whatever_they_wear(network) -> None:
    detector = MtcnnSpec().load(Device("cpu"), 1)
    vectors = []
    for actors in (cast(), dressed((70, 75, 90))):
        for actor in actors:
            frame = np.asarray(actor.picture.convert("RGB"))
            (faces,) = detector.look([frame])
            vectors.append(
                network.embed(network.pictures(frame, faces.boxes[:1], faces.landmarks[:1]))[0]
            )
    own, others = np.array(vectors[:4]), np.array(vectors[4:])
    cosines = own @ others.T
    assert np.diag(cosines).min() > 0.9, "one person in other clothes"
    assert (cosines - np.eye(4)).max() < shipped().threshold - 0.04


@pytest.mark.parametrize("turn", [0, 25, -70, 180])
@pytest.mark.parametrize("scale", [0.2, 1.0, 4.3])
def test_aligned_landmarks_match_the_template(turn: int, scale: float) -> None:
    """A dot of its own colour on each landmark is found where the template has that landmark."""
    factor = scale * np.exp(1j * np.radians(turn))
    shift = 400 + 380j - factor * complex(*TEMPLATE.mean(axis=0))
    places = factor * (TEMPLATE[:, 0] + 1j * TEMPLATE[:, 1]) + shift
    frame = np.zeros((800, 800, 3), np.uint8)
    rows, columns = np.mgrid[0:800, 0:800]
    for number, place in enumerate(places):
        near = np.hypot(columns - place.real, rows - place.imag) < max(1.0, 4 * scale)
        frame[near] = (255, 50 * number, 0)
    points = np.stack([places.real, places.imag], axis=1).astype(np.float32)
    (picture,) = aligned(frame, points[None], TEMPLATE, 150)
    rough = max(1.0, 0.4 / scale)  # a pixel of a small frame is several of the picture
    for number, (x, y) in enumerate(TEMPLATE):
        around = np.hypot(*np.meshgrid(np.arange(150) - x, np.arange(150) - y)) < 10
        light = picture[..., 0] * around
        assert light.max() > 100
        total = light.sum()
        assert (light.sum(axis=0) @ np.arange(150)) / total == pytest.approx(x, abs=rough)
        assert (light.sum(axis=1) @ np.arange(150)) / total == pytest.approx(y, abs=rough)
        row, column = round(y), round(x)
        red, green, _ = picture[row, column].astype(float)
        assert green / red == pytest.approx(50 * number / 255, abs=0.03)


def test_a_similarity_transform_is_found_exactly() -> None:
    factor, shift = 1.7 - 0.4j, 12 + 90j
    moved = factor * (TEMPLATE[:, 0] + 1j * TEMPLATE[:, 1]) + shift
    target = np.stack([moved.real, moved.imag], axis=1)
    assert similarity(TEMPLATE, target) == pytest.approx((factor, shift))


def test_an_aligned_face_is_black_beyond_the_edge() -> None:
    frame = np.full((100, 100, 3), 200, np.uint8)
    points = (TEMPLATE - (75, 0)).astype(np.float32)
    (picture,) = aligned(frame, points[None], TEMPLATE, 150)
    assert picture[50, 10].tolist() == [0, 0, 0]
    assert picture[50, 120].tolist() == [200, 200, 200]


def test_identical_points_do_not_break_the_alignment() -> None:
    frame = np.full((100, 100, 3), 200, np.uint8)
    picture = aligned(frame, np.zeros((1, 5, 2), np.float32), TEMPLATE, 150)
    assert picture.shape == (1, 150, 150, 3)


@pytest.mark.parametrize("name", ["dlib", "auto"])
def test_dlib_is_the_default_identity(name: str, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).mkdir()
    assert face_spec(name) == shipped()
