"""Recognize a recording by its first bytes, whatever its name.

This does not use FFmpeg, because it checks every file of a folder whose suffix is unknown.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from reelmill.core.opening import open_unlinked

_HEAD_BYTES = 4096

#: How recordings start.
_BEGINNINGS = (
    b"RF64", b"BW64", b"OggS", b"fLaC", b"ID3", b"\x1aE\xdf\xa3", b"#!AMR", b"caff", b".snd",
    b"FLV\x01", b"\x00\x00\x01\xba", b"\x00\x00\x01\xb3", b"MAC ", b"TTA1", b"wvpk", b".RMF",
    b"MPCK", b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", b"riff\x2e\x91\xcf\x11", b"DSD ",
    b"Creative Voice File", b"#!SILK", b"\x06\x0e\x2b\x34\x02\x05\x01\x01",
)  # fmt: skip
#: For files that begin with one of these, the types (bytes 8 to 12) that are recordings.
_KINDS = {b"RIFF": (b"WAVE", b"AVI "), b"FORM": (b"AIFF", b"AIFC")}
#: The brands of the MP4 family that are pictures or documents.
_STILL_BRANDS = (b"heic", b"heix", b"mif1", b"msf1", b"avif", b"jp2 ", b"crx ")

_TS_PACKETS = ((188, 0), (192, 4))
_MOVIE_BOXES = (b"moov", b"mdat", b"wide", b"pnot", b"skip", b"free")


def holds_recording(path: Path) -> bool:
    """Whether a file starts as recordings do. False for files that cannot be read. Links, devices
    and pipes are not opened."""
    try:
        descriptor = open_unlinked(path)
    except OSError:
        return False
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return False
        return is_recording(os.pread(descriptor, _HEAD_BYTES, 0))
    except OSError:
        return False
    finally:
        os.close(descriptor)


def is_recording(head: bytes) -> bool:
    """Whether the content is a recording; `head` has the first few thousand bytes."""
    if head.startswith(_BEGINNINGS) or head[8:12] in _KINDS.get(head[:4], ()):
        return True
    if head[4:8] == b"ftyp":
        return head[8:12] not in _STILL_BRANDS
    return head[4:8] in _MOVIE_BOXES or _is_transport_stream(head) or _is_mpeg_audio(head)


def _is_transport_stream(head: bytes) -> bool:
    return any(
        len(head) > first + 4 * size and all(head[first + n * size] == 0x47 for n in range(5))
        for size, first in _TS_PACKETS
    )


#: kbit/s of MPEG 1 layer III by index (ISO/IEC 11172-3, 2.4.2.3), and sampling rates.
_RATES_KBIT = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_RATES_HZ = (44_100, 48_000, 32_000)


def _is_mpeg_audio(head: bytes) -> bool:
    """Whether a frame of AAC (ADTS) or MP3 is followed by another."""
    if len(head) < 7 or head[0] != 0xFF:
        return False
    if head[1] & 0xF6 == 0xF0:  # ADTS
        size = (head[3] & 3) << 11 | head[4] << 3 | head[5] >> 5
        return size > 7 and head[size : size + 1] == b"\xff" and head[size + 1] & 0xF6 == 0xF0
    if head[1] & 0xFE != 0xFA:
        return False
    rate, frequency, padding = head[2] >> 4, head[2] >> 2 & 3, head[2] >> 1 & 1
    if not 0 < rate < len(_RATES_KBIT) or frequency > 2:
        return False
    size = 144_000 * _RATES_KBIT[rate] // _RATES_HZ[frequency] + padding
    return head[size : size + 1] == b"\xff" and head[size + 1 : size + 2] == head[1:2]
