"""What `reelmill faces` makes of its settings."""

from __future__ import annotations

import pytest

from reelmill.errors import UsageError
from reelmill.faces_task import clip_size, faces_settings


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
def test_size_is_the_shorter_side_and_aspect_the_shape(given: dict, size: tuple[int, int]) -> None:
    # proves: F4
    width, height = clip_size(faces_settings(given))
    assert (width, height) == size


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
def test_what_cannot_be_done_is_told_before_any_work(given: dict, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        faces_settings(given)


def test_one_clip_a_person() -> None:
    assert faces_settings({"clip": "person"}).clip == "person"
    assert faces_settings({"clip": "7.5"}).clip == 7.5
