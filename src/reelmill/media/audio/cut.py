"""Write stretches of a recording's sound, joined, as AAC: the sound of clips."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

import av
import av.error
import numpy as np
import numpy.typing as npt
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream

from reelmill.artifacts import Joint
from reelmill.core.progress import tick
from reelmill.core.recording import Recording, open_original
from reelmill.errors import InputError
from reelmill.media.audio.mixdown import frame_format
from reelmill.media.clock import RunningClock
from reelmill.media.container import open_container, read_only, shown
from reelmill.media.packets import decoded_frames
from reelmill.media.timeline import time_zero

if TYPE_CHECKING:
    from av.container import InputContainer

Samples = npt.NDArray[np.float32]

#: Sampling rates that AAC has (ISO/IEC 14496-3, table 1.18); others are resampled.
_AAC_RATES = frozenset(
    {8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000}
)
_USUAL_RATE = 48_000

#: Bits per second of one channel.
_BIT_RATE = 64_000

#: Smaller differences between time stamps and the count of samples are rounding (Matroska: 1 ms);
#: larger ones are gaps or overlaps. This is a third of a frame at 25 frames/s.
_JITTER_SECONDS = 0.012

#: Sound is faded in and out at each cut, so that it does not click.
_FADE_SECONDS = 0.004

#: Reading starts this long before the wanted time, because seeking in sound is not exact.
_RUN_UP_SECONDS = 1.0


@dataclass(frozen=True)
class SoundCut:
    """A file to be written, and the stretches (start, end) of the original in seconds that it
    contains, in order and without gaps."""

    path: Path
    stretches: tuple[tuple[float, float], ...]


def cut_sound(
    source: Path | Recording,
    track: int | None,
    cuts: Sequence[SoundCut],
    joints: Sequence[Joint] = (),
) -> int:
    """Write each cut as an mp4 of AAC (mono or stereo) in one pass over the sound.

    A file is exactly as long as its stretches; missing sound becomes silence. Memory does not grow
    with the length.

    Args:
        track: the stream index; None for the main one.
        joints: the times at which recordings begin that were joined in the file.

    Returns:
        How many corrupt packets were left out.

    Raises:
        InputError: there is no sound that can be decoded.
        TransientError: I/O errors that can go away.
        OSError: a file cannot be written.
    """
    with (
        open_original(source) as original,
        open_container(original) as container,
        ExitStack() as opened,
    ):
        stream = _choose(original.path, container, track)
        rate = stream.sample_rate if stream.sample_rate in _AAC_RATES else _USUAL_RATE
        layout = "mono" if stream.layout.nb_channels == 1 else "stereo"
        files = [opened.enter_context(_File(cut, rate, layout)) for cut in cuts]
        begin = min((cut.stretches[0][0] for cut in cuts if cut.stretches), default=0.0)
        reader = _Reader(original.path, container, stream, rate, layout, joints)
        for position, samples in reader.sound(begin):
            waiting = [file for file in files if not file.whole]
            if not waiting:
                break
            for file in waiting:
                file.take(position, samples)
        return reader.corrupt


def _choose(path: Path, container: InputContainer, track: int | None) -> AudioStream:
    if track is None:
        stream = container.streams.best("audio")
    else:
        stream = next((s for s in container.streams if s.index == track), None)
    if not isinstance(stream, AudioStream) or not stream.codec_context:
        raise InputError(f"{shown(path)}: has no sound that FFmpeg can decode")
    return stream


class _Reader:
    """Decodes one track to float samples of one rate and layout, placed by their time stamps."""

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
        if begin > _RUN_UP_SECONDS and self._clock is None:
            self._seek(begin - _RUN_UP_SECONDS)
        end: int | None = None
        for frame in self._frames():
            samples = np.asarray(frame.to_ndarray(), np.float32)
            position = end or 0
            if (seconds := self._seconds(frame)) is not None:
                stamped = round(seconds * self._rate)
                if end is None or abs(stamped - end) > _JITTER_SECONDS * self._rate:
                    position = stamped
            late = 0 if end is None else max(0, end - position)
            if late < samples.shape[1]:
                yield position + late, samples[:, late:]
                end = position + samples.shape[1]

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


class _File:
    """One cut being written. `whole`: it is complete."""

    def __init__(self, cut: SoundCut, rate: int, layout: str) -> None:
        bounds = ((round(start * rate), round(end * rate)) for start, end in cut.stretches)
        self._stretches = [(start, end) for start, end in bounds if end > start]
        self._fade = max(1, round(_FADE_SECONDS * rate))
        self._now = 0  # the stretch being filled
        self._at = self._stretches[0][0] if self._stretches else 0  # up to where, in the original
        self._written = 0
        self._channels = 1 if layout == "mono" else 2
        self._output = av.open(f"file:{cut.path.absolute()}", "w", format="mp4")
        self._stream = self._output.add_stream("aac", rate=rate, layout=layout)
        self._stream.bit_rate = _BIT_RATE * self._channels
        self._stream.codec_context.options = {"aac_coder": "fast"}
        self._resample = av.AudioResampler("fltp", layout, rate, frame_size=1024)

    @property
    def whole(self) -> bool:
        return self._now >= len(self._stretches)

    def take(self, position: int, samples: Samples) -> None:
        """Use the wanted part of samples at `position` in the original."""
        end = position + samples.shape[1]
        while not self.whole and self._at < end:
            if position > self._at:
                self._silence(position)
                continue
            stop = min(end, self._stretches[self._now][1])
            self._add(samples[:, self._at - position : stop - position])

    def _silence(self, until: int) -> None:
        """Write silence up to `until`, or to the end of the stretch."""
        missing = min(until, self._stretches[self._now][1]) - self._at
        self._add(np.zeros((self._channels, min(missing, 1 << 16)), np.float32))

    def _add(self, samples: Samples) -> None:
        count = samples.shape[1]
        first, last = self._stretches[self._now]
        at = np.arange(self._at, self._at + count)
        edge = np.minimum(at - first, last - 1 - at)
        if edge.min(initial=self._fade) < self._fade:
            samples = samples * np.minimum(1.0, (edge + 1) / self._fade).astype(np.float32)
        self._encode(samples)
        self._at += count
        if self._at >= last:
            self._now += 1
            if not self.whole:
                self._at = self._stretches[self._now][0]

    def _encode(self, samples: Samples) -> None:
        tick()
        layout = "mono" if self._channels == 1 else "stereo"
        frame = AudioFrame.from_ndarray(np.ascontiguousarray(samples), format="fltp", layout=layout)
        frame.sample_rate = self._stream.rate
        frame.pts = self._written
        self._written += samples.shape[1]
        for part in self._resample.resample(frame):
            self._output.mux(self._stream.encode(part))

    def __enter__(self) -> _File:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            while not self.whole:
                self._silence(self._stretches[self._now][1])
            for part in self._resample.resample(None):
                self._output.mux(self._stream.encode(part))
            self._output.mux(self._stream.encode(None))
        self._output.close()
