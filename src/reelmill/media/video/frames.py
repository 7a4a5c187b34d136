"""Prepare frames of a video for a search: choose the track, rotate and reduce."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation, VideoReformatter

from reelmill.artifacts import Media, VideoIndex, VideoTrack
from reelmill.core.arrays import UInt8
from reelmill.errors import InputError
from reelmill.media.container import shown
from reelmill.media.video.crop import AS_IS, planes
from reelmill.media.video.reader import SAME_FRAME_SECONDS
from reelmill.media.video.tone import is_hdr, sdr

#: The smallest plausible aspect ratio of a pixel.
_LEAST_ASPECT = 0.2

#: Shares of red, green and blue in brightness (ITU-R BT.601).
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)

#: Start and end of a stretch of video, s; infinite at the ends of the whole.
Stretch = tuple[float, float]


def choose_track(path: Path, media: Media, number: int | None = None) -> VideoTrack:
    """A file's video track: `number` counts from 0; None: the one with the largest picture.

    Raises:
        InputError: the file has no picture or no such track, or FFmpeg cannot decode it.
    """
    if not media.video:
        raise InputError(f"{shown(path)}: has sound but no picture; give a video")
    if number is None:
        return max(media.video, key=lambda track: track.width * track.height)
    if not 0 <= number < len(media.video):
        raise InputError(
            f"{shown(path)}: has no video track {number}; there are {len(media.video)}, "
            "counted from 0"
        )
    return media.video[number]


def upright_size(track: VideoTrack) -> tuple[int, int]:
    """Width and height of the picture as it is shown."""
    if track.rotation % 180:
        return track.height, track.width
    return track.width, track.height


def pixel_aspect(track: VideoTrack) -> float:
    """The aspect ratio of a pixel of the picture as shown; 1 if the file's value is implausible."""
    aspect = track.pixel_aspect
    if not _LEAST_ASPECT <= aspect <= 1 / _LEAST_ASPECT:
        return 1.0
    return 1 / aspect if track.rotation % 180 else aspect


def shown_size(track: VideoTrack) -> tuple[int, int]:
    """Width and height of the picture as shown, in square pixels and with its own number of
    lines."""
    width, height = upright_size(track)
    return max(1, round(width * pixel_aspect(track))), height


def reduced_size(width: int, height: int, short_side: int) -> tuple[int, int]:
    """A size of the same shape whose shorter side has at most `short_side` pixels; even sides."""
    scale = min(1.0, short_side / max(1, min(width, height)))
    return max(2, round(width * scale / 2) * 2), max(2, round(height * scale / 2) * 2)


def turned(picture: UInt8, rotation: int) -> UInt8:
    """Rotate a picture (height, width, ...) upright: `rotation` as in `VideoTrack`, in degrees
    counterclockwise, a multiple of 90."""
    quarters = round(rotation / 90) % 4
    return np.ascontiguousarray(np.rot90(picture, quarters)) if quarters else picture


def stretches(index: VideoIndex, seconds: float) -> list[Stretch]:
    """Cut a video at key frames into stretches of at least `seconds` each, which together contain
    every frame once; a single stretch if it can only be read from its beginning."""
    edges, keys = [-math.inf], index.key_times
    for key in keys[1:]:
        if key - max(edges[-1], keys[0]) >= seconds - SAME_FRAME_SECONDS:
            edges.append(key)
    return list(pairwise([*edges, math.inf]))


class Reducer:
    """Makes frames of one video RGB, upright and small.

    Args:
        size: width and height after turning.
        rotation: as in `VideoTrack`.
    """

    def __init__(self, size: tuple[int, int], rotation: int) -> None:
        self._width, self._height = size if rotation % 180 == 0 else size[::-1]
        self._rotation = rotation
        # The scalers are kept, because setting one up takes as long as a frame. Two are used,
        # because FFmpeg is slow at scaling and converting to RGB in one step.
        self._scaler, self._painter = VideoReformatter(), VideoReformatter()
        self._grey = VideoReformatter()

    def reduced(self, frame: VideoFrame) -> UInt8:
        """(height, width, 3)."""
        small = self._scaler.reformat(
            frame,
            width=self._width,
            height=self._height,
            interpolation=Interpolation.AREA,
            threads=1,
        )
        small = self._painter.reformat(small, format="rgb24", threads=1)
        picture = small.to_ndarray().astype(np.uint8, copy=False)
        if is_hdr(frame):
            picture = sdr(picture, int(frame.color_trc))
        return turned(picture, self._rotation)

    def grey(self, frame: VideoFrame) -> UInt8:
        """The brightness of `reduced`, (height, width)."""
        if is_hdr(frame):
            return np.round(self.reduced(frame) @ _LUMA).astype(np.uint8)
        small = self._grey.reformat(
            frame,
            width=self._width,
            height=self._height,
            format="gray",
            interpolation=Interpolation.AREA,
            threads=1,
        )
        return turned(small.to_ndarray().astype(np.uint8, copy=False), self._rotation)

    def keeps(self, frame: VideoFrame) -> bool:
        """Whether `reduced` changes neither size nor direction of a frame, so that a `part` of it
        can be taken."""
        if self._rotation % 360 or (frame.width, frame.height) != (self._width, self._height):
            return False
        is_even = not (frame.width % 2 or frame.height % 2)  # FFmpeg converts others another way
        return is_even and frame.format.name in AS_IS and not is_hdr(frame)

    def part(
        self, frame: VideoFrame, left: float, top: float, right: float, bottom: float
    ) -> tuple[UInt8, tuple[int, int]]:
        """A part of what `reduced` makes of a frame that it `keeps`, and where in it that part
        begins (x, y). It holds these pixels as far as they are inside the frame."""
        return _part(Planes.of(frame), (left, top, right, bottom), self._painter)

    def kept(self, frame: VideoFrame) -> Planes | UInt8:
        """A copy of a frame of which `part_of` makes RGB later: of its planes if it `keeps` the
        frame, otherwise of what `reduced` makes of it."""
        return Planes.of(frame).copy() if self.keeps(frame) else self.reduced(frame)


@dataclass(frozen=True)
class Planes:
    """The luma and the two colour planes of a frame in one of the formats `AS_IS`."""

    planes: tuple[UInt8, ...]
    format: str
    colorspace: int
    color_range: int

    @classmethod
    def of(cls, frame: VideoFrame) -> Planes:
        """Views of a frame's planes."""
        colours = int(frame.colorspace), int(frame.color_range)
        return cls(tuple(planes(frame)), frame.format.name, *colours)

    def copy(self) -> Planes:
        return replace(self, planes=tuple(np.ascontiguousarray(plane) for plane in self.planes))


def nbytes(kept: Planes | UInt8) -> int:
    """The size in memory of a frame that `Reducer.kept` took."""
    return sum(p.nbytes for p in kept.planes) if isinstance(kept, Planes) else kept.nbytes


def part_of(
    kept: Planes | UInt8, left: float, top: float, right: float, bottom: float
) -> tuple[UInt8, tuple[int, int]]:
    """A part of a frame that `Reducer.kept` took, and where in it that part begins, as
    `Reducer.part`."""
    if isinstance(kept, Planes):
        return _part(kept, (left, top, right, bottom), VideoReformatter())
    x, width = _even_span(left, right, kept.shape[1] // 2 * 2)
    y, height = _even_span(top, bottom, kept.shape[0] // 2 * 2)
    return kept[y : y + height, x : x + width], (x, y)


def _part(
    frame: Planes, edges: tuple[float, float, float, float], painter: VideoReformatter
) -> tuple[UInt8, tuple[int, int]]:
    left, top, right, bottom = edges
    x, width = _even_span(left, right, frame.planes[0].shape[1])
    y, height = _even_span(top, bottom, frame.planes[0].shape[0])
    region = VideoFrame(width, height, frame.format)
    region.colorspace, region.color_range = frame.colorspace, frame.color_range
    for number, (source, target) in enumerate(zip(frame.planes, planes(region), strict=True)):
        half = 1 if number else 0
        rows, columns = target.shape
        target[:] = source[y >> half :, x >> half :][:rows, :columns]
    picture = painter.reformat(region, format="rgb24", threads=1).to_ndarray()
    return picture.astype(np.uint8, copy=False), (x, y)


def _even_span(start: float, end: float, limit: int) -> tuple[int, int]:
    """First and number of the pixels from `start` to `end` inside of `limit`, which is even as they
    are, because two pixels share their colour."""
    first = min(max(0, math.floor(start / 2) * 2), limit - 2)
    last = min(limit, max(first + 2, math.ceil(end / 2) * 2))
    return first, last - first


def brightness(frame: VideoFrame, columns: int, rows: int) -> npt.NDArray[np.float32]:
    """A frame's luma on a grid of points, (rows, columns), 0 to 1: cheap enough for every frame.

    The first plane is taken as luma. This is right for all YUV formats, and good enough in others
    to tell two pictures apart.
    """
    plane: Any = frame.planes[0]
    bits = frame.format.components[0].bits
    pixels: npt.NDArray[Any] = np.frombuffer(plane, np.uint8 if bits <= 8 else np.uint16)
    lines = pixels.reshape(-1, plane.line_size // pixels.itemsize)[: frame.height]
    step_y, step_x = max(1, frame.height // rows), max(1, frame.width // columns)
    picked = lines[step_y // 2 :: step_y, step_x // 2 : frame.width : step_x][:rows, :columns]
    light: npt.NDArray[np.float32] = picked.astype(np.float32) / np.float32((1 << bits) - 1)
    return light
