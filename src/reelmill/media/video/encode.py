"""Encode pictures to H.264, with the GPU's encoder if it works, otherwise with x264."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Literal

import av
import av.error
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from reelmill.media.video.crop import FORMAT, black
from reelmill.media.video.tone import BT709, LIMITED, is_hdr

#: Ticks in a second, the unit of times of encoded pictures: exact for every common frame rate.
TICKS = 90_000

EncoderName = Literal["x264", "nvenc"]

_CODECS: dict[EncoderName, str] = {"x264": "libx264", "nvenc": "h264_nvenc"}

#: x264's presets, from fast to small, and the equivalent NVENC presets.
PRESETS = {
    "ultrafast": "p1",
    "superfast": "p1",
    "veryfast": "p2",
    "faster": "p3",
    "fast": "p4",
    "medium": "p4",
    "slow": "p5",
    "slower": "p6",
    "veryslow": "p7",
}

#: The least frame rate given to the encoder, for example for a picture that is shown for an hour.
_LEAST_RATE = Fraction(1, 1001)

#: A key frame at least this often, so that players can jump.
_KEY_SECONDS = 5

#: NVENC refuses pictures smaller than about 145 x 49; the test pictures are larger.
_PROBE_SIZE, _PROBE_FRAMES = 256, 5


@dataclass(frozen=True)
class Encoding:
    """How pictures are encoded. `encoder`: `auto` is NVENC if it works, otherwise x264.

    `quality` is x264's CRF and NVENC's CQ: about 18 looks like the original, 28 is rough.
    """

    encoder: str = "auto"
    preset: str = "veryfast"
    quality: int = 21


@dataclass(frozen=True)
class Colour:
    """The meaning of values in the planes, by FFmpeg's numbers: the original's, or for high dynamic
    range those of the converted pictures (`tone.to_sdr`)."""

    space: int = 2
    range: int = 0
    transfer: int = 2
    primaries: int = 2

    @classmethod
    def of(cls, frame: VideoFrame) -> Colour:
        if is_hdr(frame):
            return cls(BT709, LIMITED, BT709, BT709)
        full = frame.format.name.startswith("yuvj")
        return cls(
            int(frame.colorspace),
            2 if full else int(frame.color_range),
            int(frame.color_trc),
            int(frame.color_primaries),
        )


@cache
def works(encoder: EncoderName) -> bool:
    """Whether an encoder works here: five pictures are encoded, once per process.

    It is not enough that FFmpeg has NVENC: there may be no GPU, no driver, a data-centre GPU
    without an encoder, or no free session.
    """
    try:
        context = av.CodecContext.create(_CODECS[encoder], "w")
        assert isinstance(context, VideoCodecContext)
        context.width = context.height = _PROBE_SIZE
        context.pix_fmt, context.time_base, context.framerate = (
            FORMAT,
            Fraction(1, 25),
            Fraction(25),
        )
        packets = 0
        for number in range(_PROBE_FRAMES):
            frame = black(_PROBE_SIZE, _PROBE_SIZE)
            frame.pts = number
            packets += len(context.encode(frame))
        return packets + len(context.encode(None)) > 0
    except (av.error.FFmpegError, ValueError):  # ValueError: FFmpeg was built without it
        return False


def encoder_for(encoding: Encoding) -> EncoderName:
    """The encoder for `encoding` on this machine. x264 also replaces NVENC requested by name if
    that does not work, because the user wants clips above all."""
    return "nvenc" if encoding.encoder in ("auto", "nvenc") and works("nvenc") else "x264"


class VideoFile:
    """An mp4 with pictures only, written as they arrive; a context manager.

    Opening NVENC can fail although it works, because consumer cards have few sessions. x264 then
    writes the file; `encoder` says which one does.
    """

    def __init__(
        self, path: Path, width: int, height: int, rate: float, encoding: Encoding, colour: Colour
    ) -> None:
        self.frames = 0
        self.encoder = encoder_for(encoding)
        self._output = av.open(f"file:{path.absolute()}", "w", format="mp4")
        self._shape = width, height, rate, colour
        try:
            self._open(encoding)
        except av.error.FFmpegError:
            if self.encoder != "nvenc":
                raise
            self._output.close()
            self._output = av.open(f"file:{path.absolute()}", "w", format="mp4")
            self.encoder = "x264"
            self._open(encoding)

    def _open(self, encoding: Encoding) -> None:
        width, height, rate, colour = self._shape
        frame_rate = max(Fraction(rate).limit_denominator(1001), _LEAST_RATE)
        stream = self._output.add_stream(_CODECS[self.encoder], rate=frame_rate)
        assert isinstance(stream, VideoStream)
        self._stream, context = stream, stream.codec_context
        context.width, context.height, context.pix_fmt = width, height, FORMAT
        context.time_base = Fraction(1, TICKS)
        context.gop_size = max(1, round(_KEY_SECONDS * rate))
        context.thread_count = 1
        context.colorspace, context.color_range = colour.space, colour.range
        context.color_trc, context.color_primaries = colour.transfer, colour.primaries
        context.options = _options(self.encoder, encoding)
        context.open()

    def write(self, frame: VideoFrame, ticks: int, duration: int) -> None:
        """Encode a frame in `FORMAT`, shown from `ticks` on for `duration` of them."""
        frame.pts, frame.time_base, frame.duration = ticks, Fraction(1, TICKS), duration
        frame.pict_type = 0  # do not copy the original's choice of key frames
        self._output.mux(self._stream.encode(frame))
        self.frames += 1

    def close(self) -> None:
        if self.frames:
            self._output.mux(self._stream.encode(None))
        self._output.close()

    def __enter__(self) -> VideoFile:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self.close()
        else:
            self._output.close()


def _options(encoder: EncoderName, encoding: Encoding) -> dict[str, str]:
    if encoder == "nvenc":
        quality = str(encoding.quality)
        return {"preset": PRESETS[encoding.preset], "rc": "vbr", "cq": quality, "b:v": "0"}
    return {"preset": encoding.preset, "crf": str(encoding.quality)}


def encoder_options(encoder: EncoderName, encoding: Encoding) -> tuple[str, dict[str, str]]:
    """FFmpeg's name of an encoder and its options, for the ffmpeg program."""
    return _CODECS[encoder], _options(encoder, encoding)


def uniform(path: Path, target: Path) -> None:
    """Encode a `VideoFile` again with x264 to `target`, because all pieces of a clip need the same
    encoder. Used only if the GPU ran out of sessions in the middle of a clip."""
    with av.open(f"file:{path.absolute()}") as source:
        stream = source.streams.video[0]
        scale = Fraction(stream.time_base or Fraction(1, TICKS)) * TICKS
        rate = float(stream.average_rate or 25)
        video: VideoFile | None = None
        for frame in source.decode(stream):
            if video is None:
                size = frame.width, frame.height
                video = VideoFile(target, *size, rate, Encoding("x264"), Colour.of(frame))
            video.write(frame, round((frame.pts or 0) * scale), round(frame.duration * scale))
        if video is not None:
            video.close()
