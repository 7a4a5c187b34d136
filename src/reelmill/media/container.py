"""Open a media file under any name, for reading only, with errors that a user can act on.

FFmpeg receives no file name. It reads through our descriptor and cannot open anything else.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import av
import av.error

from reelmill.core.printable import printable
from reelmill.core.recording import Original, OriginalReader
from reelmill.errors import InputError, LimitError, TransientError, kind_of, reason
from reelmill.media.formats import WHITELIST
from reelmill.media.limits import limits, option

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.stream import Stream

_HEAD_BYTES = 4096

#: Bytes read at a time. Larger blocks are slower in videos whose audio lies between the pictures.
_BUFFER_BYTES = 1 << 16

#: How playlists and other lists of files or addresses start.
_LISTS = (b"#EXTM3U", b"ffconcat", b"v=0", b"# VobSub", b"[playlist]", b"<smil")

#: The number of tracks opened without counting them before, and the most that FFmpeg opens.
_FEW_TRACKS, _MOST_STREAMS = 32, 1000

#: FFmpeg's options for how much of a file is read to find its tracks: as it does, next to nothing,
#: and all, of which nothing is kept in memory.
_USUALLY: Mapping[str, str] = {}
_BARELY = {"probesize": "32", "analyzeduration": "0"}
_WHOLE = {"probesize": str(1 << 60), "analyzeduration": str(1 << 60), "fflags": "nobuffer"}

#: FFmpeg's AVDISCARD_ALL.
_DISCARD_ALL = 48


@dataclass(frozen=True)
class Part:
    """The bytes of a file that form a recording of their own.

    `past_its_header`: its sound goes on to `end`, whatever length its header states. If FFmpeg has
    no option for that, it reads the bytes of `overlay` (offset and content) instead of those of the
    file. `header_share` is the share of the sound that the header states, if known.
    """

    start: int = 0
    end: int | None = None
    past_its_header: bool = False
    overlay: tuple[int, bytes] = (0, b"")
    header_share: float | None = None


WHOLE = Part()


@contextmanager
def open_container(original: Original, part: Part = WHOLE) -> Iterator[InputContainer]:
    """Let FFmpeg read `original`, or a part of it, and close it at the end of the block.

    Raises:
        InputError: it is empty, truncated, a playlist, or something FFmpeg cannot open.
        LimitError: it has more tracks, or needs more memory to open, than allowed.
        TransientError: I/O errors that can go away.
    """
    if original.size == 0:
        raise InputError(
            f"{shown(original.path)}: empty file (0 bytes); copy it again from its source"
        )
    source = _Source(original, part)
    container = _opened(source)
    with container:
        yield container
        source.raise_failure()


class _Source(OriginalReader):
    """The reader through which FFmpeg reads an original. A failed read is remembered, because some
    of FFmpeg's demuxers treat it as the end of the file."""

    def __init__(self, original: Original, part: Part) -> None:
        super().__init__(original, part.start, part.end)
        self.original = original
        self.part = part
        self.failure: OSError | None = None

    def read(self, size: int = -1) -> bytes:
        try:
            return super().read(size) or b""
        except OSError as error:
            self.failure = error
            raise
        except OverflowError:  # where a damaged index points: far beyond the end
            return b""

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        at = self._at
        count = super().readinto(buffer)
        place, instead = self.part.overlay
        first, end = max(at, place), min(at + count, place + len(instead))
        if first < end:
            memoryview(buffer)[first - at : end - at] = instead[first - place : end - place]
        return count

    def seek(self, offset: int, whence: int = 0) -> int:
        try:
            return super().seek(offset, whence)
        except OSError:  # where a damaged index points: before the start
            return -errno.EINVAL

    def raise_failure(self) -> None:
        if self.failure is not None:
            raise _reading_stopped(self.original.path, self.failure) from self.failure


def _opened(source: _Source) -> InputContainer:
    """Most files have few tracks. FFmpeg decodes a picture of each track while opening a file, so
    in files with more tracks they are counted first."""
    container = _by_suffix_or_content(source, _FEW_TRACKS + 1)
    if container is not None and len(container.streams) <= _FEW_TRACKS:
        return _with_late_tracks(source, container)
    if container is not None:
        container.close()
    _check_tracks(source)
    container = _by_suffix_or_content(source, _MOST_STREAMS)
    if container is None:
        raise LimitError(
            f"{shown(source.original.path)}: opening it takes more memory than one worker may "
            f"use; {option('worker_memory')} (MB) raises the limit"
        )
    return container


def _with_late_tracks(source: _Source, container: InputContainer) -> InputContainer:
    """The container; of an FLV with sound or pictures alone, one that was read to its end for
    tracks that begin later: a track of an FLV is known from its first packet on."""
    kinds = {stream.type for stream in container.streams}
    if container.format.name != "flv" or {"audio", "video"} <= kinds:
        return container
    container.close()
    source.seek(0)
    try:
        whole = _open(source, _FEW_TRACKS + 1, _WHOLE)
    except (av.error.FFmpegError, OSError):
        pass  # it is too damaged to be read like that
    else:
        with suppress(av.error.FFmpegError):
            whole.seek(0)
            return whole
        whole.close()
    again = _by_suffix_or_content(source, _FEW_TRACKS + 1)
    assert again is not None  # as it was before
    return again


def _check_tracks(source: _Source) -> None:
    """Raise LimitError when a file has more audio and video tracks than allowed."""
    allowed = limits().max_tracks
    container = _by_suffix_or_content(source, _MOST_STREAMS, _BARELY)
    if container is None:
        return
    with container:
        count = sum(stream.type in ("audio", "video") for stream in container.streams)
    if count > allowed:
        raise LimitError(
            f"{shown(source.original.path)}: has {count} audio and video tracks, but {allowed} "
            f"are allowed; {option('max_tracks')} raises the limit"
        )


def _by_suffix_or_content(
    source: _Source, most_streams: int, probing: Mapping[str, str] = _USUALLY
) -> InputContainer | None:
    """Open the container; its suffix may decide the format. None if memory runs out or the format
    cannot be opened in part."""
    suffixed = source.name
    try:
        for name in (suffixed, "recording"):
            source.name = name
            source.seek(0)
            try:
                return _open(source, most_streams, probing)
            except av.error.ArgumentError:
                # The suffix may select a format that is not allowed (`.jpg`: image sequences).
                if name == "recording":
                    raise
        return None
    except MemoryError:
        return None
    except (av.error.FFmpegError, OSError, UnicodeError) as error:
        raise _explain(source, error) from error
    finally:
        source.name = suffixed


def _open(source: _Source, most_streams: int, probing: Mapping[str, str]) -> InputContainer:
    options = {
        **probing,
        "format_whitelist": WHITELIST,
        "protocol_whitelist": "none",
        "max_streams": str(most_streams),
    }
    if source.part.past_its_header:
        options["ignore_length"] = "1"
    return av.open(
        source,
        "r",
        buffer_size=_BUFFER_BYTES,
        metadata_errors="replace",
        options={"max_pixels": str(limits().max_pixels)},
        container_options=options,
    )


def read_only(container: InputContainer, stream: Stream) -> None:
    """Let the demuxer skip all other streams. For the audio of a video, this skips nearly
    everything."""
    for other in container.streams:
        if other.index != stream.index:
            with suppress(AttributeError):  # PyAV before 17 reads and drops instead
                other.discard = _DISCARD_ALL  # type: ignore[assignment]


def shown(path: Path) -> str:
    """The path on one line, with line breaks and other control characters escaped."""
    return printable(str(path))


def read_error(path: Path, error: Exception) -> TransientError | InputError | None:
    """The error to raise when reading failed in the middle; None if only data is corrupt.

    Our own reader passes on errors as Python raises them. What FFmpeg itself calls an I/O error is
    damage.
    """
    if isinstance(error, av.error.FFmpegError) or not isinstance(error, OSError):
        return None
    return _reading_stopped(path, error)


def _reading_stopped(path: Path, error: OSError) -> TransientError | InputError:
    kind = TransientError if kind_of(error) == "transient" else InputError
    return kind(f"{shown(path)}: reading stopped: {error.strerror}; is its disk still connected?")


def _explain(source: _Source, error: Exception) -> InputError | TransientError:
    original = source.original
    path, reader = shown(original.path), original.reader()
    if (failure := source.failure) is not None:
        return _reading_stopped(original.path, failure)
    head = reader.read(_HEAD_BYTES) or b""
    if head.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(_LISTS) or b"<MPD" in head:
        return InputError(
            f"{path}: a list of other files or addresses (a playlist or index), not a recording; "
            "give the audio or video files themselves"
        )
    if _is_text(head):
        return InputError(
            f"{path}: contains text, not audio or video; was it renamed, or did a failed "
            "download save a web page? Get the recording again"
        )
    if head[4:8] == b"ftyp" and b"moov" not in _boxes(original):
        return InputError(
            f"{path}: truncated: its index (moov) is missing; copy it again, or repair "
            "it with a tool such as untrunc"
        )
    return InputError(
        f"{path}: not a recording FFmpeg can open ({_reason(error)}); "
        "is it complete, and really audio or video?"
    )


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or reason(error)


def _is_text(head: bytes) -> bool:
    """Whether a file starts with text: UTF-8 (possibly cut) without control characters."""
    text = head.decode("utf-8", errors="ignore")
    whole = len(head) - len(text.encode()) < 4
    return whole and all(c.isprintable() or c in "\t\r\n\f\ufeff" for c in text)


def _boxes(original: Original) -> set[bytes]:
    """The types of an MP4's outermost boxes (ISO/IEC 14496-12, 4.2), as far as they can be read."""
    found: set[bytes] = set()
    file, at = original.reader(), 0
    while at + 8 <= original.size:
        file.seek(at)
        header = file.read(16) or b""
        size = int.from_bytes(header[:4], "big")
        if size == 1:
            size = int.from_bytes(header[8:16], "big")
        found.add(header[4:8])
        if size < 8:  # 0: up to the end of the file
            break
        at += size
    return found
