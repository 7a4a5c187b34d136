"""Small videos for tests, in which every frame shows its number."""

from __future__ import annotations

import struct
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from tests.media.make import RATE, clicks

BITS = 12
#: Where the frame number stands, as a share of the picture's height.
_STRIP = 0.25


def picture(number: int, width: int, height: int, box=None, flash: bool = False) -> np.ndarray:
    """RGB: the number's bits as black and white fields at the top, a red box, white at a flash."""
    image = np.full((height, width, 3), 250 if flash else 90, np.uint8)
    strip = int(height * _STRIP)
    for bit in range(BITS):
        first, end = width * bit // BITS, width * (bit + 1) // BITS
        image[:strip, first:end] = 255 if number >> bit & 1 else 0
    if box is not None:
        x, y, w, h = (round(value) for value in box)
        image[max(0, y) : y + h, max(0, x) : x + w] = (220, 30, 30)
    return image


def number_in(luma: np.ndarray) -> int:
    """The number read back from a picture's luma, of the whole picture."""
    height, width = luma.shape
    row = luma[: int(height * _STRIP)].astype(float)[2:-2].mean(axis=0)
    fields = [row[width * b // BITS : width * (b + 1) // BITS] for b in range(BITS)]
    return sum(1 << bit for bit, part in enumerate(fields) if np.median(part) > 128)


def film(
    path: Path,
    times,
    *,
    size=(192, 128),
    boxes=None,
    flashes=(),
    sound: bool = True,
    seconds: float | None = None,
    pix_fmt: str = "yuv420p",
    codec: str = "libx264",
    key_every: int = 25,
    clock: int = 90_000,
    interlaced: bool = False,
    pixel: Fraction = Fraction(1),
    transfer: int = 2,
    clicks_at=None,
) -> Path:
    """A video with a frame at each of `times`; a click is heard at each flash (s)."""
    width, height = size
    suffix = {".mkv": "matroska", ".ts": "mpegts", ".webm": "webm"}.get(path.suffix, "mp4")
    with av.open(f"file:{path}", "w", format=suffix) as output:
        stream = output.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = width, height, pix_fmt
        stream.codec_context.time_base = Fraction(1, clock)
        stream.codec_context.thread_count = 1
        stream.codec_context.gop_size = key_every
        stream.codec_context.sample_aspect_ratio = pixel
        if transfer != 2:
            stream.codec_context.color_trc = transfer
            stream.codec_context.color_primaries = stream.codec_context.colorspace = 9
            stream.codec_context.color_range = 1
        options = {"preset": "ultrafast", "crf": "12"} if codec == "libx264" else {}
        if interlaced:
            options["x264-params"] = "interlaced=1"
        stream.options = options
        heard = None
        if sound:
            heard = output.add_stream("libopus" if suffix == "webm" else "aac", rate=48_000)
        for number, time in enumerate(times):
            lit = any(0 <= time - flash < 0.06 for flash in flashes)
            box = None if boxes is None else boxes[number]
            frame = av.VideoFrame.from_ndarray(picture(number, width, height, box, lit), "rgb24")
            frame.pts, frame.time_base = round(time * clock), Fraction(1, clock)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
        if heard is not None:
            total = seconds if seconds is not None else times[-1] + 0.04
            _sound(output, heard, clicks(total, 48_000, tuple(clicks_at or flashes)))
    return path


def _sound(output, stream, samples: np.ndarray) -> None:
    resampler = av.AudioResampler(stream.format.name, stream.layout.name, 48_000)
    for start in range(0, samples.shape[1], 960):
        part = np.ascontiguousarray(samples[:, start : start + 960])
        frame = av.AudioFrame.from_ndarray(part, format="fltp", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = 48_000, start, Fraction(1, 48_000)
        for ready in resampler.resample(frame):
            output.mux(stream.encode(ready))
    output.mux(stream.encode(None))


def turn(path: Path, degrees: int) -> Path:
    """Have an mp4's picture shown turned clockwise, as phones do it (ISO/IEC 14496-12, 8.3.2)."""
    matrix = {90: (0, 1, -1, 0), 180: (-1, 0, 0, -1), 270: (0, -1, 1, 0)}[degrees]
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 4 + 4 + 20 + 8 + 8
    a, b, c, d = (value << 16 for value in matrix)
    data[at : at + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(data)
    return path


def shown(path: Path) -> list[tuple[float, np.ndarray]]:
    """Time and luma of every frame of a file, as a player has them."""
    with av.open(str(path)) as source:
        stream = source.streams.video[0]
        return [(float(f.time), f.to_ndarray(format="gray")) for f in source.decode(stream)]


def colours(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as source:
        return [f.to_ndarray(format="rgb24") for f in source.decode(video=0)]


def heard(path: Path) -> np.ndarray:
    """The sound of a file at `RATE`, sample 0 at time 0, as a player has it."""
    found: list[np.ndarray] = []
    begin = None
    with av.open(str(path)) as source:
        resampler = av.AudioResampler("fltp", "mono", RATE)
        for frame in source.decode(audio=0):
            if begin is None:
                begin = float(frame.time)
            found += [part.to_ndarray()[0] for part in resampler.resample(frame)]
        found += [part.to_ndarray()[0] for part in resampler.resample(None)]
    samples = np.concatenate(found)
    lead = round((begin or 0.0) * RATE)
    return np.concatenate([np.zeros(lead), samples]) if lead >= 0 else samples[-lead:]


def onsets(samples: np.ndarray, rate: int = RATE) -> list[float]:
    """Where clicks begin, in seconds."""
    loud = np.convolve(samples.astype(np.float64) ** 2, np.ones(32) / 32, mode="same") > 0.02
    starts = np.flatnonzero(loud[1:] & ~loud[:-1]) + 1
    return [
        float(start) / rate
        for index, start in enumerate(starts)
        if index == 0 or start - starts[index - 1] > 0.1 * rate
    ]
