"""FLV files as live recordings leave them: tags moved, sent again, and tracks that begin late."""

from __future__ import annotations

from collections.abc import Iterator

_HEADER_BYTES = 13  # with the first tag's size of the one before it
_SOUND, _SCRIPT = 8, 18
_AAC_HEADER = 0


def tags(data: bytes) -> Iterator[bytes]:
    """The tags of a file, each with its size behind it."""
    at = _HEADER_BYTES
    while at < len(data):
        end = at + 11 + int.from_bytes(data[at + 1 : at + 4], "big") + 4
        yield data[at:end]
        at = end


def followed(first: bytes, then: bytes, seconds: float) -> bytes:
    """A file that goes on with the tags of another one, so much later."""
    later = round(seconds * 1000)
    return first + b"".join(_stamped(tag, _stamp(tag) + later) for tag in tags(then))


def with_headers_again(data: bytes, every: int) -> bytes:
    """A file that has the header of its AAC once more before each so-manieth tag of sound."""
    made, header, count = [data[:_HEADER_BYTES]], b"", 0
    for tag in tags(data):
        if tag[0] == _SOUND:
            if tag[12] == _AAC_HEADER:
                header = tag
            elif (count := count + 1) % every == 0:
                made.append(_stamped(header, _stamp(tag)))
        made.append(tag)
    return b"".join(made)


def text_tag(text: str, seconds: float) -> bytes:
    """A tag of a caption (`onTextData` in AMF 0), which begins a track of its own."""
    said = text.encode()
    body = b"\x02" + _counted(b"onTextData") + b"\x08\0\0\0\1" + _counted(b"text")
    body += b"\x02" + _counted(said) + b"\0\0\x09"
    tag = bytes([_SCRIPT]) + len(body).to_bytes(3, "big") + bytes(7) + body
    return _stamped(tag, round(seconds * 1000)) + len(tag).to_bytes(4, "big")


def _counted(data: bytes) -> bytes:
    return len(data).to_bytes(2, "big") + data


def _stamp(tag: bytes) -> int:
    return int.from_bytes(tag[4:7], "big") | tag[7] << 24


def _stamped(tag: bytes, stamp: int) -> bytes:
    return tag[:4] + (stamp & 0xFFFFFF).to_bytes(3, "big") + bytes([stamp >> 24]) + tag[8:]
