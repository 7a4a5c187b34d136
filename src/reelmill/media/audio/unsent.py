"""Recognize frames of telephone codecs for audio that was not sent: pauses, not damage."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from av.packet import Packet

#: Frame types without speech: comfort noise and no data, in AMR (3GPP TS 26.101, table 1a) and in
#: AMR-WB (3GPP TS 26.201, table 1a; 14: speech lost on the way). FFmpeg decodes none of them.
_NARROW, _WIDE = frozenset({8, 15}), frozenset({9, 14, 15})
_BY_CODEC = {
    "amrnb": _NARROW,
    "libopencore_amrnb": _NARROW,
    "amrwb": _WIDE,
    "libopencore_amrwb": _WIDE,
}


def unsent_packets(codec: str) -> Callable[[Packet[Any]], bool] | None:
    """A test for such packets of a codec (FFmpeg's name); None for codecs without them."""
    types = _BY_CODEC.get(codec)
    return None if types is None else partial(_is_unsent, types)


def _is_unsent(types: frozenset[int], packet: Packet[Any]) -> bool:
    return bool(packet.size) and memoryview(packet)[0] >> 3 & 0x0F in types
