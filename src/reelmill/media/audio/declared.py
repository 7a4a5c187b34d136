"""Read how long a file says it is, where it states this instead of leaving FFmpeg to guess."""

from __future__ import annotations

import math
import os
from typing import TYPE_CHECKING

import av
from av.audio.stream import AudioStream

from reelmill.core.recording import OriginalReader

if TYPE_CHECKING:
    from av.container import InputContainer

#: For these FFmpeg reports a guess from the bit rate or from the last time stamp it finds.
_GUESSED = frozenset({"aac", "ac3", "eac3", "dts", "loas", "amr", "mpegts", "mpeg", "ogg"})

#: For these the guess uses the bit rate of the first frames, so pauses that were not sent and
#: changes of the rate make it wrong by any factor.
_BY_BIT_RATE = frozenset({"aac", "ac3", "eac3", "dts", "loas", "mp3"})

#: The most chunks read before a WAV's sound; broadcast files have some, but never this many.
_MOST_CHUNKS = 64


def longest_possible(container: InputContainer, stated: float) -> float:
    """The largest plausible time stamp in seconds; 0 if unknown."""
    name = container.format.name
    if name == "amr":
        return math.inf  # its time stamps count all frames, sent or not
    if stated or name in _BY_BIT_RATE:
        return stated
    if not container.duration:
        return 0.0
    return container.duration / av.time_base + _latest_start(container)


def _latest_start(container: InputContainer) -> float:
    """Seconds between the first time stamp of all tracks and that of the last track to begin: what
    FFmpeg calls the length of an FLV may leave out what comes before that."""
    starts = [
        float(stream.start_time * stream.time_base)
        for stream in container.streams
        if stream.start_time is not None and stream.time_base is not None
    ]
    return max(starts) - min(starts) if starts else 0.0


def stated_seconds(file: OriginalReader, container: InputContainer, stream: AudioStream) -> float:
    """The end of a track as stated in the headers, in seconds; 0 if they state none.

    A file that was cut short still states its whole length in mp4, Matroska, FLAC, in an MP3
    with a Xing or Info header and in a WAV.
    """
    name = container.format.name
    if name in _GUESSED or (name == "mp3" and not _has_frame_count(file)):
        return 0.0
    if name == "wav":
        return _wav_seconds(file)
    alone = len(container.streams) == 1
    if name == "avi" and not alone:
        return 0.0  # FFmpeg gives each track the length of the longest
    if stream.duration and stream.time_base:
        start = max(0, stream.start_time or 0) if name != "mp3" else 0
        return float((start + stream.duration) * stream.time_base)
    if tagged := _clock_seconds(stream.metadata.get("DURATION", "")):
        return tagged  # Matroska states it for each track
    # The length of the whole container says nothing about a track that may be shorter.
    return (container.duration or 0) / av.time_base if alone else 0.0


def _clock_seconds(text: str) -> float:
    """`hh:mm:ss.fraction` in seconds; 0 for anything else."""
    try:
        hours, minutes, seconds = map(float, text.split(":"))
    except ValueError:
        return 0.0
    return hours * 3600 + minutes * 60 + seconds


def _has_frame_count(file: OriginalReader) -> bool:
    """Whether an MP3 begins with the Xing or Info header that LAME and others write."""
    head = file.read(10) or b""
    if head[:3] == b"ID3":
        # The length of the tag is four bytes of seven bits (ID3v2.4.0 structure, 3.1).
        length = 0
        for byte in head[6:]:
            length = length << 7 | byte & 0x7F
        file.seek(10 + length)
    else:
        file.seek(0)
    start = file.read(4096) or b""
    return b"Xing" in start or b"Info" in start


def _wav_seconds(file: OriginalReader) -> float:
    """Size of the `data` chunk over bytes per second (RIFF); 0 for sizes never filled in."""
    if file.read(4) != b"RIFF":
        return 0.0
    file.seek(12)
    bytes_per_second = 0
    for _ in range(_MOST_CHUNKS):
        kind, size = _chunk(file)
        if kind == b"fmt ":
            bytes_per_second = int.from_bytes((file.read(12) or b"")[8:12], "little")
            file.seek(size - 12, os.SEEK_CUR)
        elif kind == b"data":
            unfilled = size >= 0x7FFF_0000  # written by programs that cannot seek back
            return 0.0 if unfilled or not bytes_per_second else size / bytes_per_second
        elif not kind:
            break
        else:
            file.seek(size + size % 2, os.SEEK_CUR)
    return 0.0


def _chunk(file: OriginalReader) -> tuple[bytes, int]:
    head = file.read(8) or b""
    return head[:4], int.from_bytes(head[4:8], "little")
