"""Compare a copy with its original by ffprobe, and check whether text is visible in a picture."""

from __future__ import annotations

import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.matrix.layouts import SECONDS, frames

#: Tags that every container or program writes anew.
_OWN_TAGS = {
    "encoder", "major_brand", "minor_version", "compatible_brands", "duration", "handler_name",
    "vendor_id", "creation_time", "company_name", "product_name", "product_version",
    "application_platform", "product_uid", "generation_uid", "uid", "modification_date",
    "material_package_umid", "file_package_umid", "file_package_name", "reel_name", "reel_uid",
    "operational_pattern_ul", "toolkit_version", "track_name", "data_type", "language", "timecode",
    "metadatacreator", "hasvideo", "hasaudio", "filename", "mimetype", "project_name",
}  # fmt: skip
_SIZE = (640, 360)
_WHITE, _MUCH = 200, 60
_WHITE_SHARE, _CHANGED_SHARE = 0.0003, 0.003
_BEFORE_SECONDS = 0.2

Told = dict[str, Any]


def differences(
    before: Told,
    after: Told,
    *,
    added: int,
    without_picture: bool = False,
    taken: tuple[str, ...] = (),
) -> list[str]:
    """What is in the original and not in the copy; `added` subtitle tracks are expected beside,
    and other subtitles without the dispositions `taken`, which make players draw them.

    Each line has the name as in a finding, a colon, and the old and new value.
    """
    found = _streams(before, after, added, without_picture, _DRAWN if without_picture else taken)
    if len(before["chapters"]) != len(after["chapters"]):
        found.append(f"chapters: {len(before['chapters'])}, {len(after['chapters'])}")
    tags = {name.lower(): value for name, value in after["format"].get("tags", {}).items()}
    for name, value in before["format"].get("tags", {}).items():
        if name.lower() not in _OWN_TAGS and tags.get(name.lower()) != value:
            found.append(f"{name}: {value}, {tags.get(name.lower())}")
    if (code := _timecode(before)) != _timecode(after):
        found.append(f"timecode: {code}, {_timecode(after)}")
    return found


def _timecode(told: Told) -> str | None:
    holders = [told["format"], *told["streams"]]
    codes = [
        h.get("tags", {}).get("timecode") or h.get("tags", {}).get("TIMECODE") for h in holders
    ]
    return next((code for code in codes if code), None)


def _streams(
    before: Told, after: Told, added: int, without_picture: bool, taken: tuple[str, ...]
) -> list[str]:
    found = []
    old, new = _kinds(before, without_picture), _kinds(after, without_picture)
    for kind, count in (old - new).items():
        found.append(f"{kind}: {count} missing")
    more = sum(count for kind, count in (new - old).items() if kind.startswith("subtitle"))
    if more != added:
        found.append(f"added tracks: {added} expected, {more} there")
    left = [one for one in after["streams"] if _kind(one) is not None]
    for stream in before["streams"]:
        if _kind(stream) is None or (without_picture and _is_picture(stream)):
            continue
        copy = next((one for one in left if _kind(one) == _kind(stream)), None)
        if copy is not None:
            left.remove(copy)
            found += _stream(stream, copy, taken if stream["codec_type"] == "subtitle" else ())
    return found


def _kinds(told: Told, without_picture: bool) -> Counter[str]:
    kinds: Counter[str] = Counter()
    for stream in told["streams"]:
        kind = _kind(stream)
        if kind is not None and not (without_picture and _is_picture(stream)):
            kinds[kind] += 1
    return kinds


def _is_picture(stream: Told) -> bool:
    return stream["codec_type"] == "video" and not stream["disposition"]["attached_pic"]


def _kind(stream: Told) -> str | None:
    """What it is, as findings word it; None for tracks that containers make themselves of
    chapters and time codes."""
    if stream["codec_type"] == "data":
        return None
    if stream["codec_type"] == "attachment":
        return f"attachment {stream['tags']['filename']}"
    if stream["disposition"]["attached_pic"]:
        return "cover"
    return f"{stream['codec_type']} {stream.get('codec_name', 'unknown')}"


def _stream(old: Told, new: Told, taken: tuple[str, ...]) -> list[str]:
    found = []
    kind = _kind(old)
    if old["codec_type"] != "attachment" and not old.get("codec_name", "").startswith("pcm"):
        counts = old.get("nb_read_packets"), new.get("nb_read_packets")
        if counts[0] != counts[1]:
            found.append(f"packets of {kind}: {counts[0]}, {counts[1]}")
    for name in ("codec_tag_string",) if old["codec_tag_string"] == "hvc1" else ():
        if old[name] != new[name] and new[name] != "[0][0][0][0]":
            found.append(f"{name}: {old[name]}, {new[name]}")
    names = ["color_transfer", "color_primaries", "width", "height", "channels", "sample_rate"]
    for name in [*names, "sample_aspect_ratio"]:
        was = old.get(name, "unknown")
        if was not in ("unknown", "1:1", "0:1", new.get(name)):
            found.append(f"{name} of {kind}: {was}, {new.get(name)}")
    if _rotation(old) != _rotation(new):
        found.append(f"rotation: {_rotation(old)}, {_rotation(new)}")
    for name, value in old["disposition"].items():
        if value and not new["disposition"].get(name) and name not in taken:
            found.append(f"disposition {name} of {kind}: lost")
    for name in ("language", "title"):
        was = old.get("tags", {}).get(name)
        if was not in (None, "und") and new.get("tags", {}).get(name) != was:
            found.append(f"{name} of {kind}: {was}, {new.get('tags', {}).get(name)}")
    return found


#: Dispositions by which players draw a track by default, which must not cover text in the picture.
_DRAWN = ("default", "forced")


def _rotation(stream: Told) -> int:
    sides = stream.get("side_data_list", [])
    return next((int(side["rotation"]) for side in sides if "rotation" in side), 0)


def picture_differences(original: Path, copy: Path, before: Told, after: Told) -> list[str]:
    """Differences of a burned copy: the number of pictures, and the displayed shape."""
    found = []
    counts = frames(original), frames(copy)
    if counts[1] < counts[0]:
        found.append(f"pictures: {counts[0]}, {counts[1]}")
    shapes = [_shape(next(filter(_is_picture, told["streams"]))) for told in (before, after)]
    if abs(shapes[0] - shapes[1]) > 0.015 * shapes[0]:
        found.append(f"shape: {shapes[0]:.3f}, {shapes[1]:.3f}")
    return found


def _shape(stream: Told) -> float:
    across, down = map(
        int, stream.get("sample_aspect_ratio", "1:1").replace("0:1", "1:1").split(":")
    )
    shape = stream["width"] * across / down / stream["height"]
    return float(1 / shape if _rotation(stream) % 180 else shape)


def text_is_seen(original: Path, copy: Path, start: float, end: float) -> bool:
    """Whether the lower part of the copy's picture differs from the original's between the times
    more than before any text: there is white where the original has none, or on a bright ground
    the letters' dark outline."""
    white, changed = _letters(original, copy, (start + end) / 2)
    _, before = _letters(original, copy, _BEFORE_SECONDS)
    return white > _WHITE_SHARE or changed - before > _CHANGED_SHARE


def _letters(original: Path, copy: Path, at: float) -> tuple[float, float]:
    """The shares of pixels that became white, and that became others."""
    first, second = (_gray(path, at).astype(int) for path in (original, copy))
    lower = slice(_SIZE[1] * 2 // 3, None)
    change = second[lower] - first[lower]
    white = (second[lower] >= _WHITE) & (change > _MUCH)
    return float(white.mean()), float((np.abs(change) > _MUCH).mean())


def _gray(path: Path, at: float) -> npt.NDArray[np.uint8]:
    """The picture that is shown at a time."""
    done = subprocess.run(
        [
            *("ffmpeg", "-nostdin", "-v", "error", "-i", str(path), "-map", "0:V:0"),
            *("-vf", f"fps=25,trim=start={at},scale={_SIZE[0]}:{_SIZE[1]}", "-frames:v", "1"),
            *("-pix_fmt", "gray", "-f", "rawvideo", "-"),
        ],
        check=True,
        capture_output=True,
        timeout=SECONDS,
    )
    return np.frombuffer(done.stdout, np.uint8).reshape(_SIZE[1], _SIZE[0])
