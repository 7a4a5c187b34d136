"""Read the pictures of a video track: decoded frames with their times, from any moment on."""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import av.error
from av.error import BlockingIOError as NotYet
from av.error import EOFError as NoMore
from av.filter import Graph
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from reelmill.artifacts import VideoIndex
from reelmill.core.progress import tick
from reelmill.core.recording import Original, Recording, open_original
from reelmill.errors import InputError
from reelmill.media.clock import RESTART_SECONDS, RunningClock
from reelmill.media.container import open_container, read_only, shown
from reelmill.media.limits import limits
from reelmill.media.packets import decoded_frames, readable_packets
from reelmill.media.timeline import time_zero

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.packet import Packet

#: Times closer than this belong to the same frame: finer than any frame rate, coarser than
#: rounding.
SAME_FRAME_SECONDS = 1e-4
#: How far a time that was written down and read again may be from that of its frame.
NEAR_SECONDS = 1e-3


#: How far before the wanted time reading starts, s, tried in order until it is early enough: some
#: formats seek by decoding time, and some pictures are complete only after a while.
_RUN_UPS = (0.0, 0.5, 2.0, 8.0)
#: The number of packets that can seem damaged because another recording follows.
_LATELY = 3
#: Formats that always seek by decoding time.
_BY_DECODING_TIME = frozenset({"mpeg", "mpegts"})


class Pictures:
    """A video track opened for reading. Times are seconds of the original, as everywhere.

    `corrupt` counts the packets that could not be decoded so far, `damaged` those that the
    container marks as incomplete. `late` says whether packets of a track appeared that was not
    announced at the start. Without an index the track is assumed to be seekable.
    """

    def __init__(
        self,
        original: Original,
        container: InputContainer,
        track: int | None,
        *,
        draft: bool = False,
        index: VideoIndex | None = None,
    ) -> None:
        self.path = original.path
        self.corrupt = self.damaged = 0
        self.late = False
        self.index = index
        self._original, self._draft = original, draft
        self._reopened = ExitStack()
        #: When the frames are shown that are needed, less `NEAR_SECONDS`; None if all are.
        self._wanted: Sequence[float] | None = None
        self._begin(container, track)

    def _begin(self, container: InputContainer, track: int | None) -> None:
        self.container = container
        self.stream = _prepared(self.path, container, track, draft=self._draft)
        start = container.start_time
        seconds = None if start is None else start / av.time_base
        self.zero = time_zero(container.format.name, seconds, has_video=True)
        self._tick = float(self.stream.time_base or 1 / 90_000)
        self._untouched = True
        #: Decoding times of the last packets, and whether they are incomplete.
        self._lately: deque[tuple[int, bool]] = deque()

    @cached_property
    def rate(self) -> float:
        """Frames per second: the container's mean, or 25 if it states none."""
        rate = self.stream.average_rate or self.stream.guessed_rate
        return float(rate) if rate else 25.0

    def time_of(self, pts: int) -> float:
        """The time of a time stamp of this track."""
        return pts * self._tick - self.zero

    def packets(self) -> Iterator[Packet[Any]]:
        """All packets from the first one on, without decoding."""
        self._rewind()
        self._untouched = False
        for packet in readable_packets(
            self.container, self.stream, self.path, self._lose, self._notice_late
        ):
            tick()
            if packet.size:
                yield packet

    def between(self, start: float, end: float) -> Iterator[tuple[float, VideoFrame]]:
        """The frames with `start` <= time < `end` in order, interlaced ones deinterlaced.

        Corrupt packets are left out and counted.

        Raises:
            InputError, TransientError: reading failed for good.
        """
        start -= SAME_FRAME_SECONDS
        end -= SAME_FRAME_SECONDS
        for time, frame in self._from(start):
            if time >= end:
                return
            if time >= start:
                yield time, frame

    def at(self, times: Sequence[float]) -> Iterator[tuple[float, VideoFrame]]:
        """The frames that are shown at `times`, in order, and some of those between them. Frames
        that no other one refers to are not decoded unless they are asked for.

        Args:
            times: in ascending order; at least one.

        Raises:
            InputError, TransientError: as `between`.
        """
        if self.index is not None and not self.index.seekable:  # its frames are counted
            wanted = None
        else:
            wanted = [time - NEAR_SECONDS for time in times]
        self._wanted = wanted
        try:
            yield from self.between(times[0], times[-1] + 2 * NEAR_SECONDS)
        finally:
            self._wanted = None
            self.stream.codec_context.skip_frame = "DEFAULT"

    def enters(self, time: float) -> bool:
        """Whether reading can start at a time other than the beginning."""
        return self._entered(time) is not None

    def _from(self, start: float) -> Iterator[tuple[float, VideoFrame]]:
        """Frames from `start` or earlier. If seeking fails, frames from the beginning."""
        entered = self._entered(start) if start > 0 else None
        if entered is not None:
            first, frames = entered
            yield first
            yield from frames
            return
        self._rewind()
        yield from self._frames()

    def _entered(
        self, start: float
    ) -> tuple[tuple[float, VideoFrame], Iterator[tuple[float, VideoFrame]]] | None:
        """The first frame shortly before `start`, and those that follow."""
        if self.index is not None and not self.index.seekable:
            return None
        # A key frame at exactly that time is enough: seeking must not go to the one before it.
        wanted = start + 2 * SAME_FRAME_SECONDS
        by_decoding_time = self.container.format.name in _BY_DECODING_TIME
        for run_up in _RUN_UPS[1:] if by_decoding_time else _RUN_UPS:
            lost, damaged = self.corrupt, self.damaged
            if wanted > run_up and self._seek(wanted - run_up):
                frames = self._frames()
                first = next(frames, None)
                if first is not None and first[0] <= wanted:
                    return first, frames
            self.corrupt, self.damaged = lost, damaged  # it will be counted again
        return None

    def _seek(self, time: float) -> bool:
        self._untouched = False
        try:
            ticks = round((time + self.zero) / self._tick)
            self.container.seek(ticks, stream=self.stream, backward=True)
        except av.error.FFmpegError:
            return False
        return True

    def _rewind(self) -> None:
        """Go to the first packet without seeking, because transport streams lose their beginning by
        that."""
        if not self._untouched:
            self._reopened.close()
            container = self._reopened.enter_context(open_container(self._original))
            self._begin(container, self.stream.index)

    def _frames(self) -> Iterator[tuple[float, VideoFrame]]:
        self._untouched = False
        self._lately.clear()
        clock = self._clock()
        weaver: _Weaver | None = None
        for frame in decoded_frames(
            self.container, self.stream, self.path, self._lose, self._before_decoding
        ):
            if weaver is None and frame.interlaced_frame:
                weaver = _Weaver(frame)
                self._wanted = None  # it needs the frames around each one
            for ready in weaver.push(frame) if weaver else (frame,):
                yield clock(ready), ready
        for ready in weaver.push(None) if weaver else ():
            yield clock(ready), ready

    def _clock(self) -> Callable[[VideoFrame], float]:
        if self.index is None or self.index.seekable:
            return _Stamped(self)
        duration = (self.container.duration or 0) / av.time_base
        return _Counted(self, RunningClock(self.zero, duration, self.index.joints))

    def _before_decoding(self, packet: Packet[Any]) -> bool:
        if self._wanted is None:
            self.stream.codec_context.skip_frame = "DEFAULT"
        else:
            self._skip_unwanted(packet, self._wanted)
        return self._notice_damage(packet)

    def _skip_unwanted(self, packet: Packet[Any], wanted: Sequence[float]) -> None:
        is_wanted = True
        if packet.pts is not None:
            time = self.time_of(packet.pts)
            after = bisect_right(wanted, time)
            is_wanted = after > 0 and time - wanted[after - 1] <= 2 * NEAR_SECONDS
        self.stream.codec_context.skip_frame = "DEFAULT" if is_wanted else "NONREF"

    def _notice_damage(self, packet: Packet[Any]) -> bool:
        """Count damage, without leaving out a packet.

        If another recording begins in the file, the last packets before it only seem incomplete.
        """
        lately, dts = self._lately, packet.dts
        if lately and dts is not None and (dts - lately[-1][0]) * self._tick < -RESTART_SECONDS:
            lately.clear()
        while lately and (len(lately) == _LATELY or not packet.size):  # or the end
            self.damaged += lately.popleft()[1]
        if dts is not None:
            lately.append((dts, packet.is_corrupt))
        return False

    def _notice_late(self) -> None:
        self.late = True

    def _lose(self) -> None:
        self.corrupt += 1

    def close(self) -> None:
        """Close the file opened for a second pass."""
        self._reopened.close()


class _Stamped:
    """Times from time stamps; a frame without one follows the previous frame."""

    def __init__(self, pictures: Pictures) -> None:
        self._pictures, self._last = pictures, -1.0

    def __call__(self, frame: VideoFrame) -> float:
        if frame.pts is None:
            self._last = max(0.0, self._last + 1 / self._pictures.rate)
        else:
            base = frame.time_base or self._pictures.stream.time_base or Fraction(1, 90_000)
            self._last = frame.pts * base.numerator / base.denominator - self._pictures.zero
        return self._last


class _Counted:
    """Times by counting, in a track that is read from its beginning."""

    def __init__(self, pictures: Pictures, clock: RunningClock) -> None:
        self._clock, self._base = clock, pictures.stream.time_base or Fraction(1, 90_000)
        self._length = 1 / pictures.rate

    def __call__(self, frame: VideoFrame) -> float:
        return self._clock.at(
            self._seconds(frame.pts, frame.time_base), self._seconds(frame.dts, None), self._length
        )

    def _seconds(self, ticks: int | None, base: Fraction | None) -> float | None:
        base = base or self._base
        return None if ticks is None else ticks * base.numerator / base.denominator


class _Weaver:
    """Deinterlaces frames to one picture each, with FFmpeg's bwdif."""

    def __init__(self, first: VideoFrame) -> None:
        self._graph = Graph()
        source = self._graph.add_buffer(
            width=first.width, height=first.height, format=first.format, time_base=first.time_base
        )
        weave = self._graph.add("bwdif", "mode=send_frame:deint=interlaced")
        sink = self._graph.add("buffersink")
        source.link_to(weave)
        weave.link_to(sink)
        self._graph.configure()

    def push(self, frame: VideoFrame | None) -> Iterator[VideoFrame]:
        self._graph.push(frame)
        while True:
            try:
                ready = self._graph.pull()
            except (NotYet, NoMore):
                return
            assert isinstance(ready, VideoFrame)
            yield ready


@contextmanager
def open_pictures(
    source: Path | Recording,
    track: int | None = None,
    *,
    draft: bool = False,
    index: VideoIndex | None = None,
) -> Iterator[Pictures]:
    """Open a video track: that of `index`, the one with stream index `track`, or the main one.

    It is decoded by one thread, because other recordings and parts use the other cores. A `draft`
    skips the codec's deblocking filter if possible: a quarter less work, and no difference in
    pictures that are reduced later.

    Raises:
        InputError: as `open_container`; it has no picture, or none that FFmpeg can decode.
        ChangedError, LimitError: as `open_original` and `open_container`.
    """
    track = track if index is None else index.track
    with open_original(source) as original, open_container(original) as container:
        pictures = Pictures(original, container, track, draft=draft, index=index)
        with closing(pictures):
            yield pictures


def _prepared(
    path: Path, container: InputContainer, track: int | None, *, draft: bool
) -> VideoStream:
    tracks = [s for s in container.streams if isinstance(s, VideoStream)]
    if track is not None:
        tracks = [stream for stream in tracks if stream.index == track]
    best = container.streams.best("video")
    stream = best if best in tracks else tracks[0] if tracks else None
    if not isinstance(stream, VideoStream):
        raise InputError(f"{shown(path)}: has no picture; give a video")
    if not stream.codec_context:
        raise InputError(
            f"{shown(path)}: its video is in a format that FFmpeg cannot decode; convert it first"
        )
    read_only(container, stream)
    stream.codec_context.thread_count = 1
    options = {"max_pixels": str(limits().max_pixels)}
    if draft:
        options["skip_loop_filter"] = "all"
    stream.codec_context.options = options
    return stream
