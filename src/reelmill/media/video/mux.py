"""Subtitles as tracks in a copy of a video: its packets are copied, nothing is encoded again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import av
import av.error

from reelmill.core.progress import tick
from reelmill.core.recording import Recording, open_original
from reelmill.errors import InputError
from reelmill.media.container import open_container, read_error, shown
from reelmill.media.timeline import time_zero

if TYPE_CHECKING:
    from av.container import InputContainer, OutputContainer

#: Containers that carry mov_text; everything else becomes Matroska, which carries everything.
_MP4 = frozenset({"mov", "mp4", "m4a", "3gp", "3g2", "mj2"})
_TICK = Fraction(1, 1000)


@dataclass(frozen=True)
class MuxCue:
    """A text on screen, from and to in milliseconds."""

    start: int
    end: int
    text: str


@dataclass(frozen=True)
class MuxTrack:
    """A language's subtitles; `language` in three letters (ISO 639-2), as containers want it.

    `header`: an ASS script without events, whose style players take."""

    language: str
    title: str
    header: bytes
    cues: Sequence[MuxCue]


#: What copies of a video can be.
SUFFIXES = ("mp4", "mkv")


def container_suffix(container: str) -> str:
    """`mp4` or `mkv`: what a copy of a video in a container (as FFmpeg calls it) should be."""
    return "mp4" if _MP4 & set(container.split(",")) else "mkv"


def clock_start(source: InputContainer) -> tuple[float, float]:
    """The time stamp that is time 0 of a recording, and that of its first packet, in seconds."""
    start = None if source.start_time is None else source.start_time / av.time_base
    zero = time_zero(source.format.name, start, bool(source.streams.video))
    return zero, start or 0.0


def mux(video: Path | Recording, tracks: Sequence[MuxTrack], sink: IO[bytes], suffix: str) -> None:
    """Write a copy of `video` with `tracks` added to `sink`, as `suffix` (mp4 or mkv) says.

    Its pictures, sounds and subtitles are kept. Cues' times are those of the original, whose
    clock may not begin at 0.

    Raises:
        InputError: it cannot be read, or a stream does not fit such a file.
        OSError: the sink cannot be written (disk full, say).
    """
    with open_original(video) as original, open_container(original) as source:
        copying = _Copying(original.path, source, suffix)
        with av.open(sink, "w", format="mp4" if suffix == "mp4" else "matroska") as output:
            copying.run(output, tracks)


class _Copying:
    """One copy on its way."""

    def __init__(self, video: Path, source: InputContainer, suffix: str) -> None:
        self._video, self._source, self._suffix = video, source, suffix

    def run(self, output: OutputContainer, tracks: Sequence[MuxTrack]) -> None:
        copies = self._copies(output)
        added = [self._track(output, track) for track in tracks]
        try:
            output.start_encoding()
            self._packets(output, copies, added, tracks)
        except (av.error.FFmpegError, ValueError) as error:
            if isinstance(error, OSError) and not isinstance(error, av.error.InvalidDataError):
                broken = read_error(self._video, error)
                raise broken or error from error
            raise InputError(
                f"{shown(self._video)}: subtitles cannot be added to a copy of it ({error}); "
                "the subtitle files beside it can be used with any player"
            ) from error

    def _copies(self, output: OutputContainer) -> dict[int, Any]:
        """Streams of the original and their copies. Data streams, and what mp4 cannot hold of
        other subtitles, stay behind."""
        copies: dict[int, Any] = {}
        for stream in self._source.streams:
            kept = stream.type in ("video", "audio") or (
                stream.type == "subtitle"
                and (self._suffix == "mkv" or stream.codec_context.name == "mov_text")
            )
            if kept and stream.codec_context is not None:
                copy = output.add_stream_from_template(stream)
                copy.metadata.update(stream.metadata)
                copies[stream.index] = copy
        return copies

    def _track(self, output: OutputContainer, track: MuxTrack) -> Any:
        stream: Any = output.add_stream("mov_text" if self._suffix == "mp4" else "subrip")
        stream.codec_context.subtitle_header = track.header
        stream.codec_context.time_base = _TICK
        stream.metadata["language"] = track.language
        stream.metadata["title" if self._suffix == "mkv" else "handler_name"] = track.title
        return stream

    def _packets(
        self,
        output: OutputContainer,
        copies: dict[int, Any],
        added: Sequence[Any],
        tracks: Sequence[MuxTrack],
    ) -> None:
        """Everything in the order of time, as players read it."""
        begin = round(clock_start(self._source)[0] * 1000)
        waiting = sorted(
            ((cue.start, number, cue) for number, track in enumerate(tracks) for cue in track.cues),
            key=lambda one: one[:2],
        )
        waiting.reverse()
        for packet in self._readable():
            tick()
            copy = copies.get(packet.stream_index)
            if copy is None:
                continue
            reached = float(packet.dts * packet.time_base) * 1000 - begin
            while waiting and waiting[-1][0] <= reached:
                _, number, cue = waiting.pop()
                output.mux(self._text(cue, added[number], begin))
            packet.stream = copy
            output.mux(packet)
        for _, number, cue in reversed(waiting):
            output.mux(self._text(cue, added[number], begin))

    def _readable(self) -> Iterator[Any]:
        """All packets with a decoding time. Matroska does not tell that of the first pictures when
        later ones refer to them: they are counted back from the first that is known."""
        streams = [s for s in self._source.streams if s.type in ("video", "audio", "subtitle")]
        held: dict[int, list[Any]] = {}
        for packet in self._source.demux(streams):
            if packet.dts is None:
                if packet.pts is not None:
                    held.setdefault(packet.stream_index, []).append(packet)
            else:
                earlier = held.pop(packet.stream_index, [])
                for before, one in enumerate(reversed(earlier), 1):
                    one.dts = packet.dts - before * max(1, one.duration or 1)
                yield from (*earlier, packet)
        for left in held.values():  # a stream of which nothing more came
            for one in left:
                one.dts = one.pts
                yield one

    def _text(self, cue: MuxCue, stream: Any, begin: int) -> Any:
        text = cue.text.encode()
        packet = av.Packet(len(text).to_bytes(2, "big") + text if self._suffix == "mp4" else text)
        packet.stream = stream
        packet.time_base = _TICK
        packet.pts = packet.dts = cue.start + begin
        packet.duration = cue.end - cue.start
        return packet
