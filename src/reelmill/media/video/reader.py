"""The pictures of a video track: decoded frames with their times, from any moment on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import av
import av.error
from av.error import BlockingIOError as NotYet
from av.error import EOFError as NoMore
from av.filter import Graph
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from reelmill.core.recording import Recording, open_original
from reelmill.errors import InputError
from reelmill.media.container import open_container, read_only, shown
from reelmill.media.limits import limits
from reelmill.media.packets import decoded_frames, readable_packets
from reelmill.media.timeline import time_zero

if TYPE_CHECKING:
    from av.container import InputContainer

#: Times closer than this are the same frame's: finer than any frame rate, coarser than rounding.
SAME_FRAME_SECONDS = 1e-4


@dataclass
class Pictures:
    """A video track opened for reading. Times are seconds of the original, as everywhere.

    `corrupt` counts the packets that could not be decoded so far.
    """

    path: Path
    container: InputContainer
    stream: VideoStream
    corrupt: int = 0
    _zero: float = field(init=False)
    _tick: float = field(init=False)

    def __post_init__(self) -> None:
        start = self.container.start_time
        seconds = None if start is None else start / av.time_base
        self._zero = time_zero(self.container.format.name, seconds, has_video=True)
        self._tick = float(self.stream.time_base or 1 / 90_000)

    @cached_property
    def rate(self) -> float:
        """Frames per second: the mean as the container has it, 25 where it says nothing."""
        rate = self.stream.average_rate or self.stream.guessed_rate
        return float(rate) if rate else 25.0

    def time_of(self, pts: int) -> float:
        """The time of a time stamp of this track."""
        return pts * self._tick - self._zero

    def key_times(self) -> list[float]:
        """The times of the key frames, in order: where decoding can begin. Nothing is decoded."""
        return sorted(
            self.time_of(packet.pts)
            for packet in readable_packets(self.container, self.stream, self.path, self._lose)
            if packet.is_keyframe and packet.pts is not None
        )

    def between(self, start: float, end: float) -> Iterator[tuple[float, VideoFrame]]:
        """The frames with `start` <= time < `end` in order, interlaced ones deinterlaced.

        Corrupt packets are left out and counted.

        Raises:
            InputError, TransientError: reading stopped for good.
        """
        start -= SAME_FRAME_SECONDS
        end -= SAME_FRAME_SECONDS
        for time, frame in self._from(start):
            if time >= end:
                return
            if time >= start:
                yield time, frame

    def _from(self, start: float) -> Iterator[tuple[float, VideoFrame]]:
        """Frames from `start` at the latest. Where seeking misses, from the beginning."""
        # A key frame at that very time will do: seeking must not land on the one before it.
        if start > 0 and self._seek(start + 2 * SAME_FRAME_SECONDS):
            frames = self._frames()
            first = next(frames, None)
            if first is not None and first[0] <= start + 2 * SAME_FRAME_SECONDS:
                yield first
                yield from frames
                return
        self._seek(None)
        yield from self._frames()

    def _seek(self, time: float | None) -> bool:
        try:
            if time is None:
                self.container.seek(self.container.start_time or 0)
            else:
                ticks = round((time + self._zero) / self._tick)
                self.container.seek(ticks, stream=self.stream, backward=True)
        except av.error.FFmpegError:
            return False
        return True

    def _frames(self) -> Iterator[tuple[float, VideoFrame]]:
        weaver: _Weaver | None = None
        last = -1.0
        for frame in self._decoded():
            if weaver is None and frame.interlaced_frame:
                weaver = _Weaver(frame)
            for ready in weaver.push(frame) if weaver else (frame,):
                last = self._time(ready, last)
                yield last, ready
        for ready in weaver.push(None) if weaver else ():
            last = self._time(ready, last)
            yield last, ready

    def _time(self, frame: VideoFrame, last: float) -> float:
        if frame.pts is None:
            return max(0.0, last + 1 / self.rate)
        base = frame.time_base
        if base is None:
            return self.time_of(frame.pts)
        return frame.pts * base.numerator / base.denominator - self._zero

    def _decoded(self) -> Iterator[VideoFrame]:
        return decoded_frames(self.container, self.stream, self.path, self._lose)

    def _lose(self) -> None:
        self.corrupt += 1


class _Weaver:
    """Deinterlaces: one picture for each frame, by FFmpeg's bwdif."""

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
    source: Path | Recording, track: int | None = None, *, draft: bool = False
) -> Iterator[Pictures]:
    """Open a video track: the one with stream index `track`, or the main one.

    It is decoded by one thread: other recordings and parts use the other cores. A `draft` lacks
    the smoothing of the codec's blocks, where the codec can leave it out: a quarter less to do,
    and no difference in pictures that are going to be made smaller.

    Raises:
        InputError: as `open_container`; no picture in it, or none that FFmpeg can decode.
        ChangedError, LimitError: as `open_original` and `open_container`.
    """
    with open_original(source) as original, open_container(original) as container:
        path = original.path
        tracks = [s for s in container.streams if isinstance(s, VideoStream)]
        if track is not None:
            tracks = [stream for stream in tracks if stream.index == track]
        best = container.streams.best("video")
        stream = best if best in tracks else tracks[0] if tracks else None
        if not isinstance(stream, VideoStream):
            raise InputError(f"{shown(path)}: has no picture; give a video")
        if not stream.codec_context:
            raise InputError(
                f"{shown(path)}: its picture is in a format FFmpeg cannot decode; convert it first"
            )
        read_only(container, stream)
        stream.codec_context.thread_count = 1
        options = {"max_pixels": str(limits().max_pixels)}
        if draft:
            options["skip_loop_filter"] = "all"
        stream.codec_context.options = options
        yield Pictures(path, container, stream)
