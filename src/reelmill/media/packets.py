"""Read the frames of a damaged stream: corrupt packets are left out, and a lost disk is
reported."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av.error
from av.video.stream import VideoStream

from reelmill.core.progress import tick
from reelmill.errors import LimitError
from reelmill.media.container import read_error, shown
from reelmill.media.limits import limits, option

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.packet import Packet
    from av.stream import Stream

_MOST_ERRORS_IN_A_ROW = 100


def readable_packets(
    container: InputContainer,
    stream: Stream | None,
    path: Path,
    lost: Callable[[], None],
    late: Callable[[], None] = lambda: None,
) -> Iterator[Packet[Any]]:
    """Yield packets in order, of `stream` or of all. `lost` is called for each place that cannot be
    read, `late` for each packet of a track that was missing at the start.

    Raises:
        InputError, TransientError: reading itself failed, as `read_error` tells.
    """
    wanted = [] if stream is None else [stream]
    errors = 0
    while errors < _MOST_ERRORS_IN_A_ROW:
        try:
            for packet in container.demux(*wanted):
                yield packet
                errors = 0
            return
        except IndexError:  # PyAV's error for a packet of a track that did not exist at the start
            late()
        except (av.error.FFmpegError, OSError) as error:
            _lose(path, error, lost)
            errors += 1


def decoded_frames(
    container: InputContainer,
    stream: Stream,
    path: Path,
    lost: Callable[[], None],
    is_empty: Callable[[Packet[Any]], bool] = lambda packet: False,
    late: Callable[[], None] = lambda: None,
) -> Iterator[Any]:
    """Decoded frames in order; `lost` is called for each corrupt packet that is left out. Packets
    for which `is_empty` is true are not decoded; `late` as in `readable_packets`.

    Raises:
        InputError, TransientError: reading itself failed, as `read_error` tells.
        LimitError: its pictures are larger than allowed.
        MemoryError: a frame takes more memory than this process may have.
    """
    for packet in readable_packets(container, stream, path, lost, late):
        tick()
        if is_empty(packet):
            continue
        try:
            yield from packet.decode()
        except (av.error.FFmpegError, OSError) as error:
            _check_pixels(path, stream, error)
            _lose(path, error, lost)


def decoded(packet: Packet[Any], path: Path, lost: Callable[[], None]) -> list[Any] | None:
    """The frames of a packet of sound; None if it is corrupt, for which `lost` is called.

    Raises:
        InputError, TransientError: reading itself failed, as `read_error` tells.
    """
    try:
        return list(packet.decode())
    except (av.error.FFmpegError, OSError) as error:
        _lose(path, error, lost)
        return None


def _check_pixels(path: Path, stream: Stream, error: Exception) -> None:
    """Raise LimitError for a picture of more than `max_pixels`. FFmpeg would reject it as an
    invalid size, without the size."""
    if (
        isinstance(error, av.error.ArgumentError)
        and isinstance(stream, VideoStream)
        and not stream.codec_context.width
    ):
        allowed = limits().max_pixels
        raise LimitError(
            f"{shown(path)}: its frames have no readable size, or more than the {allowed} pixels "
            f"allowed; {option('max_pixels')} raises the limit"
        ) from error


def _lose(path: Path, error: Exception, lost: Callable[[], None]) -> None:
    if isinstance(error, MemoryError):  # not caused by the data: reported with the worker's limit
        raise error
    broken = read_error(path, error)
    if broken is not None:
        raise broken from error
    lost()
