"""The tiles of a call are found, and a door or a shelf is not taken for one."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from reelmill.artifacts import Tile, TileLayout
from reelmill.models.faces.detector import Faces
from reelmill.stages.clips.camera_path import Framing
from reelmill.stages.clips.tiled import tiled_path
from reelmill.stages.faces.tile_layouts import tile_layouts
from reelmill.stages.faces.tiles import find_tiles
from synthetic.staged import Placed, pictures, swaying, tiles


def test_a_grid_is_divided_into_its_tiles() -> None:
    # proves: F4
    found = find_tiles(list(tiles(8, (640, 360), 2, 4)))
    assert len(found) == 4
    for left, top, right, bottom in found:
        assert 300 < right - left < 325 and 165 < bottom - top < 185


def test_two_tiles_without_a_line_between_them_are_found() -> None:
    found = find_tiles(list(tiles(8, (640, 360), 2, 2, gutter=0)))
    assert [(left, right) for left, _, right, _ in found] == [(0, 319), (321, 640)]


def test_a_wide_tile_above_three_small_ones() -> None:
    above = tiles(4, (640, 240), 1, 1)
    below = tiles(4, (640, 120), 3, 3)
    found = find_tiles([np.vstack(both) for both in zip(above, below, strict=True)])
    assert len(found) == 4


def test_a_room_is_not_divided_into_tiles() -> None:
    man = swaying(0, 320, 150, 100)
    shown = [one.copy() for one in pictures(8, (640, 360), lambda frame: [man(frame)])]
    assert find_tiles(shown) == []
    for picture in shown:  # a door, and the edge of a table
        picture[40:330, 100:104] = 20
        picture[300:304, 200:600] = 20
    assert find_tiles(shown) == []


def chunk(start: float, boxes, tiles=((0, 0, 319, 360), (321, 0, 640, 360))):
    corners = np.array([(x, y, x + w, y + h) for x, y, w, h in boxes], np.float32).reshape(-1, 4)
    count = len(corners)
    faces = Faces(corners, np.ones(count, np.float32), np.zeros((count, 5, 2), np.float32))
    return SimpleNamespace(
        tiles=tiles, faces=faces, size=(640, 360), times=np.array([start, start + 2.9])
    )


BOTH = [(100, 100, 60, 80), (420, 100, 60, 80)]


def test_people_in_two_tiles_make_a_call() -> None:
    found = tile_layouts([chunk(0, BOTH), chunk(3, BOTH), chunk(6, BOTH)], (1280, 720), [])
    (layout,) = found
    assert (layout.start, layout.end) == (0.0, 8.9)
    assert layout.tiles == [Tile(0, 0, 638, 720), Tile(642, 0, 638, 720)]


@pytest.mark.parametrize(
    "boxes", [BOTH[:1], [(100, 100, 60, 80), (290, 100, 60, 80)], []], ids=["alone", "across", "no"]
)
def test_lines_alone_are_not_a_call(boxes) -> None:
    assert tile_layouts([chunk(0, boxes)], (640, 360), []) == []


def test_a_menu_over_a_call_does_not_end_it_but_a_cut_does() -> None:
    chunks = [chunk(0, BOTH), chunk(3, BOTH, tiles=()), chunk(6, BOTH)]
    assert len(tile_layouts(chunks, (640, 360), [])) == 1
    assert len(tile_layouts(chunks, (640, 360), [4.0])) == 2


def test_no_window_has_parts_of_two_tiles() -> None:
    # proves: F4
    times = np.arange(50) / 25
    boxes = np.array([(210 + 10 * np.sin(t), 100, 60, 80) for t in times])
    layout = TileLayout(0.0, 2.0, [Tile(0, 0, 319, 360), Tile(321, 0, 319, 360)])
    framing = Framing(face_share=0.25)
    free = tiled_path(times, boxes, [], (640, 360), framing, [])
    assert (free[:, 0] + free[:, 2]).max() > 330
    kept = tiled_path(times, boxes, [25], (640, 360), framing, [layout])
    assert (kept[:, 0] >= 0).all() and (kept[:, 0] + kept[:, 2] <= 319).all()
    assert np.allclose(kept[:, 2], kept[:, 3])


def test_after_the_call_the_camera_may_use_the_whole_picture() -> None:
    times = np.arange(50) / 25
    boxes = np.tile([210.0, 100, 60, 80], (50, 1))
    layout = TileLayout(0.0, 1.0, [Tile(0, 0, 319, 360), Tile(321, 0, 319, 360)])
    found = tiled_path(times, boxes, [], (640, 360), Framing(face_share=0.25), [layout])
    assert found[10, 0] + found[10, 2] <= 319 < found[40, 0] + found[40, 2]


def test_a_synthetic_person_is_placed_the_same_in_every_call() -> None:
    assert swaying(1, 10, 20, 30)(0) == swaying(1, 10, 20, 30)(0)
    assert isinstance(swaying(1, 10, 20, 30)(5), Placed)
