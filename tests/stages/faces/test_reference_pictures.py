"""Pictures of known people are found, named and analysed; unusable ones are reported.

# proves: F3
"""

from __future__ import annotations

import unicodedata
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from reelmill.engine.stage import Device
from reelmill.errors import UsageError
from reelmill.models.faces.mtcnn import MtcnnSpec
from reelmill.pipelines.known_people import known_people
from reelmill.stages.faces.reference_pictures import look_at, references
from synthetic.cast import cast
from tests.stages.faces.face_looks import Coarse, CoarseSpec


def portrait(path: Path, *actors: int, turned: bool = False) -> Path:
    """Heads of the cast beside each other, 150 pixels of face each and growing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    canvas = Image.new("RGB", (400 * max(1, len(actors)), 400), (120, 130, 125))
    for place, number in enumerate(actors):
        actor = cast()[number]
        scale = (110 + 30 * place) / actor.face[3]
        picture = actor.picture.resize([round(side * scale) for side in actor.picture.size])
        canvas.paste(picture, (400 * place, 40), picture)
    exif = Image.Exif()
    if turned:
        canvas, exif[0x0112] = canvas.transpose(Image.Transpose.ROTATE_90), 6
    canvas.save(path, exif=exif)
    return path


def test_names_come_from_files_and_folders(tmp_path: Path) -> None:
    portrait(tmp_path / "Grace Hopper.jpg", 1)
    portrait(tmp_path / "Eileen" / "1.png", 0)
    portrait(tmp_path / "Eileen" / "more" / "2.JPG", 0)
    portrait(tmp_path / f"{unicodedata.normalize('NFD', '김철수')}.png", 2)
    (tmp_path / "readme.txt").write_text("x")
    (tmp_path / "._Grace.jpg").write_bytes(b"a Mac's")
    found = references(tmp_path)
    assert [one.name for one in found] == ["Eileen", "Eileen", "Grace Hopper", "김철수"]


@pytest.fixture(scope="module")
def detector():
    return MtcnnSpec().load(Device("cpu"), 1)


def test_the_largest_face_is_used_and_unusable_pictures_are_reported(tmp_path, detector) -> None:
    portrait(tmp_path / "a.png", 0)
    portrait(tmp_path / "b.png", 1, 0)
    portrait(tmp_path / "c.png")
    (tmp_path / "d.png").write_bytes(b"not a picture")
    faces, notes = look_at(references(tmp_path), detector, Coarse())
    assert [face.name for face in faces] == ["a", "b"]
    one, other = (np.array(face.vector) for face in faces)
    assert one @ other > 0.9, "the larger of the two in b is the one in a"
    several, none, broken = notes
    assert "b.png: has 2 faces" in several
    assert "c.png: left out, because no face" in none
    assert "d.png: left out, it cannot be read as an image" in broken


def test_a_picture_with_a_rotation_tag_is_put_upright(tmp_path, detector) -> None:
    portrait(tmp_path / "a.jpg", 1)
    portrait(tmp_path / "b.jpg", 1, turned=True)
    faces, notes = look_at(references(tmp_path), detector, Coarse())
    assert notes == ()
    assert np.array(faces[0].vector) @ np.array(faces[1].vector) > 0.8


@pytest.mark.parametrize(
    ("name", "words"), [("nowhere", "not a folder"), ("", "contains no pictures")]
)
def test_an_empty_folder_of_pictures_is_refused_before_any_work(tmp_path, name, words) -> None:
    with pytest.raises(UsageError, match=words):
        references(tmp_path / name)


def test_pictures_are_analysed_once_in_a_separate_process(tmp_path, monkeypatch, announced) -> None:
    portrait(tmp_path / "people" / "Kim.png", 0)
    arguments = (MtcnnSpec(), CoarseSpec(), tmp_path / "cache")
    faces = known_people(tmp_path / "people", *arguments)
    assert [face.name for face in faces] == ["Kim"]
    assert announced == ["1 known people: Kim"]
    monkeypatch.setattr("reelmill.pipelines.known_people._looked_at", None)
    assert known_people(tmp_path / "people", *arguments) == faces, "kept from before"


def test_pictures_without_any_face_are_refused(tmp_path, monkeypatch) -> None:
    portrait(tmp_path / "Kim.png")
    monkeypatch.setattr("reelmill.pipelines.known_people._looked_at", lambda *_: ((), ("nothing",)))
    with pytest.raises(UsageError, match="no face in any of its 1 pictures"):
        known_people(tmp_path, MtcnnSpec(), CoarseSpec(), tmp_path / "cache")
