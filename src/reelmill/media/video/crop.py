"""Cut windows out of pictures and scale them, on YUV planes, without conversion to RGB."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation, VideoReformatter

from reelmill.media.video.tone import is_hdr, to_sdr

Plane = npt.NDArray[np.uint8]

#: FFmpeg's type of a picture, for modules that do not import FFmpeg.
Frame = VideoFrame

#: The format of all work: 8 bits, colour at half the resolution in both directions.
FORMAT = "yuv420p"

#: Formats whose planes are those of FORMAT (the second one uses the full range of values).
AS_IS = frozenset({FORMAT, "yuvj420p"})

#: A picture is blurred by reducing it this many times and enlarging it again.
_BLUR = 40

#: Values of a black picture's planes (ITU-R BT.601, limited range).
_BLACK = (16, 128, 128)


@dataclass(frozen=True)
class Window:
    """A part of the picture as shown (upright), in pixels, which may be fractions."""

    x: float
    y: float
    width: float
    height: float


@dataclass
class Cropper:
    """Cuts windows of any size out of frames and scales them to `width` x `height` (both even).

    `rotation`: degrees by which the coded picture is turned clockwise to be shown upright; only the
    small result is turned. Windows are placed to a pixel of the result, even when enlarged, so that
    a slow camera does not stutter. Pictures of high dynamic range become ones of standard range.
    """

    width: int
    height: int
    rotation: int = 0
    _scaler: VideoReformatter = field(default_factory=VideoReformatter, init=False)

    def crop(self, frame: VideoFrame, window: Window) -> VideoFrame:
        """A window of a frame in `FORMAT` (see `planar_of`); a window that is partly outside is
        moved inside."""
        cut = self._cut(frame, window)
        return to_sdr(cut, frame) if is_hdr(frame) else cut

    def _cut(self, frame: VideoFrame, window: Window) -> VideoFrame:
        turned = self.rotation % 180 != 0
        width, height = (self.height, self.width) if turned else (self.width, self.height)
        coded = to_coded(window, frame.width, frame.height, self.rotation)
        across = _Cut.of(coded.x, coded.width, frame.width, width)
        down = _Cut.of(coded.y, coded.height, frame.height, height)
        region = VideoFrame(across.size, down.size, FORMAT)
        for number, (source, target) in enumerate(zip(planes(frame), planes(region), strict=True)):
            half = 1 if number else 0
            rows = slice(down.first >> half, (down.first + down.size) >> half)
            columns = slice(across.first >> half, (across.first + across.size) >> half)
            target[:] = source[rows, columns]
        scaled = self._scaled(region, across.scaled, down.scaled)
        if self.rotation == 0 and (scaled.width, scaled.height) == (width, height):
            return scaled
        result = VideoFrame(self.width, self.height, FORMAT)
        for number, (source, target) in enumerate(zip(planes(scaled), planes(result), strict=True)):
            half = 1 if number else 0
            top, left = down.skip >> half, across.skip >> half
            part = source[top : top + (height >> half), left : left + (width >> half)]
            target[:] = np.rot90(part, -self.rotation // 90)
        return result

    def _scaled(self, region: VideoFrame, width: int, height: int) -> VideoFrame:
        if (region.width, region.height) == (width, height):
            return region
        return self._scaler.reformat(
            region, width=width, height=height, interpolation=Interpolation.BICUBIC, threads=1
        )


@dataclass(frozen=True)
class _Cut:
    """The cut in one direction: `size` pixels from `first` on (even, because of the colour planes),
    the pixels they become, and how many of these to `skip` for the exact start of the window."""

    first: int
    size: int
    scaled: int
    skip: int

    @classmethod
    def of(cls, start: float, length: float, available: int, wanted: int) -> _Cut:
        whole = available - available % 2
        length = min(length, whole)
        start = min(max(start, 0.0), whole - length)
        # The size must not depend on the start, because the scaler is set up anew for each size.
        size = min(_even_up(length) + 2, whole)
        first = min(int(start) - int(start) % 2, whole - size)
        if size == length == wanted:
            return cls(first, size, size, 0)
        scale = wanted / length
        scaled = _even_up(size * scale)
        return cls(first, size, scaled, min(round((start - first) * scale), scaled - wanted))


def to_coded(window: Window, width: int, height: int, rotation: int) -> Window:
    """Where a window of the upright picture lies in the coded one of `width` x `height`."""
    x, y, w, h = window.x, window.y, window.width, window.height
    turn = rotation % 360
    if turn == 90:
        return Window(y, height - x - w, h, w)
    if turn == 180:
        return Window(width - x - w, height - y - h, w, h)
    if turn == 270:
        return Window(width - y - h, x, h, w)
    return window


@dataclass
class Fitter:
    """Shows the whole picture in frames of another shape, over a blurred, darker copy of itself.

    `width`, `height` of the result and `inner` (width, height) of the picture in it, all even;
    `rotation` as in `Cropper`.
    """

    width: int
    height: int
    inner: tuple[int, int]
    rotation: int = 0
    _scaler: VideoReformatter = field(default_factory=VideoReformatter, init=False)

    def fit(self, frame: VideoFrame) -> VideoFrame:
        """The whole picture of a frame in `FORMAT`."""
        turned = self.rotation % 180 != 0
        size = (frame.height, frame.width) if turned else (frame.width, frame.height)
        whole = Window(0.0, 0.0, *map(float, size))
        picture = Cropper(*self.inner, self.rotation).crop(frame, whole)
        if self.inner == (self.width, self.height):
            return picture
        result = self._blurred(picture)
        left, top = (self.width - self.inner[0]) // 2, (self.height - self.inner[1]) // 2
        left, top = left - left % 2, top - top % 2
        pairs = zip(planes(picture), planes(result), strict=True)
        for number, (source, target) in enumerate(pairs):
            half = 1 if number else 0
            rows = slice(top >> half, (top >> half) + source.shape[0])
            target[rows, left >> half : (left >> half) + source.shape[1]] = source
        return result

    def _blurred(self, picture: VideoFrame) -> VideoFrame:
        """The middle of the picture in the shape of the result, reduced and enlarged again."""
        aspect = self.width / self.height
        width = min(picture.width, picture.height * aspect)
        height = width / aspect
        x, y = (picture.width - width) / 2, (picture.height - height) / 2
        small = (_even_up(self.width / _BLUR), _even_up(self.height / _BLUR))
        tiny = Cropper(*small).crop(picture, Window(x, y, width, height))
        return self._scaler.reformat(
            dimmed(tiny),
            width=self.width,
            height=self.height,
            interpolation=Interpolation.BICUBIC,
            threads=1,
        )


def planar_of(frame: VideoFrame) -> VideoFrame:
    """The frame itself if its planes can be cut as they are, otherwise converted once for all
    windows."""
    if frame.format.name in AS_IS:
        return frame
    return frame.reformat(format=FORMAT, threads=1)


def planes(frame: VideoFrame) -> Iterator[Plane]:
    """Views of a frame's luma and two colour planes, without padding."""
    for number, plane in enumerate(frame.planes):
        half = 1 if number else 0
        width, height = -(-frame.width >> half), -(-frame.height >> half)
        rows = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)  # type: ignore[call-overload]
        yield rows[:height, :width]


def black(width: int, height: int) -> VideoFrame:
    """A black picture in FORMAT."""
    frame = VideoFrame(width, height, FORMAT)
    for plane, value in zip(planes(frame), _BLACK, strict=True):
        plane[:] = value
    return frame


def beside(parts: Sequence[VideoFrame]) -> VideoFrame:
    """Pictures of one height in FORMAT side by side."""
    result = VideoFrame(sum(part.width for part in parts), parts[0].height, FORMAT)
    joined = zip(*(list(planes(part)) for part in parts), strict=True)
    for target, sources in zip(planes(result), joined, strict=True):
        np.concatenate(sources, axis=1, out=target)
    return result


def above(parts: Sequence[VideoFrame]) -> VideoFrame:
    """Pictures of one width in FORMAT one above the other."""
    result = VideoFrame(parts[0].width, sum(part.height for part in parts), FORMAT)
    joined = zip(*(list(planes(part)) for part in parts), strict=True)
    for target, sources in zip(planes(result), joined, strict=True):
        np.concatenate(sources, axis=0, out=target)
    return result


def dimmed(frame: VideoFrame) -> VideoFrame:
    """A darker copy with less colour, for what is not happening now."""
    result = VideoFrame(frame.width, frame.height, FORMAT)
    for number, (source, target) in enumerate(zip(planes(frame), planes(result), strict=True)):
        middle = 128 if number else 16
        target[:] = ((source.astype(np.int16) - middle) // 3 + middle).astype(np.uint8)
    return result


def _even_up(value: float) -> int:
    whole = int(np.ceil(value - 1e-6))
    return whole + whole % 2
