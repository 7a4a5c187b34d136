"""Camera paths that stay inside a person's tile of a video call."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from reelmill.artifacts import Tile, TileLayout
from reelmill.stages.clips.camera_path import Floats, Framing, camera_path

#: The uncertainty of the edges of tiles, as a share of the picture's height: some pixels of the
#: reduced picture that was searched.
_EDGE = 0.01


def tiled_path(
    times: Floats,
    boxes: npt.NDArray[np.floating],
    breaks: Sequence[int],
    picture: tuple[int, int],
    framing: Framing,
    layouts: Sequence[TileLayout],
) -> Floats:
    """As `camera_path`, but no window contains parts of two tiles."""
    tiles = [_tile_of(layouts, time, box) for time, box in zip(times, boxes, strict=True)]
    if not any(tiles):
        return camera_path(times, boxes, breaks, picture, framing)
    changes = [n for n in range(1, len(tiles)) if tiles[n] is not tiles[n - 1]]
    windows = np.empty((len(times), 4))
    for first, end in pairwise([0, *changes, len(times)]):
        part, tile = slice(first, end), tiles[first]
        inner = [at - first for at in breaks if first < at < end]
        if tile is None:
            windows[part] = camera_path(times[part], boxes[part], inner, picture, framing)
            continue
        edge = _EDGE * picture[1]
        corner = np.array([tile.x + edge, tile.y + edge, 0, 0])
        size = max(2, int(tile.width - 2 * edge)), max(2, int(tile.height - 2 * edge))
        moved = boxes[part] - corner
        windows[part] = camera_path(times[part], moved, inner, size, framing) + corner
    return windows


def _tile_of(
    layouts: Sequence[TileLayout], time: float, box: npt.NDArray[np.floating]
) -> Tile | None:
    """The tile that contains the middle of a box at a time."""
    at = bisect_right([layout.start - 1e-3 for layout in layouts], time) - 1
    if at < 0 or time > layouts[at].end + 1e-3:
        return None
    x, y = float(box[0] + box[2] / 2), float(box[1] + box[3] / 2)
    for tile in layouts[at].tiles:
        if tile.x <= x < tile.x + tile.width and tile.y <= y < tile.y + tile.height:
            return tile
    return None
