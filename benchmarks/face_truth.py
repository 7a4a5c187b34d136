"""Shared code of the benchmarks of faces: videos with truth, and the comparison with it."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.common import REELMILL
from reelmill.models.faces.boxes import areas, common_areas, overlaps
from synthetic.videos import CLEAR_SHARE, Script, Truth, make_video, read_truth

Float32 = npt.NDArray[np.float32]
Int64 = npt.NDArray[np.int64]

#: A found box matches a face from this overlap (intersection over union) on, as in MOT Challenge.
SAME_FACE = 0.5
SIZES = (40, 300)
#: `reelmill faces` as users run it.
FACES = (*REELMILL, "faces")
SPEEDS = (1.0, 5.0)


@dataclass(frozen=True)
class Found:
    """Boxes of persons, a row each: `frame` (n,) from 0, `person` (n,) any number, `boxes` (n, 4)
    left, top, right, bottom in pixels of the picture as shown."""

    frame: Int64
    person: Int64
    boxes: Float32


def scripts(seed: int, seconds: float) -> dict[str, Script]:
    """Videos of 1 to 4 persons, slow and fast: name to script."""
    made = {}
    for number, (persons, speed) in enumerate(product((1, 2, 3, 4), SPEEDS)):
        made[f"{persons} persons, speed {speed:g}"] = Script(
            seconds=seconds, persons=persons, sizes=SIZES, speed=speed, seed=seed + number
        )
    return made


def make_videos(folder: Path, scripts: Mapping[str, Script]) -> dict[Path, Truth]:
    """Write those that do not exist yet, each with its truth beside it (`.json`)."""
    folder.mkdir(parents=True, exist_ok=True)
    videos = {}
    for name, script in scripts.items():
        path = folder / f"{name}.mp4"
        if not path.with_suffix(".json").exists():
            print(f"making {path.name} ...", flush=True)
            make_video(path, script, path.with_suffix(".json"))
        videos[path] = read_truth(path.with_suffix(".json"))
    return videos


def read_mot(path: Path) -> Found:
    """The MOT Challenge text that `reelmill faces` and the peers write."""
    rows = np.loadtxt(path, delimiter=",", ndmin=2) if path.stat().st_size else np.zeros((0, 10))
    corners = np.concatenate([rows[:, 2:4], rows[:, 2:4] + rows[:, 4:6]], axis=1)
    return Found(
        rows[:, 0].astype(np.int64) - 1, rows[:, 1].astype(np.int64), corners.astype(np.float32)
    )


class Score:
    """Counts over videos, by py-motmetrics.

    Faces of which less than `CLEAR_SHARE` is visible are not counted, and finding them is not an
    error.
    """

    def __init__(self) -> None:
        self._names: list[str] = []
        self._counted: list[Any] = []
        self._frames: list[int] = []

    def add(self, name: str, truth: Truth, found: Found) -> None:
        """Count the persons found in one video."""
        import motmetrics

        counted = motmetrics.MOTAccumulator()
        by_frame = _rows_of(found.frame, truth.frames)
        true_rows = _rows_of(np.array(truth.frame, np.int64), truth.frames)
        boxes = np.array(truth.box, np.float32).reshape(-1, 4)
        boxes = np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1)
        clear = np.array(truth.visible) >= CLEAR_SHARE
        persons = np.array(truth.person, np.int64)
        for frame in range(truth.frames):
            true, rows = true_rows[frame], by_frame[frame]
            rows = rows[_counting(boxes[true], clear[true], found.boxes[rows])]
            seen = true[clear[true]]
            far = 1 - overlaps(boxes[seen], found.boxes[rows]).astype(np.float64)
            far[far > 1 - SAME_FACE] = np.nan
            counted.update(persons[seen], found.person[rows], far, frameid=frame)
        self._names.append(name)
        self._counted.append(counted)
        self._frames.append(truth.frames)

    def table(self) -> list[dict[str, Any]]:
        """A row a video and one for all: recall and IDF1 in percent, false detections a frame."""
        import motmetrics

        wanted = ["num_objects", "recall", "num_false_positives", "idf1", "num_switches"]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            figures = motmetrics.metrics.create().compute_many(
                self._counted, metrics=wanted, names=self._names, generate_overall=True
            )
        frames = [*self._frames, sum(self._frames)]
        names = [*self._names, "all"]
        return [
            {
                "what": name,
                "frames": count,
                "faces": int(row["num_objects"]),
                "recall %": 100 * float(row["recall"]),
                "false/frame": float(row["num_false_positives"]) / count,
                "IDF1 %": 100 * float(row["idf1"]),
                "switches": int(row["num_switches"]),
            }
            for name, count, (_, row) in zip(names, frames, figures.iterrows(), strict=True)
        ]


def _rows_of(frames: Int64, count: int) -> Sequence[Int64]:
    order = np.argsort(frames, kind="stable")
    return np.split(order, np.searchsorted(frames[order], np.arange(1, count)))


def _counting(true: Float32, clear: npt.NDArray[np.bool_], found: Float32) -> npt.NDArray[np.bool_]:
    """Which found boxes count: all except those of faces that do not count."""
    if not len(found) or clear.all():
        return np.ones(len(found), np.bool_)
    share = overlaps(found, true)
    smaller = np.minimum(areas(found)[:, None], areas(true)[None, :])
    inside = common_areas(found, true) / np.maximum(smaller, 1e-9)
    hidden = (inside[:, ~clear] >= SAME_FACE).any(axis=1)
    mine = (share[:, clear] >= SAME_FACE).any(axis=1)
    return np.asarray(mine | ~hidden)
