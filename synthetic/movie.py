"""Pictures and sound made by us to a video file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import av
import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import OutputContainer
    from av.packet import Packet

_SAMPLES_A_FRAME = 1024


@dataclass(frozen=True)
class SoundTrack:
    """Mono float32 samples in [-1, 1] at `rate` Hz."""

    samples: npt.NDArray[np.float32]
    rate: int


def write_movie(
    path: Path,
    pictures: Iterable[npt.NDArray[np.uint8]],
    rate: Fraction,
    sound: SoundTrack | None = None,
    *,
    bit_rate: int | None = None,
    preset: str = "veryfast",
    key_every: int = 50,
) -> None:
    """Write an mp4 of H.264 (4:2:0) and AAC with picture and sound interleaved.

    Args:
        pictures: RGB, shape (height, width, 3), sides even, taken one at a time.
        rate: pictures per second.
        bit_rate: of the picture, bits/s; x264's default quality when not given.
        preset: x264's.
        key_every: pictures from one key frame to the next, at most.

    Raises:
        OSError: the file cannot be written. PyAV's errors otherwise.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(f"file:{path.absolute()}", "w", format="mp4") as output:
        stream = output.add_stream("libx264", rate=rate)
        stream.pix_fmt = "yuv420p"
        stream.gop_size = key_every
        if bit_rate is not None:
            stream.bit_rate = bit_rate
        stream.options = {"preset": preset}
        stream.codec_context.thread_count = 1
        heard = _encoded_sound(output, sound) if sound is not None else iter(())
        waiting = next(heard, None)
        for number, picture in enumerate(pictures):
            if number == 0:
                stream.height, stream.width = picture.shape[:2]
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = number, 1 / rate
            output.mux(stream.encode(frame))
            while waiting is not None and waiting[0] <= number / rate:
                output.mux(waiting[1])
                waiting = next(heard, None)
        output.mux(stream.encode(None))
        while waiting is not None:
            output.mux(waiting[1])
            waiting = next(heard, None)


def _encoded_sound(
    output: OutputContainer, sound: SoundTrack
) -> Iterator[tuple[float, list[Packet[AudioStream]]]]:
    """Packets, each with the second up to which the sound is in them."""
    stream = output.add_stream("aac", rate=sound.rate, layout="mono")
    stream.bit_rate = 64_000

    def packets() -> Iterator[tuple[float, list[Packet[AudioStream]]]]:
        for start in range(0, len(sound.samples), _SAMPLES_A_FRAME):
            piece = np.ascontiguousarray(sound.samples[start : start + _SAMPLES_A_FRAME])
            frame = av.AudioFrame.from_ndarray(piece[None, :], format="fltp", layout="mono")
            frame.sample_rate = sound.rate
            frame.pts, frame.time_base = start, Fraction(1, sound.rate)
            yield start / sound.rate, list(stream.encode(frame))
        yield len(sound.samples) / sound.rate, list(stream.encode(None))

    return packets()
