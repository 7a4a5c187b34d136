"""Listening copies: decoded sound as a small file that every browser plays."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
from av import AudioFrame
from av.audio.stream import AudioStream

from reelmill.core.arrays import Int16
from reelmill.core.progress import tick
from reelmill.media.audio.samples import release

#: AAC in MP4 is played by all browsers. Its edit list takes the encoder's delay away, so that times
#: are those of the samples.
_CODEC, _FORMAT = "aac", "mp4"
_BIT_RATE = 40_000
_READ_SECONDS = 30


def write_listening_copy(samples: Int16, sample_rate: int, path: Path) -> None:
    """Encode mono samples as AAC in an MP4 file.

    Args:
        samples: int16, shape (count,); may be a memory map.
        sample_rate: in Hz.
        path: the file to write; it is replaced.

    Raises:
        OSError: the disk is full and so on.
        av.FFmpegError: it cannot be encoded.
    """
    block = _READ_SECONDS * sample_rate
    options = {"movflags": "+faststart"}
    with av.open(f"file:{path.absolute()}", "w", format=_FORMAT, options=options) as output:
        stream = output.add_stream(_CODEC, rate=sample_rate, layout="mono")
        assert isinstance(stream, AudioStream)
        stream.bit_rate = _BIT_RATE
        resampler = av.AudioResampler("fltp", "mono", sample_rate, frame_size=1024)
        for first in range(0, max(1, len(samples)), block):
            sound = np.array(samples[first : first + block])
            release(samples)
            if not len(sound):  # a file without any sound cannot be opened
                sound = np.zeros(1024, np.int16)
            frame = AudioFrame.from_ndarray(sound[None], format="s16", layout="mono")
            frame.sample_rate, frame.pts = sample_rate, first
            for part in resampler.resample(frame):
                output.mux(stream.encode(part))
            tick()
        for part in resampler.resample(None):
            output.mux(stream.encode(part))
        output.mux(stream.encode(None))
