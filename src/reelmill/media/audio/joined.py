"""Recordings joined in one file, and sound beyond what a header states."""

from __future__ import annotations

from collections.abc import Iterator

from reelmill.core.recording import Original, OriginalReader
from reelmill.media.container import WHOLE, Part

#: Fewer bytes after the sound are padding or somebody's note, not sound.
_LEAST_BYTES = 4096

#: What other programs put after the sound of any file.
_TAGS = (b"TAG", b"ID3", b"APETAGEX", b"LYRICSBEGIN")

#: What programs state that could not go back and fill in the size.
_UNFILLED = 0x7FFF_0000

_PAGE_HEADER = 27
_FIRST_PAGE = 0x02
_SEARCHED = 1 << 16


def parts_of(original: Original, container: str) -> list[Part]:
    """The recordings of a file, one after the other; most files are one, `WHOLE`.

    WAV files that were put together byte by byte, WAV files with more sound than their header
    states, and chained Ogg (RFC 3533, section 4), whose links may differ in all they have.
    """
    if container == "wav":
        return list(_wav_parts(original)) or [WHOLE]
    if container == "ogg":
        starts = list(_ogg_links(original))
        if len(starts) > 1:
            ends = [*starts[1:], original.size]
            return [Part(start, end) for start, end in zip(starts, ends, strict=True)]
    return [WHOLE]


def _wav_parts(original: Original) -> Iterator[Part]:
    """Nothing for a file that is as its header says."""
    file, size, start = original.reader(), original.size, 0
    while True:
        end = _end_of_data(file, start)
        if end is None or end >= size:
            break
        after = _after_chunks(file, end, size)
        if _at(file, after, 4) == b"RIFF" and _at(file, after + 8, 4) == b"WAVE":
            yield Part(start, after)
            start = after
        else:
            if size - after >= _LEAST_BYTES and not _at(file, after, 11).startswith(_TAGS):
                yield Part(start, size, past_its_header=True)
                return
            break
    if start:
        yield Part(start, size)


def _end_of_data(file: OriginalReader, start: int) -> int | None:
    """Where the sound ends by the size of its chunk; None where no chunk says."""
    if _at(file, start, 4) != b"RIFF":
        return None
    at = start + 12
    while len(head := _at(file, at, 8)) == 8:
        size = int.from_bytes(head[4:], "little")
        if head[:4] == b"data":
            return None if size == 0 or size >= _UNFILLED else at + 8 + size
        at += 8 + size + size % 2
    return None


def _after_chunks(file: OriginalReader, at: int, size: int) -> int:
    """Where the chunks end that follow the sound: notes, names, cue points."""
    for even in (at + at % 2, at):  # the byte that makes a chunk's size even is often left out
        after = even
        while (head := _at(file, after, 8)) and head[:4] != b"RIFF" and _is_chunk_name(head[:4]):
            length = int.from_bytes(head[4:], "little")
            if after + 8 + length > size:
                break
            after += 8 + length + length % 2
        if after > even or _at(file, after, 4) == b"RIFF":
            return min(after, size)
    return at


def _is_chunk_name(name: bytes) -> bool:
    return len(name) == 4 and all(0x20 <= byte < 0x7F for byte in name)


def _ogg_links(original: Original) -> Iterator[int]:
    """Where the links of a chain begin: at a first page that follows on others."""
    file, at, among_first = original.reader(), 0, False
    while at < original.size:
        head = _at(file, at, _PAGE_HEADER)
        if len(head) < _PAGE_HEADER:
            return
        if head[:4] != b"OggS":
            at = _next_page(file, at + 1)
            continue
        first = bool(head[5] & _FIRST_PAGE)
        if first and not among_first:
            yield at
        among_first = first
        at += _PAGE_HEADER + head[26] + sum(_at(file, at + _PAGE_HEADER, head[26]))


def _next_page(file: OriginalReader, at: int) -> int:
    """The next page from `at` on, past damage; the end of the file where there is none."""
    while len(found := _at(file, at, _SEARCHED)) > 3:
        place = found.find(b"OggS")
        if place >= 0:
            return at + place
        at += len(found) - 3
    return at + len(found)


def _at(file: OriginalReader, at: int, count: int) -> bytes:
    file.seek(at)
    return file.read(count) or b""
