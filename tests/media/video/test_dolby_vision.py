"""Dolby Vision's profile 5 is noticed, and no other."""

# proves: F6 S5 G21

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from reelmill.media.video.burn import look_at
from reelmill.media.video.index import index_video
from synthetic.dolby_vision import unit
from synthetic.staged import Form, write

GRAY = [np.full((96, 128, 3), 90, np.uint8)] * 4


def film(path: Path, added: bytes) -> Path:
    return write(path, GRAY, Form("mpegts", "libx265", unit=added))


def test_dolby_vision_of_profile_5_is_a_grave_finding(tmp_path: Path) -> None:
    path = film(tmp_path / "film.ts", unit(profile_5=True))
    (problem,) = index_video(path).problems
    assert (problem.label, problem.severity) == ("wrong colours", "grave")
    assert "Dolby Vision" in problem.text and "convert it" in problem.text
    assert look_at(path, 0)[0].wrong_colours


@pytest.mark.parametrize("added", [b"", unit(profile_5=False)], ids=["none", "profile 8"])
def test_other_profiles_of_dolby_vision_are_not_a_finding(tmp_path: Path, added: bytes) -> None:
    path = film(tmp_path / "film.ts", added)
    assert index_video(path).problems == [] and not look_at(path, 0)[0].wrong_colours
