"""Pictures of Dolby Vision that no decoder here can show in their colours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from av.sidedata.sidedata import SideDataContainer, Type
from av.video.frame import VideoFrame

#: What a reference processing unit (RPU) begins with, and how long its header is at most.
_PREFIX, _HEADER_BYTES = 0x19, 32
#: `rpu_type` of those with a header as in ETSI GS CCM 001.
_RPU_TYPE = 2

#: What becomes of such pictures, and what to do.
WRONG_COLOURS = (
    "the film is Dolby Vision without a picture for other screens (profile 5): its colours come "
    "out wrong, green and purple; convert it to HDR10 or standard range first (with an ffmpeg that "
    "has libplacebo: ffmpeg -i FILM -vf libplacebo=colorspace=bt709:color_primaries=bt709:"
    "color_trc=bt709 -c:a copy CONVERTED.mp4) and give that"
)


def is_profile_5(frame: VideoFrame) -> bool:
    """Whether what a decoder gives as luma and chroma is Dolby's IPT, which only becomes colours
    by what is in the frame's RPU: profile 5."""
    try:
        # With `frame.side_data` the frame would keep itself, until garbage is collected.
        beside: Mapping[Any, Any] = SideDataContainer(frame)  # type: ignore[call-arg]  # no stub
    except ValueError:  # PyAV does not know all kinds of side data that FFmpeg has
        return False
    rpu = beside.get(Type.DOVI_RPU_BUFFER)
    return rpu is not None and _is_ipt(bytes(rpu)[:_HEADER_BYTES])


def _is_ipt(rpu: bytes) -> bool:
    """Of the header of an RPU (ETSI GS CCM 001, 5.3.2): profile 5 alone has `vdr_rpu_profile` 0
    and a base layer of full range."""
    if not rpu or rpu[0] != _PREFIX:
        return False
    bits = _Bits(rpu[1:])
    kind, _, profile, _ = bits.number(6), bits.number(11), bits.number(4), bits.number(4)
    if kind != _RPU_TYPE or profile != 0 or not bits.number(1):
        return False
    bits.number(1)  # chroma_resampling_explicit_filter_flag
    if bits.number(2) == 0:  # coefficient_data_type: what follows is coefficient_log2_denom
        bits.exponential()
    bits.number(2)  # vdr_rpu_normalized_idc
    return bits.number(1) == 1  # bl_video_full_range_flag


class _Bits:
    """Bits, from the first on; zeros behind the last."""

    def __init__(self, data: bytes) -> None:
        self._text = "".join(f"{byte:08b}" for byte in data)
        self._at = 0

    def number(self, count: int) -> int:
        text = self._text[self._at : self._at + count]
        self._at += count
        return int(text.ljust(count, "0"), 2)

    def exponential(self) -> int:
        """An unsigned Exp-Golomb code."""
        zeros = 0
        while self._at < len(self._text) and not self.number(1):
            zeros += 1
        return (1 << zeros) - 1 + (self.number(zeros) if zeros else 0)
