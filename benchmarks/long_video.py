"""A video of hours: a generated one repeated, with its picture copied and its sound made anew, so
that the click stays on the flash."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt

_RATE = 16_000
_SAMPLES_A_FRAME = 1024


def repeated(source: Path, path: Path, times: int) -> None:
    """Write `source` `times` times in a row. It must last whole seconds and have the sound of
    `synthetic.videos`: a click of 1 kHz where each second begins."""
    with av.open(str(source)) as read, av.open(str(path), "w") as written:
        picture = read.streams.video[0]
        assert picture.time_base is not None and picture.duration is not None
        length = picture.duration
        seconds = round(float(length * picture.time_base))
        stream = written.add_stream_from_template(picture)
        heard = written.add_stream("aac", rate=_RATE, layout="mono")
        heard.bit_rate, heard.options = 48_000, {"aac_coder": "fast"}
        sound = _sound(heard, seconds * times)
        until = 0.0
        for number in range(times):
            read.seek(0)
            for packet in read.demux(picture):
                if packet.dts is None or packet.pts is None:
                    continue
                packet.pts += number * length
                packet.dts += number * length
                now = float(packet.pts * picture.time_base)
                packet.stream = stream
                written.mux(packet)
                while until <= now and (part := next(sound, None)) is not None:
                    until, packets = part
                    written.mux(packets)
        for _, packets in sound:
            written.mux(packets)


def _sound(
    stream: av.audio.stream.AudioStream, seconds: int
) -> Iterator[tuple[float, list[av.Packet]]]:
    second = _second()
    total = seconds * _RATE
    for start in range(0, total, _SAMPLES_A_FRAME):
        places = np.arange(start, min(total, start + _SAMPLES_A_FRAME)) % _RATE
        frame = av.AudioFrame.from_ndarray(second[None, places], format="fltp", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = _RATE, start, Fraction(1, _RATE)
        yield start / _RATE, list(stream.encode(frame))
    yield seconds, list(stream.encode(None))


def _second() -> npt.NDArray[np.float32]:
    """A faint tone and, where it begins, a click of 10 ms."""
    turns = np.arange(_RATE) * (2 * np.pi / _RATE)
    sound = 0.03 * np.sin(220 * turns)
    sound[: _RATE // 100] = 0.7 * np.sin(1000 * turns[: _RATE // 100])
    return sound.astype(np.float32)
