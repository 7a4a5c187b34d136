"""Choose the container for a copy of a video: one that supports all of its streams."""

from __future__ import annotations

import io
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

import av
import av.error
from av.stream import Stream

from reelmill.media.ffmpeg import has_ffmpeg
from reelmill.media.video.contents import (
    codec_name,
    codec_tag,
    is_cover,
    is_derived,
    pixel_aspect,
)

if TYPE_CHECKING:
    from av.container import InputContainer, OutputContainer

#: The possible containers of copies: suffix, and FFmpeg's name.
FORMATS = {"mp4": "mp4", "mov": "mov", "mkv": "matroska"}

_MOV_FAMILY = frozenset({"mov", "mp4", "m4a", "3gp", "3g2", "mj2"})

#: Uncompressed sound as packed by discs and broadcasts: the same samples are written in plain
#: order.
_PACKED_PCM = frozenset(
    {"pcm_bluray", "pcm_dvd", "pcm_lxf", "pcm_s24daud", "pcm_vidc", "s302m", "pcm_sga"}
)

#: Codecs that store the shape of a pixel in their own data; for others the container has to.
_OWN_ASPECT = frozenset(
    {"h264", "hevc", "vvc", "mpeg1video", "mpeg2video", "mpeg4", "theora", "dvvideo", "dirac"}
)


class Way(Enum):
    """How a stream is copied."""

    COPY = "copied"
    PLAIN_PCM = "as PCM in the plain order"
    #: PyAV refuses codecs that Matroska identifies by the tags of another format (WMV).
    PROGRAM = "copied by the ffmpeg program"


#: The cost of losing a stream, by kind.
_LOSS = {"video": 1000, "audio": 1000, "subtitle": 100, "attachment": 20, "cover": 20, "data": 1}


@dataclass(frozen=True)
class Fitting:
    """How each stream (by index) is copied into a container with `suffix`. Streams not in `ways`
    are lost, which `cost` counts."""

    suffix: str
    ways: dict[int, Way]
    cost: int


def fitting(
    source: InputContainer, suffix: str | None = None, replaced: int | None = None
) -> Fitting:
    """The container that loses least, preferably the original's own; or how streams are copied into
    the one given.

    Args:
        source: the original.
        suffix: one of `FORMATS`; chosen if None.
        replaced: the stream that is replaced by another.
    """
    choices = _preferred(source) if suffix is None else (suffix,)
    made = [_fitting(source, choice, replaced) for choice in choices]
    return min(made, key=lambda one: one.cost)


def _preferred(source: InputContainer) -> tuple[str, ...]:
    if not _of_mov_family(source):
        return ("mkv", "mov", "mp4")
    is_quicktime = source.metadata.get("major_brand", "").startswith("qt")
    return ("mov", "mp4", "mkv") if is_quicktime else ("mp4", "mov", "mkv")


def _fitting(source: InputContainer, suffix: str, replaced: int | None) -> Fitting:
    ways: dict[int, Way] = {}
    cost = 0
    for stream in source.streams:
        if is_derived(stream) or stream.index == replaced:
            continue
        way = _way(stream, suffix, _of_mov_family(source))
        if way is None:
            cost += _LOSS.get("cover" if is_cover(stream) else stream.type, 1)
        else:
            ways[stream.index] = way
    return Fitting(suffix, ways, cost)


def _of_mov_family(source: InputContainer) -> bool:
    return bool(_MOV_FAMILY & set(source.format.name.split(",")))


def _way(stream: Stream, suffix: str, is_mov: bool) -> Way | None:
    if stream.type == "data" and not is_mov:
        return None  # a mov accepts it, but with a tag that no player reads
    if is_cover(stream):
        fits = suffix == "mkv" or _takes(suffix, stream)
        return Way.COPY if fits and codec_name(stream) in ("mjpeg", "png", "bmp") else None
    taken = _takes(suffix, stream)
    if taken and not (suffix == "mkv" and _loses_aspect(stream)):
        return Way.COPY
    if stream.type == "audio" and codec_name(stream) in _PACKED_PCM:
        return Way.PLAIN_PCM
    if suffix == "mkv" and stream.type in ("video", "audio") and has_ffmpeg():
        return Way.PROGRAM
    return Way.COPY if taken else None


def _loses_aspect(stream: Stream) -> bool:
    """Whether the pixel aspect would be lost, because PyAV does not pass it to Matroska."""
    return abs(pixel_aspect(stream) - 1) > 0.001 and codec_name(stream) not in _OWN_ASPECT


def _takes(suffix: str, stream: Stream) -> bool:
    """Whether a header with this stream alone can be written."""
    return _header(suffix, stream, "")


def kept_tag(suffix: str, source: InputContainer, stream: Stream) -> str:
    """The four-letter tag of a codec in the original, if the copy can use it too."""
    tag = codec_tag(stream)
    same_family = suffix != "mkv" and _of_mov_family(source)
    return tag if tag and same_family and _header(suffix, stream, tag) else ""


def _header(suffix: str, stream: Stream, tag: str) -> bool:
    if stream.codec_context is None and stream.type not in ("data", "attachment"):
        return False  # PyAV has nothing to identify it by
    try:
        with opened(io.BytesIO(), suffix) as output:
            copy = add_copy(output, stream)
            if tag:
                copy.codec_context.codec_tag = tag
            output.start_encoding()
    except (av.error.FFmpegError, ValueError, OSError):
        return False
    return True


def opened(target: Any, suffix: str, **options: str) -> OutputContainer:
    """Open a file for writing, including features that FFmpeg writes only on request (Dolby
    Vision)."""
    return av.open(
        target, "w", format=FORMATS[suffix], container_options={"strict": "unofficial", **options}
    )


def add_copy(output: OutputContainer, stream: Stream) -> Any:
    """Add a stream with the parameters of `stream`, whatever decoder they came from."""
    if stream.codec_context is None:
        return output.add_stream_from_template(stream)
    return output.add_stream_from_template(stream, opaque=True)
