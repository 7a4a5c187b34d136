"""Join pieces of pictures and a sound into one file without encoding again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from heapq import merge
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
from av.audio.stream import AudioStream
from av.video.stream import VideoStream

from reelmill.media.video.encode import TICKS

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.packet import Packet

_TICK = Fraction(1, TICKS)


@dataclass(frozen=True)
class PicturePiece:
    """A file of `VideoFile`, whose first picture is shown at `ticks` of the clip."""

    path: Path
    ticks: int


def join_clip(target: Path, pieces: Sequence[PicturePiece], sound: Path | None) -> None:
    """Write an mp4 whose pictures are those of `pieces`, in order, with `sound` beside them.

    All pieces must come from one encoder with one setting. The index is at the front, so that
    players can start before the whole file is loaded.

    Raises:
        OSError: the file cannot be written.
    """
    with ExitStack() as opened:
        first = opened.enter_context(av.open(f"file:{pieces[0].path.absolute()}"))
        output = opened.enter_context(
            av.open(
                f"file:{target.absolute()}",
                "w",
                format="mp4",
                container_options={"movflags": "+faststart"},
            )
        )
        video = output.add_stream_from_template(_pictures(first))
        video.time_base = _TICK
        packets: list[Iterator[tuple[float, Packet[Any]]]] = [_moved(pieces, video)]
        if sound is not None:
            heard = opened.enter_context(av.open(f"file:{sound.absolute()}"))
            packets.append(_sound(heard, output.add_stream_from_template(heard.streams.audio[0])))
        for _, packet in merge(*packets, key=lambda timed: timed[0]):
            output.mux(packet)


def _pictures(container: InputContainer) -> VideoStream:
    return container.streams.video[0]


def _moved(
    pieces: Sequence[PicturePiece], target: VideoStream
) -> Iterator[tuple[float, Packet[VideoStream]]]:
    """The packets of all pieces with their presentation and decoding times in the clip."""
    last: int | None = None
    for piece in pieces:
        with av.open(f"file:{piece.path.absolute()}") as source:
            stream = _pictures(source)
            base = stream.time_base or _TICK
            # Integers, because fractions take ten times as long and there is one for each packet.
            ticks, of = base.numerator * TICKS, base.denominator
            offset: int | None = None
            for packet in source.demux(stream):
                if packet.dts is None or packet.pts is None:  # the end
                    continue
                if offset is None:  # the first one is a key frame and the first to be shown
                    offset = piece.ticks - round(packet.pts * ticks / of)
                packet.pts = round(packet.pts * ticks / of) + offset
                dts = round(packet.dts * ticks / of) + offset
                # Decoding times of pieces overlap because frames are reordered; they must never go
                # back.
                packet.dts = dts if last is None else min(max(dts, last + 1), packet.pts)
                packet.duration = round((packet.duration or 0) * ticks / of)
                packet.time_base = _TICK
                packet.stream = target
                last = packet.dts
                yield last / TICKS, packet


def _sound(
    source: InputContainer, target: AudioStream
) -> Iterator[tuple[float, Packet[AudioStream]]]:
    stream = source.streams.audio[0]
    tick = float(stream.time_base or 0)
    for packet in source.demux(stream):
        if packet.dts is None:
            continue
        packet.stream = target
        yield packet.dts * tick, packet
