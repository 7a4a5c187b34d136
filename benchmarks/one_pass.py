"""What one pass over a video would gain `reelmill faces`, and what it would lose.

    python -m benchmarks.one_pass --json benchmarks/results/one_pass.json

For the video of `benchmarks/faces.py`: CPU seconds, in one thread, to decode it for the search
(without the deblocking filter) and for the clips, beside decoding it once and keeping the pictures
in shared memory until it is known what clips show of them. And for cameras that know only the next
seconds of a face's way: how many windows lie elsewhere than those of the camera that knows the
whole shot. The ways are the true ones.
"""

from __future__ import annotations

import argparse
import math
import mmap
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.common import show, told_command, write_result
from benchmarks.face_truth import SIZES, make_videos
from reelmill.media.video.frames import Planes
from reelmill.media.video.reader import open_pictures
from reelmill.stages.clips.camera_path import Framing, camera_path
from synthetic.videos import CLEAR_SHARE, Script, Truth

Floats = npt.NDArray[np.float64]
SEED = 20261128
_KEPT_SECONDS = 5.0
_AHEAD_SECONDS = (1.0, 2.0, 5.0)
#: Windows further apart than this many pixels are not the same; one window in so many is compared.
_SAME, _EVERY = 1.0, 25
#: Ways shorter than this many frames have no windows.
_LEAST_FRAMES = 3


def main() -> None:
    options = _options()
    script = Script(
        seconds=options.seconds,
        persons=3,
        sizes=(SIZES[0], 180),
        shot_seconds=(options.shot_seconds / 2, options.shot_seconds),
        seed=options.seed,
    )
    with tempfile.TemporaryDirectory(prefix="reelmill-bench-") as work:
        video, truth = next(iter(make_videos(Path(work), {"one": script}).items()))
        rows = [
            min((_decoded(video, kept, draft=draft) for _ in range(options.repeat)), key=_seconds)
            for kept, draft in ((0.0, True), (0.0, False), (_KEPT_SECONDS, False), (None, False))
        ]
    ways = list(_ways(truth))
    cameras = [_elsewhere(ways, ahead, truth) for ahead in _AHEAD_SECONDS]
    show(f"decoding {options.seconds:g} s of 720p", rows)
    show("cameras that know only the next seconds", cameras)
    content = {
        "command": told_command("benchmarks.one_pass"),
        "seconds": options.seconds,
        "longest shot, s": options.shot_seconds,
        "decoding": rows,
        "cameras": cameras,
    }
    write_result(options.json, content)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--shot-seconds", type=float, default=30.0, help="the longest shot, s")
    parser.add_argument("--repeat", type=int, default=3, help="the fastest counts")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    return parser.parse_args()


def _seconds(row: dict[str, Any]) -> float:
    return float(row["CPU s"])


def _decoded(video: Path, kept: float | None, *, draft: bool) -> dict[str, Any]:
    """Decode everything, with the pictures of the last `kept` seconds in shared memory; None: of
    all."""
    began = time.process_time()
    with open_pictures(video, draft=draft) as pictures:
        ring: _Ring | None = None
        for _, frame in pictures.between(-math.inf, math.inf):
            planes = Planes.of(frame).planes
            if kept != 0.0 and ring is None:
                length = float(pictures.stream.frames) / pictures.rate if kept is None else kept
                size = sum(plane.size for plane in planes)
                ring = _Ring(size, math.ceil(length * pictures.rate))
            if ring is not None:
                ring.keep(planes)
    how = "all pictures" if kept is None else f"those of {kept:g} s" if kept else "nothing"
    return {
        "for": "the search" if draft else "the clips",
        "keeping": how,
        "CPU s": time.process_time() - began,
        "kept MB": 0.0 if ring is None else ring.megabytes,
    }


class _Ring:
    """The last pictures, in an unnamed file that other processes could map."""

    def __init__(self, size: int, count: int) -> None:
        descriptor = os.memfd_create("pictures")
        os.ftruncate(descriptor, size * count)
        memory = np.frombuffer(mmap.mmap(descriptor, size * count), np.uint8)
        os.close(descriptor)
        self._pictures = memory.reshape(count, size)
        self._taken = 0

    @property
    def megabytes(self) -> float:
        return self._pictures.size / (1 << 20)

    def keep(self, planes: Sequence[npt.NDArray[np.uint8]]) -> None:
        place, at = self._pictures[self._taken % len(self._pictures)], 0
        for plane in planes:
            place[at : at + plane.size].reshape(plane.shape)[:] = plane
            at += plane.size
        self._taken += 1


def _ways(truth: Truth) -> Iterator[tuple[Floats, Floats]]:
    """Times and boxes of each person in each shot, as far as the face is clearly to be seen."""
    frames, persons = np.array(truth.frame), np.array(truth.person)
    boxes, clear = np.array(truth.box), np.array(truth.visible) >= CLEAR_SHARE
    for first, end in pairwise(sorted({0, *truth.cuts, truth.frames})):
        for person in range(len(truth.names)):
            rows = clear & (persons == person) & (frames >= first) & (frames < end)
            if rows.sum() >= _LEAST_FRAMES:
                yield frames[rows] / truth.rate, boxes[rows]


def _elsewhere(ways: Sequence[tuple[Floats, Floats]], ahead: float, truth: Truth) -> dict[str, Any]:
    """How many windows lie elsewhere if only the next `ahead` seconds are known."""
    picture, framing = (truth.width, truth.height), Framing()
    far: list[float] = []
    for times, boxes in ways:
        whole = camera_path(times, boxes, [], picture, framing)
        for at in range(0, len(times), _EVERY):
            known = int(np.searchsorted(times, times[at] + ahead, side="right"))
            part = camera_path(times[:known], boxes[:known], [], picture, framing)
            far.append(float(np.abs(part[at] - whole[at]).max()))
    return {
        "s ahead": ahead,
        "windows": len(far),
        "elsewhere %": 100 * float(np.mean(np.array(far) > _SAME)),
        "most, px": max(far),
    }


if __name__ == "__main__":
    main()
