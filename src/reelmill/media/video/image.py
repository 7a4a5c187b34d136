"""Write single pictures as JPEG, and read them from any format."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import av
from av.video.codeccontext import VideoCodecContext

from reelmill.core.atomic import write_bytes
from reelmill.errors import reason
from reelmill.media.video.crop import Frame

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

#: FFmpeg's scale, 2 (best) to 31; the encoder gets FF_LAMBDA_SHIFT times that.
_QUALITY = 4
_LAMBDA = 118


def write_jpeg(path: Path, picture: Frame) -> None:
    """Write a picture in 4:2:0 as JPEG, as a temporary file of a stage (`durable` of
    `atomic.replacing`).

    Raises:
        OSError: as `atomic.replacing`.
    """
    context = av.CodecContext.create("mjpeg", "w")
    assert isinstance(context, VideoCodecContext)
    context.width, context.height, context.pix_fmt = picture.width, picture.height, "yuvj420p"
    context.time_base = Fraction(1, 25)
    context.flags |= 2  # AV_CODEC_FLAG_QSCALE: a constant quality
    context.global_quality = _QUALITY * _LAMBDA
    full = picture.reformat(format="yuvj420p", threads=1)
    full.pts, full.time_base = 0, Fraction(1, 25)
    packets = [*context.encode(full), *context.encode(None)]
    write_bytes(path, b"".join(bytes(packet) for packet in packets), durable=False)


def read_picture(path: Path, longer_side: int) -> npt.NDArray[np.uint8]:
    """Read a picture file as RGB (height, width, 3), upright, with at most the given pixels a side.

    Raises:
        ValueError: it cannot be read as a picture; the message gives the reason.
    """
    import numpy as np
    from PIL import Image, ImageOps

    try:
        with Image.open(path) as opened:
            opened.draft("RGB", (longer_side, longer_side))
            picture = ImageOps.exif_transpose(opened).convert("RGB")
            picture.thumbnail((longer_side, longer_side))
            return np.asarray(picture)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise ValueError(f"it cannot be read as an image ({reason(error)})") from error
