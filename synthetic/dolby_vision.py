"""What stands beside each picture of Dolby Vision: reference processing units (RPU), which map its
values to others (ETSI GS CCM 001)."""

from __future__ import annotations

from collections.abc import Sequence

_NAL_HEADER = bytes.fromhex("7c01")  # HEVC's type 62
_PREFIX = b"\x19"
_FRACTION_BITS = 23
_DEPTH = 10


def unit(*, profile_5: bool) -> bytes:
    """A NAL unit of HEVC with an RPU that changes no value: of profile 5, or of profile 8, whose
    pictures are those of HDR10."""
    bits = _Bits()
    bits.put(2, 6).put(18, 11).put(0 if profile_5 else 1, 4).put(0, 4).put(1, 1)
    # No filter, coefficients in fixed point, normalized, whether the base layer is of full range.
    bits.put(0, 1).put(0, 2).golomb(_FRACTION_BITS).put(1, 2).put(int(profile_5), 1)
    for depth in (_DEPTH, _DEPTH, 12):
        bits.golomb(depth - 8)
    # Nothing is sampled anew, there is no second layer; no display metadata, nothing as before.
    bits.put(0, 5).put(1, 1).put(0, 2)
    bits.golomb(0).golomb(0).golomb(0)
    for _ in range(3):
        bits.golomb(0).put(0, _DEPTH).put((1 << _DEPTH) - 1, _DEPTH)
    bits.golomb(0).golomb(0)
    for _ in range(3):  # a polynomial: 0 + 1 x
        bits.golomb(0).golomb(0).put(0, 1)
        for whole in (0, 1):
            bits.signed(whole).put(0, _FRACTION_BITS)
    data = bits.bytes()
    return _NAL_HEADER + _escaped(_PREFIX + data + _crc(data).to_bytes(4, "big") + b"\x80")


class _Bits:
    def __init__(self) -> None:
        self._text: list[str] = []

    def put(self, value: int, count: int) -> _Bits:
        self._text.append(f"{value:0{count}b}")
        return self

    def golomb(self, value: int) -> _Bits:
        text = f"{value + 1:b}"
        self._text.append("0" * (len(text) - 1) + text)
        return self

    def signed(self, value: int) -> _Bits:
        return self.golomb(2 * value - 1 if value > 0 else -2 * value)

    def bytes(self) -> bytes:
        text = "".join(self._text)
        text += "0" * (-len(text) % 8)
        return int(text, 2).to_bytes(len(text) // 8, "big")


def _crc(data: Sequence[int]) -> int:
    """CRC-32/MPEG-2."""
    value = 0xFFFFFFFF
    for byte in data:
        value ^= byte << 24
        for _ in range(8):
            value = (value << 1 ^ (0x04C11DB7 if value >> 31 else 0)) & 0xFFFFFFFF
    return value


def _escaped(data: bytes) -> bytes:
    """With emulation prevention bytes (ITU-T H.265, 7.4.2)."""
    made = bytearray()
    for byte in data:
        if byte <= 3 and made[-2:] == b"\0\0":
            made.append(3)
        made.append(byte)
    return bytes(made)
