"""Check results of `reelmill faces`: whether it processed the whole video, and what clips show."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np

from benchmarks.matrix.layouts import ffprobe, frames

#: Lines between tiles are as dark as this throughout.
_DARK = 60

#: Given the input and the output folder, what is wrong.
Look = Callable[[Path, Path], list[str]]


def all_of(*looks: Look) -> Look:
    return lambda original, out: [wrong for look in looks for wrong in look(original, out)]


def every_picture(original: Path, out: Path) -> list[str]:
    """As many pictures were processed as ffprobe counts."""
    looked, counted = _found(original, out)["picture"]["frames"], frames(original)
    return [] if looked == counted else [f"{looked} of {counted} pictures looked at"]


def persons(count: int, seconds: float | None = None) -> Look:
    """This many persons are found, each seen for at least this long."""

    def look(original: Path, out: Path) -> list[str]:
        found = _found(original, out)["persons"]
        wrong = [] if len(found) == count else [f"{len(found)} persons instead of {count}"]
        if seconds is not None:
            wrong += [
                f"{one['label']} is seen for {one['seconds']} s"
                for one in found
                if one["seconds"] < seconds
            ]
        return wrong

    return look


def clip_size(width: int, height: int) -> Look:
    """Every clip has that size, in square pixels."""

    def look(original: Path, out: Path) -> list[str]:
        wrong = []
        for path in _clips(original, out):
            (picture,) = (s for s in ffprobe(path)["streams"] if s["codec_type"] == "video")
            shape = picture["width"], picture["height"], picture.get("sample_aspect_ratio", "1:1")
            if shape not in ((width, height, "1:1"), (width, height, "0:1")):
                wrong.append(f"{path.name}: {shape[0]} x {shape[1]}, pixels {shape[2]}")
        return wrong

    return look


def of_standard_range(original: Path, out: Path) -> list[str]:
    """Clips are BT.709, and as light and as colourful as pictures are."""
    wrong = []
    for path in _clips(original, out):
        (picture,) = (s for s in ffprobe(path)["streams"] if s["codec_type"] == "video")
        if picture.get("color_transfer") != "bt709":
            wrong.append(f"{path.name}: {picture.get('color_transfer')}")
        colours = _picture(path).reshape(-1, 3).astype(float)
        if np.percentile(colours, 95) < 185:
            wrong.append(f"{path.name}: grey ({np.percentile(colours, 95):.0f} at its lightest)")
    return wrong


def one_person_a_clip(original: Path, out: Path) -> list[str]:
    """Every stretch of a clip shows its person."""
    found, wrong = _found(original, out), []
    seen = {one["label"]: one["on_screen"] for one in found["persons"]}
    for clip in found["clips"]:
        spans = [(one["start"], one["end"]) for one in seen[clip["persons"][0]]]
        for start, end in clip["shows"]:
            inside = sum(max(0.0, min(end, b) - max(start, a)) for a, b in spans)
            if end - start - inside > 0.05:
                wrong.append(f"{clip['file']}: {end - start - inside:.2f} s of somebody else")
    return wrong


def in_proportion(original: Path, out: Path) -> list[str]:
    """A face in the first clip is as wide, for its height, as faces are."""
    width, height = _face_in(original, out)
    return [] if 0.65 < width / height < 1.0 else [f"a face of {width:.0f} x {height:.0f}"]


def _face_in(original: Path, out: Path) -> tuple[float, float]:
    """Width and height of the face that the detector finds in the middle of the first clip."""
    from reelmill.engine.stage import Device
    from reelmill.models.faces.mtcnn import MtcnnSpec

    faces = MtcnnSpec().load(Device("cpu"), 1).look([_picture(_clips(original, out)[0])])[0]
    if not len(faces):
        return 0.0, 1.0
    left, top, right, bottom = faces.boxes[int(faces.scores.argmax())].tolist()
    return right - left, bottom - top


def within_one_tile(original: Path, out: Path) -> list[str]:
    """No clip shows the dark line between two tiles of a call, except for a sliver at its
    border."""
    wrong = []
    for path in _clips(original, out):
        light = _picture(path).astype(float).mean(axis=2)[4:-4, 4:-4]
        if min(*light.max(axis=0), *light.max(axis=1)) < _DARK:
            wrong.append(f"{path.name}: shows the edge of a tile")
    return wrong


def _found(original: Path, out: Path) -> dict[str, Any]:
    path = out / f"{original.stem}.faces.json"
    found: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return found


def _clips(original: Path, out: Path) -> list[Path]:
    return [out / clip["file"] for clip in _found(original, out)["clips"]]


def _picture(path: Path) -> np.ndarray:
    """The middle picture of a clip, RGB."""
    with av.open(f"file:{path}") as source:
        shown = [frame.to_ndarray(format="rgb24") for frame in source.decode(video=0)]
    return shown[len(shown) // 2]
