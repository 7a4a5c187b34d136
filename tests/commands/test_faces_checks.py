"""How `reelmill faces` reads and checks its settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from reelmill.errors import ModelUnavailableError, UsageError
from reelmill.models.faces.dlib import shipped
from reelmill.models.faces.facenet import FacenetSpec
from reelmill.models.faces.mtcnn import MtcnnSpec
from reelmill.pipelines.faces_builder import (
    _without_effect,
    choose_identity,
)
from reelmill.pipelines.faces_settings import clip_shapes, faces_settings
from tests.models.torch_files import save_old, small_facenet


@pytest.mark.parametrize(
    ("given", "size"),
    [
        ({}, (250, 250)),
        ({"aspect": "9:16"}, (250, 444)),
        ({"aspect": "9:16", "size": 405}, (404, 720)),
        ({"aspect": "16:9", "size": 180}, (320, 180)),
        ({"aspect": "4x5", "layout": "dual"}, (250, 312)),
        ({"layout": "split"}, (1920, 1080)),
        ({"layout": "split", "size": 271}, (480, 272)),
    ],
)
def test_size_sets_the_shorter_side_and_aspect_the_shape(
    given: dict, size: tuple[int, int]
) -> None:
    # proves: F4
    ((_, found),) = clip_shapes(faces_settings(given))
    assert found == size


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"aspect": "wide"}, "--aspect wide: give width:height"),
        ({"aspect": "0:1"}, "--aspect"),
        ({"aspect": "100:1"}, "--aspect"),
        ({"clip": "0"}, "--clip 0: give at least 1 second"),
        ({"clip": "long"}, "clip"),
        ({"layout": "triple"}, "layout"),
        ({"preset": "fastest"}, "preset"),
        ({"min_share": 2}, "min_share"),
    ],
)
def test_impossible_options_are_refused_before_any_work(given: dict, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        faces_settings(given)


def test_clip_person_makes_one_clip_for_each_person() -> None:
    assert faces_settings({"clip": "person"}).clip == "person"
    assert faces_settings({"clip": "7.5"}).clip == 7.5


@pytest.fixture
def no_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("REELMILL_MODELS", str(tmp_path / "models"))
    (tmp_path / ".cache").mkdir()
    return tmp_path


def test_people_are_told_apart_by_faces_by_default(no_weights, monkeypatch, announced) -> None:
    # proves: F9 G19
    monkeypatch.setattr("reelmill.models.faces.files.fetch", None)
    for given in ({}, {"identity": "auto"}):
        identity = choose_identity(faces_settings(given), MtcnnSpec(), no_weights)
        assert identity.spec == shipped()
    assert announced == []


def test_identity_vggface2_is_still_available_by_name(no_weights, tmp_path, monkeypatch) -> None:
    # proves: F1
    weights = tmp_path / "torch/checkpoints/20180402-114759-vggface2.pt"
    weights.parent.mkdir(parents=True)
    save_old(weights, small_facenet())
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    settings = faces_settings({"identity": "vggface2"})
    identity = choose_identity(settings, MtcnnSpec(), no_weights)
    assert isinstance(identity.spec, FacenetSpec) and identity.spec.name == "vggface2"


def test_named_weights_that_are_missing_are_an_error(no_weights) -> None:
    # proves: G11
    settings = faces_settings({"identity": "vggface2"})
    with pytest.raises(ModelUnavailableError, match="is not available"):
        choose_identity(settings, MtcnnSpec(), no_weights)


def test_people_are_not_named_by_clothes_and_a_note_says_so(no_weights, announced) -> None:
    # proves: F3
    settings = faces_settings({"identity": "appearance", "people": "portraits", "across": True})
    identity = choose_identity(settings, MtcnnSpec(), no_weights)
    assert identity.people == ()
    across, people = announced
    assert "told apart by their clothes" in people and "leave out --identity" in people
    assert identity.notes and identity.notes[0] in people
    assert "matched by the colours they wear" in across


def test_follow_speaker_accepts_several_shapes() -> None:
    # proves: F8
    settings = faces_settings({"follow": "speaker", "aspect": "9:16, 1:1,4:5,16:9", "size": 540})
    assert clip_shapes(settings) == (
        ("9x16", (540, 960)),
        ("1x1", (540, 540)),
        ("4x5", (540, 676)),
        ("16x9", (960, 540)),
    )
    assert clip_shapes(faces_settings({"follow": "speaker"})) == (("9x16", (1080, 1920)),)
    with pytest.raises(UsageError, match="--aspect 1:1,4:5: give width:height"):
        faces_settings({"aspect": "1:1,4:5"})
    with pytest.raises(UsageError, match="leave out --layout split"):
        faces_settings({"follow": "speaker", "layout": "split"})


def test_options_that_follow_speaker_ignores_are_reported() -> None:
    told = _without_effect(faces_settings({"follow": "speaker", "target": "A", "top": 2}))
    assert told == "--target, --top have no effect"
    assert _without_effect(faces_settings({"target": "A"})) == ""
    assert _without_effect(faces_settings({"follow": "speaker"})) == ""
