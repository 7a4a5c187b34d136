"""One picture to a JPEG file."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
from av.video.codeccontext import VideoCodecContext

from reelmill.atomic import write_bytes
from reelmill.media.crop import Frame

#: FFmpeg's scale, 2 (best) to 31; FF_LAMBDA_SHIFT times that is what the encoder is told.
_QUALITY = 4
_LAMBDA = 118


def write_jpeg(path: Path, picture: Frame) -> None:
    """Write a picture in 4:2:0 as JPEG. Raises OSError as `atomic.replacing` does."""
    context = av.CodecContext.create("mjpeg", "w")
    assert isinstance(context, VideoCodecContext)
    context.width, context.height, context.pix_fmt = picture.width, picture.height, "yuvj420p"
    context.time_base = Fraction(1, 25)
    context.flags |= 2  # AV_CODEC_FLAG_QSCALE: a constant quality
    context.global_quality = _QUALITY * _LAMBDA
    full = picture.reformat(format="yuvj420p", threads=1)
    full.pts, full.time_base = 0, Fraction(1, 25)
    packets = [*context.encode(full), *context.encode(None)]
    write_bytes(path, b"".join(bytes(packet) for packet in packets))
