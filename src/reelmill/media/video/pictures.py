"""Find out what is needed about a video's pictures to draw text on them."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av.error

from reelmill.core.progress import tick
from reelmill.errors import InputError
from reelmill.media.container import shown
from reelmill.media.limits import limits
from reelmill.media.packets import readable_packets
from reelmill.media.video.contents import pixel_aspect
from reelmill.media.video.dolby_vision import is_profile_5

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.stream import VideoStream

#: The number of packets decoded to examine the pictures.
_LOOKED_AT = 30

#: A text may appear and disappear this late (s): 8 pictures a second are enough.
_LATE_SECONDS = 0.25
_FEWEST_A_SECOND, _MOST_A_SECOND = 10, 60

#: Transfer functions of HDR: PQ and HLG, as FFmpeg (ITU-T H.273) numbers them.
PQ, HLG = 16, 18


@dataclass(frozen=True)
class Pictures:
    """The properties of a video stream.

    Attributes:
        index: the stream's index.
        width, height: as they are stored.
        rotation: degrees by which they are rotated to be shown.
        aspect: the width of a stored pixel divided by its height.
        interlaced: whether they consist of two fields.
        space, transfer, primaries, range: the meaning of colours, by FFmpeg's numbers.
        times: when they are shown, in order, in seconds after the file's first time stamp.
        rate: pictures a second, if known.
        wrong_colours: whether no decoder here gives their colours (Dolby Vision's profile 5).
    """

    index: int
    width: int
    height: int
    rotation: int
    aspect: float
    interlaced: bool
    space: int
    transfer: int
    primaries: int
    range: int
    times: tuple[float, ...]
    rate: Fraction | None
    wrong_colours: bool = False

    @property
    def shown(self) -> tuple[int, int]:
        """Width and height on screen, in square pixels."""
        width, height = round(self.width * self.aspect), self.height
        return (height, width) if self.rotation % 180 else (width, height)

    @property
    def turned(self) -> tuple[int, int]:
        """Width and height in stored pixels, upright."""
        size = self.width, self.height
        return (size[1], size[0]) if self.rotation % 180 else size

    @property
    def is_hdr(self) -> bool:
        return self.transfer in (PQ, HLG)

    def repeated_rate(self, texts: Sequence[tuple[float, float]]) -> Fraction | None:
        """The frame rate needed to show texts from their start to their end (s); None if there are
        enough pictures."""
        if not self.times or not any(self._is_unseen(*text) for text in texts):
            return None
        steps = [b - a for a, b in pairwise(self.times) if b - a > 1e-4]
        shortest = min(steps, default=1.0)
        rate = Fraction(1 / shortest).limit_denominator(1001)
        if self.rate is not None and abs(float(self.rate) * shortest - 1) < 0.02:
            rate = self.rate
        if rate < _FEWEST_A_SECOND:
            rate *= math.ceil(_FEWEST_A_SECOND / rate)
        return min(rate, Fraction(_MOST_A_SECOND))

    def _is_unseen(self, start: float, end: float) -> bool:
        """Whether a text would appear late, disappear late or never be seen."""
        first = bisect_left(self.times, start - 1e-3)
        stop = bisect_right(self.times, end - 1e-3)
        inside = [start, *self.times[first:stop], end]
        return max(b - a for a, b in pairwise(inside)) > _LATE_SECONDS


def pictures(source: InputContainer, index: int, start: float, path: Path) -> Pictures:
    """Examine a video stream: some pictures, and the times of all.

    Args:
        source: the video, at its beginning; read to its end.
        index: the stream's index.
        start: the first time stamp of the file, in seconds.
        path: the file's, for messages.

    Raises:
        InputError, TransientError: reading itself failed, or there is no decoder.
    """
    stream: VideoStream = source.streams[index]  # type: ignore[assignment]
    context = stream.codec_context
    if context is None:
        raise InputError(f"{shown(path)}: its pictures are of a kind that FFmpeg does not know")
    context.options = {"max_pixels": str(limits().max_pixels)}
    seen: list[Any] = []
    times: list[float] = []
    for number, packet in enumerate(readable_packets(source, stream, path, _ignore)):
        tick()
        stamp = packet.pts if packet.pts is not None else packet.dts
        if stamp is not None and packet.size:
            times.append(float(stamp * packet.time_base) - start)
        if number < _LOOKED_AT and (not seen or len(seen) < 3):
            seen += _decoded(packet)
    frame = seen[0] if seen else None
    space, transfer, primaries, extent = (
        (int(getattr(frame, name)) for name in _COLOUR) if frame else (2, 2, 2, 0)
    )
    return Pictures(
        index,
        context.width,
        context.height,
        int(frame.rotation) if frame else 0,
        pixel_aspect(stream),
        any(one.interlaced_frame for one in seen),
        space,
        transfer,
        primaries,
        extent,
        tuple(sorted(times)),
        Fraction(stream.base_rate) if stream.base_rate else None,
        any(map(is_profile_5, seen)),
    )


def _ignore() -> None:
    """Ignore damage; the code that copies the video reports it."""


_COLOUR = ("colorspace", "color_trc", "color_primaries", "color_range")


def _decoded(packet: Any) -> list[Any]:
    try:
        return list(packet.decode())
    except MemoryError:
        raise
    except av.error.FFmpegError:
        return []  # a broken picture: others are enough
