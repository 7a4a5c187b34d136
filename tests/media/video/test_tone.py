"""Pictures of high dynamic range look as they were meant to on a screen of standard range."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from reelmill.media.video import tone
from reelmill.media.video.crop import Cropper, Window, planar_of
from reelmill.media.video.encode import Colour
from reelmill.media.video.frames import Reducer
from reelmill.media.video.index import index_video
from reelmill.media.video.reader import open_pictures
from reelmill.media.video.tone import HLG, PQ, sdr
from tests.media.films import film

#: What 203 nits, the white of paper, are in 8 bits (ITU-R BT.2408, table 1).
WHITE = {PQ: round(0.58 * 255), HLG: round(0.75 * 255)}


def mapped(transfer: int, *colour: int) -> list[int]:
    return sdr(np.array([[colour]], np.uint8), transfer)[0, 0].tolist()


@pytest.mark.parametrize("transfer", [PQ, HLG])
def test_reference_white_becomes_white_and_black_stays_black(transfer: int) -> None:
    # proves: F4
    white, black = mapped(transfer, *[WHITE[transfer]] * 3), mapped(transfer, 0, 0, 0)
    assert min(white) > 215 and max(white) - min(white) <= 3
    assert max(black) <= 3
    brighter = mapped(transfer, *[WHITE[transfer] + 25] * 3)
    assert white[0] < brighter[0] <= 255


@pytest.mark.parametrize("transfer", [PQ, HLG])
def test_grey_stays_grey_and_colours_become_stronger(transfer: int) -> None:
    value = WHITE[transfer] // 2
    grey = mapped(transfer, value, value, value)
    assert max(grey) - min(grey) <= 2
    red, green, blue = mapped(transfer, value + 30, value, value)
    assert red - max(green, blue) > 30


def test_the_colour_table_gives_nearly_the_same_as_computing(monkeypatch) -> None:
    picture = np.random.default_rng(1).integers(0, 256, (40, 60, 3), np.uint8)
    picture &= 0xFE
    looked_up = tone._table(HLG)[tone._places(picture)]
    assert np.array_equal(looked_up, sdr(picture, HLG))


@pytest.mark.parametrize("transfer", [PQ, HLG])
def test_cut_and_searched_pictures_have_standard_range(tmp_path: Path, transfer: int) -> None:
    # proves: F4
    path = film(
        tmp_path / "hdr.mkv", [0, 0.04], pix_fmt="yuv420p10le", sound=False, transfer=transfer
    )
    assert [one.label for one in index_video(path).problems] == ["high dynamic range"]
    with open_pictures(path) as pictures:
        _, frame = next(pictures.between(-1, 1))
        cut = Cropper(96, 64).crop(planar_of(frame), Window(0, 0, 192, 128))
        searched = Reducer((96, 64), 0).reduced(frame)
        assert Colour.of(frame) == Colour(1, 1, 1, 1)
    grey = mapped(transfer, 90, 90, 90)[0]
    assert searched[50, 50].tolist() == pytest.approx([grey] * 3, abs=12)
    assert cut.to_ndarray(format="rgb24")[50, 50].tolist() == pytest.approx([grey] * 3, abs=12)
    assert (int(cut.colorspace), int(cut.color_range)) == (1, 1)
