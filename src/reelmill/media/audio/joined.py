"""Find recordings joined in one file, and audio beyond the length stated in a header."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from reelmill.core.recording import Original, OriginalReader
from reelmill.media.container import WHOLE, Part

#: Fewer bytes after the audio are padding or a note, not audio.
_LEAST_BYTES = 4096

#: What other programs append to the audio of any file.
_TAGS = (b"TAG", b"ID3", b"APETAGEX", b"LYRICSBEGIN")

#: The sizes stated by programs that could not go back and fill them in.
_UNFILLED = 0x7FFF_0000

#: How WAV files begin, and the size that refers to the chunk `ds64`.
_WAVES, _IN_DS64 = (b"RIFF", b"RF64", b"BW64"), 0xFFFF_FFFF

_PAGE_HEADER = 27
_FIRST_PAGE = 0x02
_SEARCHED = 1 << 16


def parts_of(original: Original, container: str) -> list[Part]:
    """The recordings in a file, in order; most files are a single one, `WHOLE`.

    Handles concatenated WAV files; WAV, RF64, W64, AIFF and CAF files with more sound than their
    header states; and chained Ogg (RFC 3533, section 4), whose links may differ in every respect.
    """
    if container == "wav":
        return list(_wav_parts(original)) or [WHOLE]
    if (look := _SOUND_CHUNKS.get(container)) is not None:
        return _past_its_chunk(original, look) or [WHOLE]
    if container == "ogg":
        starts = list(_ogg_links(original))
        if len(starts) > 1:
            ends = [*starts[1:], original.size]
            return [Part(start, end) for start, end in zip(starts, ends, strict=True)]
    return [WHOLE]


def _wav_parts(original: Original) -> Iterator[Part]:
    """Nothing for a file that matches its header."""
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
                long = _at(file, start, 4) != _WAVES[0]  # FFmpeg does not give its length
                share = (end - start) / (size - start) if long else None
                yield Part(start, size, past_its_header=True, header_share=share)
                return
            break
    if start:
        yield Part(start, size)


def _end_of_data(file: OriginalReader, start: int) -> int | None:
    """The end of the sound by the size of its chunk; None if no chunk states it."""
    if _at(file, start, 4) not in _WAVES:
        return None
    at, long_size = start + 12, 0
    while len(head := _at(file, at, 8)) == 8:
        size = int.from_bytes(head[4:], "little")
        if head[:4] == b"ds64":  # in RF64 (EBU Tech 3306): sizes too large for four bytes
            long_size = int.from_bytes(_at(file, at + 16, 8), "little")
        if head[:4] == b"data" and size == _IN_DS64 and long_size:
            return at + 8 + long_size
        if head[:4] == b"data":
            return None if size == 0 or size >= _UNFILLED else at + 8 + size
        at += 8 + size + size % 2
    return None


def _after_chunks(file: OriginalReader, at: int, size: int) -> int:
    """Where the chunks end that follow the audio: notes, names, cue points."""
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
    """Where the links of a chain start: at a first page that follows other pages."""
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
    """The next page from `at`, past damage, or the end of the file."""
    while len(found := _at(file, at, _SEARCHED)) > 3:
        place = found.find(b"OggS")
        if place >= 0:
            return at + place
        at += len(found) - 3
    return at + len(found)


def _at(file: OriginalReader, at: int, count: int) -> bytes:
    file.seek(at)
    return file.read(count) or b""


@dataclass(frozen=True)
class _SoundChunk:
    """The chunk with a file's sound: its start and end by its size, the position of the size field
    (`field`), and the size it would have if the sound continued to the end of the file."""

    start: int
    end: int
    field: int
    whole: bytes
    followed: bool


def _past_its_chunk(original: Original, look: _Look) -> list[Part]:
    """Nothing for a file that matches its header."""
    chunk = look(original.reader(), original.size)
    if chunk is None or chunk.followed or original.size - chunk.end < _LEAST_BYTES:
        return []
    if _at(original.reader(), chunk.end, 11).startswith(_TAGS):
        return []
    share = (chunk.end - chunk.start) / (original.size - chunk.start)
    overlay = (chunk.field, chunk.whole)
    return [Part(0, original.size, past_its_header=True, overlay=overlay, header_share=share)]


def _w64_chunk(file: OriginalReader, size: int) -> _SoundChunk | None:
    """Sony Wave64: chunks are named by 16 bytes, their sizes of 8 count the header."""
    at = 40
    while len(head := _at(file, at, 24)) == 24:
        length = int.from_bytes(head[16:], "little")
        if head[:4] == b"data":
            end = at + length
            after = _at(file, (end + 7) // 8 * 8, 16)
            whole = (size - at).to_bytes(8, "little")
            return _SoundChunk(at + 24, end, at + 16, whole, after[4:] == _W64_NAME)
        if length < 24:
            return None
        at += (length + 7) // 8 * 8
    return None


def _aiff_chunk(file: OriginalReader, size: int) -> _SoundChunk | None:
    at = 12
    while len(head := _at(file, at, 8)) == 8:
        length = int.from_bytes(head[4:], "big")
        end = at + 8 + length
        if head[:4] == b"SSND" and size < 1 << 32:
            after = _at(file, end + end % 2, 8)
            fits = end + 8 + int.from_bytes(after[4:], "big") <= size
            whole = (size - at - 8).to_bytes(4, "big")
            return _SoundChunk(at + 16, end, at + 4, whole, _is_chunk_name(after[:4]) and fits)
        at = end + end % 2
    return None


def _caf_chunk(file: OriginalReader, size: int) -> _SoundChunk | None:
    """Apple's Core Audio Format; a size of -1 means up to the end of the file."""
    at = 8
    while len(head := _at(file, at, 12)) == 12:
        length = int.from_bytes(head[4:], "big", signed=True)
        if length < 0:
            return None
        end = at + 12 + length
        if head[:4] == b"data":
            after = _at(file, end, 12)
            fits = 0 <= int.from_bytes(after[4:], "big", signed=True) <= size - end - 12
            whole = (-1).to_bytes(8, "big", signed=True)
            return _SoundChunk(at + 16, end, at + 4, whole, _is_chunk_name(after[:4]) and fits)
        at = end
    return None


#: The last bytes of the names of Wave64's chunks.
_W64_NAME = bytes.fromhex("f3acd3118cd100c04f8edb8a")

_Look = Callable[[OriginalReader, int], _SoundChunk | None]

#: By FFmpeg's format: the function that finds the chunk with the sound.
_SOUND_CHUNKS: dict[str, _Look] = {"w64": _w64_chunk, "aiff": _aiff_chunk, "caf": _caf_chunk}
