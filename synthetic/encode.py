"""Samples to a sound file: wav, mp3, m4a (AAC), ogg (Opus)."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import soundfile

RATE = 16_000

_CHUNK = RATE * 10
# suffix -> container, codec, sample format, sampling rate, bits per second
_FORMATS: dict[str, tuple[str, str, str, int, int]] = {
    ".m4a": ("ipod", "aac", "fltp", 16_000, 32_000),
    ".mp3": ("mp3", "libmp3lame", "fltp", 16_000, 32_000),
    ".ogg": ("ogg", "libopus", "flt", 16_000, 20_000),
}
SUFFIXES = (*_FORMATS, ".wav")


def write_sound(file: Path, samples: npt.NDArray[np.float32]) -> None:
    """Write mono samples, float32 in [-1, 1] at `RATE` Hz, in the format the suffix names.

    Raises:
        ValueError: there is no format for the suffix.
    """
    if file.suffix == ".wav":
        soundfile.write(file, samples, RATE, subtype="PCM_16")
        return
    if file.suffix not in _FORMATS:
        raise ValueError(f"no sound format for {file.suffix!r}; there are {', '.join(SUFFIXES)}")
    container, codec, layout, rate, bits = _FORMATS[file.suffix]
    with av.open(str(file), "w", format=container) as output:
        stream = output.add_stream(codec, rate=rate)
        stream.layout = "mono"
        stream.bit_rate = bits
        stream.format = layout
        for begin in range(0, len(samples), _CHUNK):
            chunk = np.ascontiguousarray(samples[begin : begin + _CHUNK], np.float32)
            frame = av.AudioFrame.from_ndarray(chunk[None, :], format=layout, layout="mono")
            frame.sample_rate = rate
            frame.pts = begin
            frame.time_base = Fraction(1, rate)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
