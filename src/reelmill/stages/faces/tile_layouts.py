"""Find when people are seen in the tiles of a video call, and where the tiles are."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Protocol

import numpy as np
import numpy.typing as npt

from reelmill.artifacts import Tile, TileLayout
from reelmill.models.faces.detector import Faces
from reelmill.stages.faces.tiles import Rectangle

#: At least this share of a face must lie in the tile that has its middle.
_INSIDE = 0.85
#: Layouts are different if they differ by more than this share of the picture's width.
_SAME = 0.03
#: A layout may be interrupted for this long, s (a flash, a menu), and continue after it.
_BRIDGED = 10.0


class Chunk(Protocol):
    """What is known of a run of frames; see `ChunkFaces`."""

    @property
    def tiles(self) -> tuple[Rectangle, ...]: ...
    @property
    def faces(self) -> Faces: ...
    @property
    def size(self) -> tuple[int, int]: ...
    @property
    def times(self) -> npt.NDArray[np.float64]: ...


def tile_layouts(
    chunks: Sequence[Chunk], size: tuple[int, int], cuts: Sequence[float]
) -> list[TileLayout]:
    """Layouts in pixels of the picture, of `size`, in which people are seen in several tiles.

    Straight lines alone are not enough: doors and shelves have them too.
    """
    found: list[TileLayout] = []
    for chunk, after in pairwise([*chunks, None]):
        assert chunk is not None
        if not _is_call(chunk):
            continue
        across, down = size[0] / chunk.size[0], size[1] / chunk.size[1]
        tiles = [
            Tile(left * across, top * down, (right - left) * across, (bottom - top) * down)
            for left, top, right, bottom in chunk.tiles
        ]
        start = float(chunk.times[0])
        end = float(chunk.times[-1] if after is None else after.times[0])
        if found and _goes_on(found[-1], tiles, start, size[0], cuts):
            found[-1].end = end
        else:
            found.append(TileLayout(start, end, tiles))
    return found


def _is_call(chunk: Chunk) -> bool:
    boxes = chunk.faces.boxes
    if len(chunk.tiles) < 2 or not len(boxes):
        return False
    areas = np.array(chunk.tiles, np.float64)
    middles = (boxes[:, :2] + boxes[:, 2:]) / 2
    holds = (middles[:, None] >= areas[None, :, :2]) & (middles[:, None] < areas[None, :, 2:])
    owner: npt.NDArray[np.bool_] = np.logical_and.reduce(holds, axis=2)
    if not owner.any(axis=1).all():
        return False
    own = areas[owner.argmax(axis=1)]
    inside = np.minimum(boxes[:, 2:], own[:, 2:]) - np.maximum(boxes[:, :2], own[:, :2])
    whole = inside >= _INSIDE * (boxes[:, 2:] - boxes[:, :2])
    return bool(whole.all()) and int(owner.any(axis=0).sum()) > 1


def _goes_on(
    before: TileLayout, tiles: Sequence[Tile], start: float, width: int, cuts: Sequence[float]
) -> bool:
    if len(before.tiles) != len(tiles) or start - before.end > _BRIDGED:
        return False
    if any(before.end - 1e-3 < cut <= start + 1e-3 for cut in cuts):
        return False
    pairs = zip(before.tiles, tiles, strict=True)
    return all(
        max(
            abs(one.x - other.x),
            abs(one.y - other.y),
            abs(one.width - other.width),
            abs(one.height - other.height),
        )
        <= _SAME * width
        for one, other in pairs
    )
