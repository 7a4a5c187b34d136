"""Read the sound of one track in order, each piece with its place in the recording."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import av.error
import numpy as np
import numpy.typing as npt
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream

from reelmill.artifacts import Joint
from reelmill.core.progress import tick
from reelmill.errors import InputError
from reelmill.media.audio.mixdown import frame_format
from reelmill.media.clock import RunningClock
from reelmill.media.container import read_only, shown
from reelmill.media.packets import decoded, decoded_frames, readable_packets
from reelmill.media.timeline import time_zero

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.packet import Packet

Samples = npt.NDArray[np.float32]

#: Smaller differences between time stamps and the count of samples are rounding (Matroska: 1 ms);
#: larger ones are gaps or overlaps. This is a third of a frame at 25 frames/s.
_JITTER_SECONDS = 0.012

#: Reading starts this long before the wanted time, because seeking in sound is not exact.
_RUN_UP_SECONDS = 1.0


def choose_track(path: Path, container: InputContainer, track: int | None) -> AudioStream:
    """The audio stream of index `track`, or the main one.

    Raises:
        InputError: there is none that FFmpeg can decode.
    """
    if track is None:
        stream = container.streams.best("audio")
    else:
        stream = next((s for s in container.streams if s.index == track), None)
    if not isinstance(stream, AudioStream) or not stream.codec_context:
        raise InputError(f"{shown(path)}: has no sound that FFmpeg can decode")
    return stream


class PlacedSound:
    """One track's sound, placed by its time stamps: decoded to float samples of one rate and
    layout, or its packets."""

    def __init__(
        self,
        path: Path,
        container: InputContainer,
        stream: AudioStream,
        rate: int,
        layout: str,
        joints: Sequence[Joint] = (),
    ) -> None:
        self.corrupt = 0
        self._path, self._container, self._stream, self._rate = path, container, stream, rate
        self._layout = layout
        self._tick = float(stream.time_base or 0)
        start = None if container.start_time is None else container.start_time / av.time_base
        has_video = bool(container.streams.video)
        self._zero = time_zero(container.format.name, start, has_video)
        duration = (container.duration or 0) / av.time_base
        self._clock = RunningClock(self._zero, duration, joints) if joints else None
        read_only(container, stream)
        stream.codec_context.thread_count = 1

    def sound(self, begin: float) -> Iterator[tuple[int, Samples]]:
        """Yield (position in samples, (channels, n)) in order, without overlaps, starting at
        `begin` s or earlier. There may be gaps."""
        self._go_before(begin)
        end: int | None = None
        for frame in self._frames():
            samples = np.asarray(frame.to_ndarray(), np.float32)
            position = self._position(self._seconds(frame), end)
            late = 0 if end is None else max(0, end - position)
            if late < samples.shape[1]:
                yield position + late, samples[:, late:]
                end = position + samples.shape[1]

    def packets(
        self, begin: float, samples: int
    ) -> Iterator[tuple[int, Packet[Any], list[AudioFrame] | None]]:
        """Yield (position in samples, packet, what it decodes to) in order, starting at `begin` s
        or earlier. There may be gaps. A corrupt packet decodes to None; one that begins the track
        may decode to no frame. Not for a track with joints.

        Args:
            samples: of each packet. The durations that containers state are rounded.
        """
        self._go_before(begin)
        end: int | None = None
        for packet in readable_packets(self._container, self._stream, self._path, self._lose):
            tick()
            if not packet.size:
                continue
            seconds = None if packet.pts is None else packet.pts * self._tick - self._zero
            position = self._position(seconds, end)
            yield position, packet, decoded(packet, self._path, self._lose)
            end = position + samples

    def _go_before(self, time: float) -> None:
        if time > _RUN_UP_SECONDS and self._clock is None:
            self._seek(time - _RUN_UP_SECONDS)

    def _position(self, seconds: float | None, end: int | None) -> int:
        """Where a piece begins: at its time stamp, or where the one before it ended."""
        if seconds is not None:
            stamped = round(seconds * self._rate)
            if end is None or abs(stamped - end) > _JITTER_SECONDS * self._rate:
                return stamped
        return end or 0

    def _seconds(self, frame: AudioFrame) -> float | None:
        """When a frame begins, by its time stamp."""
        base = frame.time_base
        if frame.pts is None or base is None:
            return None
        stamp = frame.pts * base.numerator / base.denominator
        if self._clock is None:
            return stamp - self._zero
        return self._clock.at(stamp, None, frame.samples / frame.sample_rate)

    def _seek(self, time: float) -> None:
        ticks = round((time + self._zero) / self._tick)
        try:
            self._container.seek(ticks, stream=self._stream, backward=True)
        except av.error.FFmpegError:  # not seekable: read from the beginning
            self._to_the_beginning()

    def _to_the_beginning(self) -> None:
        try:
            self._container.seek(self._container.start_time or 0)
        except av.error.FFmpegError as error:
            raise InputError(
                f"{shown(self._path)}: its sound cannot be read from the beginning again"
            ) from error

    def _lose(self) -> None:
        self.corrupt += 1

    def _frames(self) -> Iterator[AudioFrame]:
        """Frames in the wanted rate and layout; corrupt packets are left out."""
        resampler, before = self._new_resampler(), None
        for frame in decoded_frames(self._container, self._stream, self._path, self._lose):
            if not frame.samples or frame.sample_rate < 1:
                continue
            if before is not None and frame_format(frame) != before:  # it changes on the way
                yield from resampler.resample(None)
                resampler = self._new_resampler()
            before = frame_format(frame)
            yield from resampler.resample(frame)
        yield from resampler.resample(None)

    def _new_resampler(self) -> av.AudioResampler:
        return av.AudioResampler("fltp", self._layout, self._rate)
