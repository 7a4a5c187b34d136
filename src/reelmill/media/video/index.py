"""Index a video in one pass: find its key frames, and check whether its times can be relied on."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import av.error
from av.audio.stream import AudioStream

from reelmill.artifacts import Finding, Joint, VideoIndex
from reelmill.core.recording import Original, Recording, open_original
from reelmill.media.clock import RESTART_SECONDS
from reelmill.media.container import open_container
from reelmill.media.packets import readable_packets
from reelmill.media.timeline import late_track, truncated
from reelmill.media.video.dolby_vision import WRONG_COLOURS, is_profile_5
from reelmill.media.video.reader import Pictures, open_pictures
from reelmill.media.video.tone import is_hdr

if TYPE_CHECKING:
    from av.packet import Packet

#: Packets that are decoded to check whether pictures come in the order of their time stamps.
_DECODED = 48

#: Key frames closer together than this, s, are not listed: an hour of nothing but key frames has
#: 90,000.
_APART_SECONDS = 0.25

_MOST_NAMED = 3


def index_video(source: Path | Recording, track: int | None = None) -> VideoIndex:
    """Index a video track: the one with stream index `track`, or the main one.

    Its packets are read, and the first of them decoded.

    Raises:
        InputError, TransientError, ChangedError, LimitError: as `open_pictures`.
    """
    with open_pictures(source, track, draft=True) as pictures:
        found = _Scan(pictures)
        found.run()
        index = VideoIndex(
            pictures.stream.index, found.count, found.is_regular, found.key_times(), found.end
        )
        if index.seekable:
            pictures.index = index
            keys = index.key_times
            index.seekable = len(keys) < 2 or pictures.enters(keys[len(keys) // 2])
        elif found.restarts:
            with open_original(source) as original:
                index.joints = joints(original, index.track, pictures.zero)
        if not index.seekable:
            index.key_times, index.end = [], None
        index.problems = [*_problems(found, index), *_truncation(found, source)]
        if found.is_hdr:
            text = "its pictures are of high dynamic range; those of clips are of standard range"
            index.problems.append(Finding("high dynamic range", text=text))
        if found.wrong_colours:
            index.problems.append(Finding("wrong colours", text=WRONG_COLOURS, severity="grave"))
        if pictures.late:
            index.problems.append(late_track())
    return index


@dataclass
class _Scan:
    """The facts from one pass through the packets of a track."""

    pictures: Pictures
    count: int = 0
    restarts: int = 0
    unstamped: int = 0
    in_order: bool = True
    is_hdr: bool = False
    wrong_colours: bool = False
    end: float | None = None
    _stamps: array[int] = field(default_factory=lambda: array("q"))
    _keys: array[int] = field(default_factory=lambda: array("q"))
    _last_shown: int | None = None

    @property
    def _placed_by_bytes(self) -> bool:
        """Whether the format seeks by bytes, not packets. In that case only pictures that begin
        with a packet of the container reliably have a time stamp."""
        return self.pictures.container.format.name in ("mpeg", "mpegts")

    def run(self) -> None:
        tick = float(self.pictures.stream.time_base or 1 / 90_000)
        usual = round(1 / self.pictures.rate / tick)
        before: int | None = None
        last = -(1 << 62)
        for packet in self.pictures.packets():
            self.count += 1
            if packet.dts is not None:
                self.restarts += before is not None and packet.dts < before - RESTART_SECONDS / tick
                before = packet.dts
            if packet.pts is None:
                self.unstamped += 1
            else:
                self._stamps.append(packet.pts)
                last = max(last, packet.pts + (packet.duration or usual))
                if packet.is_keyframe and (packet.pos is not None or not self._placed_by_bytes):
                    self._keys.append(packet.pts)
            if self.count <= _DECODED:
                self._decode(packet)
        self._decode(None)
        if self._stamps:
            self.end = self.pictures.time_of(last)

    def _decode(self, packet: Packet[Any] | None) -> None:
        context = self.pictures.stream.codec_context
        try:
            frames = context.decode(packet)
        except MemoryError:
            raise
        except av.error.FFmpegError:  # damage is reported by the stage that decodes it
            return
        for frame in frames:
            self.is_hdr = self.is_hdr or is_hdr(frame)
            self.wrong_colours = self.wrong_colours or is_profile_5(frame)
            last, self._last_shown = self._last_shown, frame.pts
            if frame.pts is None or (last is not None and frame.pts <= last):
                self.in_order = False

    @property
    def length(self) -> float:
        """The time from the first picture to the end of the last, s."""
        if self.end is None:
            return 0.0
        return self.end - self.pictures.time_of(min(self._stamps))

    @property
    def is_regular(self) -> bool:
        """Whether every picture has a time of its own."""
        unique = len(set(self._stamps)) == len(self._stamps)
        return self.in_order and unique and not self.unstamped and not self.restarts

    def key_times(self) -> list[float]:
        times: list[float] = []
        for stamp in sorted(self._keys):
            time = self.pictures.time_of(stamp)
            if not times or time - times[-1] >= _APART_SECONDS:
                times.append(time)
        return times


@dataclass
class _Stretch:
    """The times of a stream between two restarts, s of its own clock."""

    start: float
    end: float


def joints(original: Original, track: int, zero: float) -> list[Joint]:
    """The times at which further recordings begin in a file: each after the end of the previous
    one's picture and sound.

    Args:
        track: stream index of the pictures.
        zero: the time stamp, s, that is time 0.
    """
    streams: dict[int, list[_Stretch]] = {}
    before: dict[int, float] = {}
    with open_container(original) as container:
        sound = container.streams.best("audio")
        wanted = [track, *([sound.index] if isinstance(sound, AudioStream) else [])]
        for packet in readable_packets(container, None, original.path, lambda: None):
            at = packet.stream_index
            if at not in wanted or packet.dts is None or packet.time_base is None:
                continue
            tick = float(packet.time_base)
            shown = (packet.dts if packet.pts is None else packet.pts) * tick
            own = streams.setdefault(at, [])
            if not own or packet.dts * tick < before[at] - RESTART_SECONDS:
                own.append(_Stretch(shown, shown))
            before[at] = packet.dts * tick
            own[-1].start = min(own[-1].start, shown)
            own[-1].end = max(own[-1].end, shown + (packet.duration or 0) * tick)
    return _joined([streams[at] for at in wanted if at in streams], zero)


def _joined(streams: Sequence[Sequence[_Stretch]], zero: float) -> list[Joint]:
    if not streams:
        return []
    # A stream with fewer restarts cannot be matched with the pictures, which have priority.
    alike = [stretches for stretches in streams if len(stretches) == len(streams[0])]
    found, time = [], -zero
    for number, these in enumerate(zip(*alike, strict=True)):
        start, end = min(one.start for one in these), max(one.end for one in these)
        if number:
            found.append(Joint(start, time))
            time += end - start
        else:
            time += end
    return found


def _problems(found: _Scan, index: VideoIndex) -> list[Finding]:
    if index.seekable:
        return []
    rate, joints = f"{found.pictures.rate:.6g} pictures a second", index.joints
    if joints:
        places = ", ".join(f"{joint.time:.1f} s" for joint in joints[:_MOST_NAMED])
        more = f" and {len(joints) - _MOST_NAMED} more" if len(joints) > _MOST_NAMED else ""
        text = (
            f"{len(joints) + 1} recordings joined in one file (time stamps begin anew at {places}"
            f"{more}); read one directly after the other"
        )
        return [Finding("joined recordings", joints[0].time, text=text)]
    if found.unstamped == found.count:
        text = f"its pictures have no time stamps; their times are counted at {rate}"
        return [Finding("no time stamps", text=text, severity="warning")]
    if found.unstamped or not found.in_order:
        text = (
            "the file does not say of all its pictures when they are shown; times between those "
            f"known are counted at {rate}, and may be some pictures late"
        )
        return [Finding("doubtful times", text=text)]
    return []


def _truncation(found: _Scan, source: Path | Recording) -> list[Finding]:
    """Whether the file ends before its header says."""
    stream, container = found.pictures.stream, found.pictures.container
    if stream.duration is not None and stream.time_base is not None:
        stated = float(stream.duration * stream.time_base)
        if container.format.name == "avi":  # FFmpeg measures its length if the index is lost
            stated = max(stated, stream.frames / found.pictures.rate)
        return truncated(found.length, stated)
    read, stated = found.end or 0.0, (container.duration or 0) / av.time_base
    if truncated(read, stated):  # unless the sound continues
        read = max(read, _end_of_all(source) - found.pictures.zero)
    return truncated(read, stated)


def _end_of_all(source: Path | Recording) -> float:
    """The time stamp, s, at which the last packet of any track ends."""
    end = 0.0
    with open_original(source) as original, open_container(original) as container:
        for packet in readable_packets(container, None, original.path, lambda: None):
            if packet.pts is not None and packet.time_base is not None:
                end = max(end, float((packet.pts + (packet.duration or 0)) * packet.time_base))
    return end
