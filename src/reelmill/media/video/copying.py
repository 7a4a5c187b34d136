"""Copy the packets of a video, together with those of added tracks."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import av.error
from av.stream import Disposition, Stream

from reelmill.core.progress import tick
from reelmill.core.recording import Original
from reelmill.errors import InputError, reason
from reelmill.media.container import open_container, read_error, shown
from reelmill.media.packets import readable_packets
from reelmill.media.timeline import time_zero
from reelmill.media.video.contents import is_cover, track_title
from reelmill.media.video.fitting import Fitting, Way, add_copy, kept_tag, opened
from reelmill.media.video.monotonic import Monotonic

if TYPE_CHECKING:
    from av.container import InputContainer, OutputContainer

#: Used instead of an index: the picture that replaces another.
_DRAWN = -1

_TICK = Fraction(1, 1000)

#: Tags that mp4 defines; with any others, all tags are written with names.
_MP4_TAGS = frozenset(
    {
        "title", "artist", "album_artist", "album", "date", "year", "comment", "genre", "copyright",
        "composer", "grouping", "lyrics", "description", "synopsis", "show", "episode_id",
        "network", "keywords", "encoder", "track", "disc", "location", "make", "model",
        "season_number", "episode_sort", "media_type", "hd_video", "gapless_playback",
        "compilation", "creation_time", "author", "performer",
    }
)  # fmt: skip

_MOVED_BYTES = 1 << 30

#: After this many refused packets in a row, the container is considered broken.
_MOST_REFUSED = 100

_PICTURE_NAMES = {"mjpeg": ("cover.jpg", "image/jpeg"), "png": ("cover.png", "image/png")}


@dataclass(frozen=True)
class MuxCue:
    """A text on screen, from and to in milliseconds."""

    start: int
    end: int
    text: str


@dataclass(frozen=True)
class MuxTrack:
    """A language's subtitles; `language` in three letters (ISO 639-2), as containers want it.

    `header`: an ASS script without events, whose style players take. `is_default`: players show it
    unless told otherwise."""

    language: str
    title: str
    header: bytes
    cues: Sequence[MuxCue]
    is_default: bool = False


@dataclass(frozen=True)
class Picture:
    """A file whose picture takes the place of the original's stream `index`; its times are
    seconds after the original's first time stamp."""

    path: Path
    index: int


def clock_start(source: InputContainer) -> tuple[float, float]:
    """The time stamps of time 0 of a recording and of its first packet, in seconds."""
    start = None if source.start_time is None else source.start_time / av.time_base
    zero = time_zero(source.format.name, start, bool(source.streams.video))
    return zero, start or 0.0


def refusal(path: Path, error: Exception) -> InputError:
    why = getattr(error, "strerror", None) or reason(error)
    return InputError(
        f"{shown(path)}: a copy of it cannot be written ({why}); the subtitle files beside it "
        "can be used with any player"
    )


def taken_from_subtitles(tracks: Sequence[MuxTrack], picture: Picture | None) -> Disposition:
    """The dispositions by which players show the original's own subtitles. They are removed if one
    of our tracks is shown first, or if text is drawn into the picture."""
    if picture is not None:
        return Disposition.default | Disposition.forced
    is_asked = any(track.is_default for track in tracks)
    return Disposition.default if is_asked else Disposition(0)


@dataclass
class Copying:
    """A copy being written."""

    original: Original
    plan: Fitting
    picture: Picture | None
    tracks: Sequence[MuxTrack]
    damaged: int = field(default=0, init=False)
    late: bool = field(default=False, init=False)
    #: Indices of subtitles in the copy that players show only on request.
    hidden: set[int] = field(default_factory=set, init=False)
    _outputs: dict[int, Any] = field(default_factory=dict, init=False)
    _encoders: dict[int, Any] = field(default_factory=dict, init=False)
    _refused: int = field(default=0, init=False)
    _order: Monotonic = field(default_factory=Monotonic, init=False)

    def write(self, target: Path) -> None:
        try:
            with ExitStack() as stack:
                source = stack.enter_context(open_container(self.original))
                drawn = None
                if self.picture is not None:
                    drawn = stack.enter_context(av.open(f"file:{self.picture.path.absolute()}"))
                options = self._options(source)
                with opened(f"file:{target.absolute()}", self.plan.suffix, **options) as output:
                    self._run(source, drawn, output)
        except (av.error.FFmpegError, ValueError) as error:
            if isinstance(error, OSError) and not isinstance(error, av.error.InvalidDataError):
                broken = read_error(self.original.path, error)
                raise broken or error from error
            raise refusal(self.original.path, error) from error

    def _options(self, source: InputContainer) -> dict[str, str]:
        if self._is_matroska:
            return {}
        # The index is moved to the front if that takes little time.
        flags = "+faststart" if self.original.size < _MOVED_BYTES else ""
        has_cover = any(is_cover(source.streams[index]) for index in self.plan.ways)
        if not has_cover and any(tag.lower() not in _MP4_TAGS for tag in _tags(source)):
            flags += "+use_metadata_tags"
        return {"movflags": flags} if flags else {}

    def _run(
        self, source: InputContainer, drawn: InputContainer | None, output: OutputContainer
    ) -> None:
        output.metadata.update(_tags(source))
        output.set_chapters(source.chapters())
        begin, first = clock_start(source)
        replacing = self.picture.index if self.picture is not None else None
        for stream in source.streams:
            if stream.index == replacing and drawn is not None:
                self._outputs[_DRAWN] = self._copy(output, drawn.streams.video[0], stream)
            elif self.plan.ways.get(stream.index) in (Way.COPY, Way.PLAIN_PCM):
                self._add(output, source, stream)
        added = [self._text_stream(output, track) for track in self.tracks]
        self.hidden = {
            stream.index
            for stream in output.streams.subtitles
            if not stream.disposition & Disposition.default
        }
        output.start_encoding()
        feeds = [self._packets(source)]
        if drawn is not None:
            feeds.append(_moved(drawn, self._outputs[_DRAWN], first))
        feeds += [
            self._cues(track, stream, round(begin * 1000))
            for track, stream in zip(self.tracks, added, strict=True)
        ]
        for _, packet in heapq.merge(*feeds, key=lambda one: one[0]):
            tick()
            self._write(output, packet)

    def _write(self, output: OutputContainer, packet: Any) -> None:
        """A packet that the container refuses is damaged, as long as it accepts others."""
        try:
            output.mux(packet)
            self._refused = 0
        except (av.error.InvalidDataError, av.error.ArgumentError):
            self.damaged += 1
            self._refused += 1
            if self._refused >= _MOST_REFUSED:
                raise

    def _add(self, output: OutputContainer, source: InputContainer, stream: Stream) -> None:
        if is_cover(stream) and self._is_matroska:
            name, kind = _PICTURE_NAMES.get(stream.codec_context.name, ("cover.bmp", "image/bmp"))
            name = stream.metadata.get("filename", name)
            output.add_attachment(name, stream.metadata.get("mimetype", kind), self._cover(stream))
        elif self.plan.ways[stream.index] is Way.PLAIN_PCM:
            self._encoders[stream.index] = self._plain_pcm(output, stream)
        else:
            copy = self._copy(output, stream, stream)
            tag = kept_tag(self.plan.suffix, source, stream)
            if tag:
                copy.codec_context.codec_tag = tag
            self._outputs[stream.index] = copy

    def _copy(self, output: OutputContainer, stream: Stream, described: Stream) -> Any:
        """Add a copy of `stream` with the metadata of `described`."""
        copy = add_copy(output, stream)
        copy.metadata.update(described.metadata)
        if title := track_title(described):
            copy.metadata["title"] = title  # from which an mp4's `name` is written
        copy.disposition = int(described.disposition)
        if described.type == "subtitle":
            copy.disposition &= ~int(taken_from_subtitles(self.tracks, self.picture))
        if stream.type == "video" and not is_cover(stream):
            copy.codec_context.framerate = stream.average_rate or 0
        return copy

    def _cover(self, stream: Stream) -> bytes:
        """The picture itself, which comes before all other packets."""
        with open_container(self.original) as again:
            for packet in again.demux(again.streams[stream.index]):
                if packet.size:
                    return bytes(packet)
        return b""

    def _plain_pcm(self, output: OutputContainer, stream: Any) -> Any:
        depth = "pcm_s16le" if stream.codec_context.format.name.startswith("s16") else "pcm_s24le"
        layout = stream.codec_context.layout.name
        copy: Any = output.add_stream(depth, rate=stream.codec_context.sample_rate, layout=layout)
        copy.metadata.update(stream.metadata)
        copy.disposition = int(stream.disposition)
        return copy

    def _text_stream(self, output: OutputContainer, track: MuxTrack) -> Any:
        stream: Any = output.add_stream("subrip" if self._is_matroska else "mov_text")
        stream.codec_context.subtitle_header = track.header
        stream.codec_context.time_base = _TICK
        stream.metadata["language"] = track.language
        stream.metadata["title"] = track.title
        if not self._is_matroska:
            stream.metadata["handler_name"] = track.title
        stream.disposition = int(Disposition.default) if track.is_default else 0
        return stream

    def _cues(self, track: MuxTrack, stream: Any, begin: int) -> Iterator[tuple[float, Any]]:
        for cue in track.cues:
            text = cue.text.encode()
            if not self._is_matroska:
                text = len(text).to_bytes(2, "big") + text
            packet = av.Packet(text)
            packet.stream, packet.time_base = stream, _TICK
            packet.pts = packet.dts = cue.start + begin
            packet.duration = cue.end - cue.start
            yield (cue.start + begin) / 1000, packet

    def _packets(self, source: InputContainer) -> Iterator[tuple[float, Any]]:
        for packet in self._readable(source):
            if not packet.size:
                continue
            self._order.place(packet)
            encoder = self._encoders.get(packet.stream_index)
            copy = self._outputs.get(packet.stream_index)
            if encoder is not None:
                for frame in self._decoded(packet):
                    yield from ((_seconds(one), one) for one in encoder.encode(frame))
            elif copy is not None:
                seconds = _seconds(packet)
                is_aac = copy.codec_context.name == "aac"
                moved = _without_header(packet) if is_aac and self._is_matroska else packet
                moved.stream = copy
                yield seconds, moved
        for encoder in self._encoders.values():
            yield from ((_seconds(one), one) for one in encoder.encode(None))

    @property
    def _is_matroska(self) -> bool:
        return self.plan.suffix == "mkv"

    def _readable(self, source: InputContainer) -> Iterator[Any]:
        """All packets with a decoding time. Matroska lacks the decoding time of the first pictures
        if later ones refer to them: it is counted back from the first one known."""
        held: dict[int, list[Any]] = {}
        for packet in self._wanted(source):
            if packet.dts is None and is_cover(packet.stream):
                packet.pts = packet.dts = 0
                yield packet
            elif packet.dts is None:
                if packet.pts is not None:
                    held.setdefault(packet.stream_index, []).append(packet)
            else:
                earlier = held.pop(packet.stream_index, [])
                for before, one in enumerate(reversed(earlier), 1):
                    one.dts = packet.dts - before * max(1, one.duration or 1)
                yield from (*earlier, packet)
        for left in held.values():  # streams that ended without one
            for one in left:
                one.dts = one.pts
                yield one

    def _wanted(self, source: InputContainer) -> Iterator[Any]:
        """The packets of streams that are copied or written anew."""
        wanted = {*self._outputs, *self._encoders} - {_DRAWN}
        if wanted:
            path = self.original.path
            for packet in readable_packets(source, None, path, self._lose, self._miss):
                if packet.stream_index in wanted:
                    yield packet

    def _decoded(self, packet: Any) -> list[Any]:
        try:
            return list(packet.decode())
        except av.error.InvalidDataError:
            self._lose()
            return []

    def _lose(self) -> None:
        self.damaged += 1

    def _miss(self) -> None:
        self.late = True


def _tags(source: InputContainer) -> dict[str, str]:
    """The film's own tags, without those that describe how the file was written."""
    ours = ("major_brand", "minor_version", "compatible_brands", "encoder")
    return {name: value for name, value in source.metadata.items() if name.lower() not in ours}


def _moved(drawn: InputContainer, stream: Any, seconds: float) -> Iterator[tuple[float, Any]]:
    """The packets of the drawn picture, shifted."""
    by = Fraction(seconds).limit_denominator(av.time_base)
    for packet in drawn.demux(drawn.streams.video[0]):
        if packet.dts is None or not packet.size:
            continue
        ticks = round(by / packet.time_base)
        packet.dts += ticks
        if packet.pts is not None:
            packet.pts += ticks
        reached = _seconds(packet)
        packet.stream = stream
        yield reached, packet


def _without_header(packet: Any) -> Any:
    """The packet without a header of AAC that its container repeats. FFmpeg would write it once
    more to where it is in Matroska, with more beside it than there is room for, and so over the
    tracks that follow."""
    if not packet.has_sidedata("new_extradata"):
        return packet
    plain = av.Packet(bytes(packet))
    for name in ("time_base", "pts", "dts", "duration", "is_keyframe"):
        setattr(plain, name, getattr(packet, name))
    return plain


def _seconds(packet: Any) -> float:
    return float((packet.dts or 0) * packet.time_base)
