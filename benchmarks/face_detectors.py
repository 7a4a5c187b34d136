"""Face detectors on real and generated videos: MTCNN as shipped, facenet-pytorch's, and YuNet.

    python -m benchmarks.face_detectors --yunet yunet_n_dynamic.onnx --real REAL \
        --json benchmarks/results/face_detectors.json

Each detector looks at single frames, all of them the same, reduced as `reelmill faces` reduces
them, with one thread: the share of faces it finds (recall), false boxes per frame, and frames per
second. A box is right if its overlap is at least a half.

Generated: the videos of `benchmarks/faces_accuracy.py`, one frame in ten, against their truth;
faces of which less than three quarters are visible are not counted. Real: REAL is a folder of
videos each with a `NAME.json` beside it: for each frame looked at, the boxes of its faces (x, y,
width, height in pixels of the original, and whether it counts), marked by a person. A detector
whose library is not installed is left out and named.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.common import show, told_command, write_result
from benchmarks.face_truth import make_videos, scripts
from benchmarks.faces_accuracy import SEED
from reelmill.engine.stage import Device
from reelmill.errors import ModelUnavailableError
from reelmill.media.probe import probe
from reelmill.media.video.frames import Reducer, choose_track, reduced_size, upright_size
from reelmill.media.video.reader import open_pictures
from reelmill.models.faces.boxes import overlaps
from reelmill.models.faces.detectors import detector_spec
from synthetic.videos import CLEAR_SHARE

Float32 = npt.NDArray[np.float32]
_SHORT_SIDE = 360
_EVERY = 10
_SAME_FACE = 0.5


@dataclass(frozen=True)
class Frame:
    """A reduced picture, the boxes (n, 4) of its faces, left, top, right, bottom in it, and which
    of them count."""

    picture: Any
    boxes: Float32
    counts: npt.NDArray[np.bool_]


def main() -> None:
    options = _options()
    sets: dict[str, list[Frame]] = {}
    with tempfile.TemporaryDirectory(prefix="reelmill-bench-") as work:
        folder = options.corpus or Path(work) / "videos"
        videos = make_videos(folder, scripts(SEED, options.seconds))
        sets["generated"] = [f for path, t in videos.items() for f in _generated(path, t)]
        if options.real:
            marked = sorted(options.real.glob("*.json"))
            sets["real"] = [frame for path in marked for frame in _marked(path)]
        rows = [
            row
            for name in (
                "mtcnn",
                "facenet-pytorch",
                *([str(options.yunet)] if options.yunet else []),
            )
            for row in _rows(name, sets)
        ]
    show("faces found in single frames", rows)
    content = {
        "command": told_command("benchmarks.face_detectors"),
        "frames": {name: len(frames) for name, frames in sets.items()},
        "faces": {n: int(sum(f.counts.sum() for f in frames)) for n, frames in sets.items()},
        "rows": rows,
    }
    write_result(options.json, content)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--yunet", type=Path, help="file with the weights of YuNet (.onnx)")
    parser.add_argument("--real", type=Path, help="folder of videos with marked frames")
    parser.add_argument(
        "--seconds", type=float, default=20.0, help="length of each generated video in seconds"
    )
    parser.add_argument(
        "--corpus", type=Path, help="folder of the generated videos; created if missing"
    )
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    return parser.parse_args()


def _rows(name: str, sets: Mapping[str, list[Frame]]) -> Iterator[dict[str, Any]]:
    try:
        spec = detector_spec(name)
        model = spec.load(Device("cpu"), 1)
    except ModelUnavailableError as error:
        print(f"left out: {error}")
        return
    spec.warm_up(model)
    for what, frames in sets.items():
        found = missed = false = 0
        began, seconds = 0.0, 0.0
        for frame in frames:
            began = time.process_time()
            (faces,) = model.look([frame.picture])
            seconds += time.process_time() - began
            boxes = faces.boxes[faces.scores >= spec.sure]
            right = overlaps(frame.boxes, boxes) >= _SAME_FACE
            hit = right.any(axis=1) if len(boxes) else np.zeros(len(frame.boxes), np.bool_)
            found += int((hit & frame.counts).sum())
            missed += int((~hit & frame.counts).sum())
            false += int((~right.any(axis=0)).sum()) if len(frame.boxes) else len(boxes)
        yield {
            "detector": spec.name,
            "videos": what,
            "recall %": 100 * found / max(1, found + missed),
            "false/frame": false / len(frames),
            "frames/CPU s": len(frames) / seconds,
        }


def _generated(path: Path, truth: Any) -> Iterator[Frame]:
    frames = np.array(truth.frame)
    boxes = np.array(truth.box, np.float32).reshape(-1, 4)
    clear = np.array(truth.visible) >= CLEAR_SHARE
    for number, scale, picture in _pictures(path):
        if number % _EVERY == 0:
            rows = frames == number
            yield Frame(picture, _corners(boxes[rows]) * scale, clear[rows])


def _marked(path: Path) -> Iterator[Frame]:
    """Frames by number, as marked; a box with a fifth value of 0 is not counted."""
    video = next(one for one in path.parent.glob(f"{path.stem}.*") if one != path)
    marked = json.loads(path.read_text("utf-8"))["frames"]
    for number, scale, picture in _pictures(video):
        if str(number) in marked:
            rows = np.array(marked[str(number)], np.float32).reshape(-1, 5)
            yield Frame(picture, _corners(rows[:, :4]) * scale, rows[:, 4] > 0)


def _pictures(path: Path) -> Iterator[tuple[int, float, Any]]:
    """Number of each frame, how much it is reduced, and the reduced picture."""
    track = choose_track(path, probe(path), None)
    upright = upright_size(track)
    size = reduced_size(*upright, _SHORT_SIDE)
    reducer = Reducer(size, track.rotation)
    with open_pictures(path, track.index) as opened:
        for number, (_, frame) in enumerate(opened.between(0.0, float("inf"))):
            yield number, size[0] / upright[0], reducer.reduced(frame)


def _corners(boxes: Float32) -> Float32:
    return np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1)


if __name__ == "__main__":
    main()
