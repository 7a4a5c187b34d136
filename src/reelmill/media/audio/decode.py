"""Decode an audio track to 16 kHz PCM, mono or one stream per channel."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import av.error
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream

from reelmill.artifacts import Finding
from reelmill.core.recording import Original, Recording, open_original
from reelmill.errors import InputError, LimitError
from reelmill.media.audio.declared import longest_possible, stated_seconds
from reelmill.media.audio.joined import parts_of
from reelmill.media.audio.mixdown import Mixdown, Sink, frame_format
from reelmill.media.audio.unsent import unsent_packets
from reelmill.media.container import WHOLE, Part, open_container, read_only, shown
from reelmill.media.limits import limits, option
from reelmill.media.packets import decoded_frames
from reelmill.media.timeline import Timeline, late_track, time_zero, truncated

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.packet import Packet

SAMPLE_RATE = 16_000

#: Telephones have 8,000. At a few samples per second, a small file would be days long.
_LEAST_RATE = 1000

#: Recordings with more channels than this are averaged.
MOST_CHANNELS = 16

#: Audio up to this length may be spread out as its time stamps say.
_STRETCHABLE_SECONDS = 3600.0

_SILENCE = bytes(1 << 16)


@dataclass
class Decoded:
    """`samples` written at `SAMPLE_RATE`; `track` the stream index; `problems` as in `Audio`."""

    samples: int
    track: int
    problems: list[Finding] = field(default_factory=list)


#: Takes FFmpeg's name of a channel layout and the number of channels, and returns a sink for each
#: channel, or None to average them.
ChannelSinks = Callable[[str, int], Sequence[Sink] | None]


def decode(
    source: Path | Recording,
    sink: Sink,
    track: int | None = None,
    expect: Callable[[float], None] = lambda seconds: None,
    channels: ChannelSinks = lambda layout, count: None,
) -> Decoded:
    """Decode an audio track to raw mono little-endian int16 at 16 kHz, written to `sink`.

    Sample 0 is time 0 of the original; gaps become silence. Corrupt packets are left out and
    counted. Memory stays at some tens of MB whatever the length.

    Args:
        track: number of the audio track, counted from 0; None: the one that FFmpeg considers the
            main one (default flag, then most channels).
        expect: called with the length in s that the headers state, if any, before anything is
            written.
        channels: called once if there are several channels. If it returns sinks, nothing is written
            to `sink`; otherwise the channels are averaged.

    Raises:
        InputError: it cannot be opened or decoded, or has no sound or no such track.
        TransientError: I/O errors that can go away.
        ChangedError: it is not the file that was hashed, or has changed since.
        LimitError: gaps or stretched times beyond the settings' limits.
        OSError: the sink cannot be written (disk full, say).
    """
    sinks = _Sinks(sink, channels)
    with open_original(source) as original:
        with open_container(original) as container:
            parts = parts_of(original, container.format.name)
            if parts == [WHOLE]:
                return _decode_container(original, WHOLE, container, sinks, track, expect)
        return _decode_parts(original, parts, sinks, track, expect)


class _Sinks:
    """The destination of the audio. The first frame decides it for the whole file."""

    def __init__(self, mono: Sink, channels: ChannelSinks) -> None:
        self._mono, self._channels = mono, channels
        self._chosen: Sequence[Sink] | None = None

    def of(self, frame: AudioFrame) -> Sequence[Sink]:
        """The sinks of the file that this frame belongs to."""
        if self._chosen is None:
            count = frame.layout.nb_channels
            apart = None
            if 1 < count <= MOST_CHANNELS:
                apart = self._channels(frame.layout.name, count)
            self._chosen = apart or [self._mono]
        return self._chosen

    @property
    def chosen(self) -> Sequence[Sink]:
        """The sinks of the file, after at least one frame."""
        return self._chosen or [self._mono]


def _decode_container(
    original: Original,
    part: Part,
    container: InputContainer,
    sinks: _Sinks,
    track: int | None,
    expect: Callable[[float], None],
) -> Decoded:
    stream = _choose(original.path, container, track)
    decoding = _Decoding(original, part, container, stream, sinks)
    if decoding.stated:
        expect(decoding.stated)
    for frame in decoding.frames():
        decoding.write(frame)
    return decoding.result()


def _decode_parts(
    original: Original,
    parts: Sequence[Part],
    sinks: _Sinks,
    track: int | None,
    expect: Callable[[float], None],
) -> Decoded:
    """Recordings joined in one file, one directly after the other. If one cannot be read, only that
    one is lost, unless it is the first."""
    whole: Decoded | None = None
    for number, part in enumerate(parts):
        try:
            with open_container(original, part) as container:
                decoded = _decode_container(original, part, container, sinks, track, expect)
        except InputError as error:
            if whole is None:
                raise
            text = f"part {number + 1} of {len(parts)} could not be read: {error}"
            at = whole.samples / SAMPLE_RATE
            whole.problems.append(Finding("sound not read", at, text=text, severity="grave"))
            continue
        whole = decoded if whole is None else _followed(whole, decoded)
    assert whole is not None
    if len(parts) > 1:
        text = f"{len(parts)} recordings joined in one file; they were read one after the other"
        whole.problems.append(Finding("joined recordings", text=text))
    return whole


def _followed(whole: Decoded, part: Decoded) -> Decoded:
    """Append `part` to `whole`, and shift the times of its problems."""
    at = whole.samples / SAMPLE_RATE
    moved = [
        replace(
            one,
            start=None if one.start is None else one.start + at,
            end=None if one.end is None else one.end + at,
        )
        for one in part.problems
    ]
    return Decoded(whole.samples + part.samples, whole.track, [*whole.problems, *moved])


def _choose(path: Path, container: InputContainer, track: int | None) -> AudioStream:
    tracks = [stream for stream in container.streams if isinstance(stream, AudioStream)]
    if not tracks:
        raise InputError(f"{shown(path)}: has no sound; give a recording with an audio track")
    if track is None:
        best = container.streams.best("audio")
        stream = best if isinstance(best, AudioStream) else tracks[0]
    elif 0 <= track < len(tracks):
        stream = tracks[track]
    else:
        raise InputError(
            f"{shown(path)}: has no audio track {track}; there are {len(tracks)}, counted from 0"
        )
    if not stream.codec_context:
        raise InputError(
            f"{shown(path)}: its audio is in a format that FFmpeg cannot decode; convert it first"
        )
    return stream


@dataclass
class _Damage:
    """A place where packets were left out: start and end in the result, s."""

    start: float
    end: float | None = None
    packets: int = 0


#: Damaged places that are reported one by one.
_MOST_DAMAGE = 20


def _damaged(places: Sequence[_Damage]) -> list[Finding]:
    """A finding for each of the first places, and one for all others."""
    found = [
        _damage_finding(place.start, place.end, _packets(place.packets))
        for place in places[:_MOST_DAMAGE]
    ]
    if rest := places[_MOST_DAMAGE:]:
        count = _packets(sum(place.packets for place in rest))
        text = f"{count} in {len(rest)} more places"
        found.append(_damage_finding(rest[0].start, rest[-1].end, text))
    return found


def _damage_finding(start: float, end: float | None, text: str) -> Finding:
    return Finding("damaged sound", start, end, text=f"{text} left out", severity="warning")


def _packets(count: int) -> str:
    return f"{count} corrupt packet{'s' if count > 1 else ''}"


class _Decoding:
    """The state of one pass through a file."""

    def __init__(
        self,
        original: Original,
        part: Part,
        container: InputContainer,
        stream: AudioStream,
        sinks: _Sinks,
    ) -> None:
        self._path, self._container, self._stream = original.path, container, stream
        self._sinks = sinks
        reader = original.reader(part.start, part.end)
        self.stated = stated_seconds(reader, container, stream)
        self._past_its_header, self._header_share = part.past_its_header, part.header_share
        has_video = bool(container.streams.video)
        start = None if container.start_time is None else container.start_time / av.time_base
        self._timeline = Timeline(
            time_zero(container.format.name, start, has_video),
            # A stated length that the sound exceeds is wrong.
            0.0 if part.past_its_header else longest_possible(container, self.stated),
        )
        self._tick = float(stream.time_base or 0)
        self._mixdown: Mixdown | None = None
        self._format: tuple[str, str, int, int] | None = None
        self._silence = self._heard = 0.0  # seconds inserted, and seconds decoded
        self._run_start = 0  # start of the current run of frames, in samples written
        self._written = 0
        self._corrupt = 0
        self._late = False
        self._damage: list[_Damage] = []
        self._in_damage = False
        self._unsent = unsent_packets(stream.codec_context.codec.name)
        read_only(container, stream)
        stream.codec_context.thread_count = 1  # other recordings use the other cores

    def frames(self) -> Iterator[AudioFrame]:
        """Decoded frames in order. Corrupt packets are left out and counted."""
        return decoded_frames(
            self._container,
            self._stream,
            self._path,
            self._lose,
            self._is_unsent,
            self._notice_late,
        )

    def _is_unsent(self, packet: Packet[Any]) -> bool:
        if self._unsent is None or not self._unsent(packet):
            return False
        self._timeline.sound_unsent()
        return True

    def _notice_late(self) -> None:
        self._late = True

    def _lose(self) -> None:
        self._corrupt += 1
        self._timeline.sound_lost()
        if not self._in_damage:
            self._damage.append(_Damage(self._seconds()))
            self._in_damage = True
        self._damage[-1].packets += 1

    def write(self, frame: AudioFrame) -> None:
        """Place a frame where its time stamp says."""
        if not frame.samples:
            return
        if frame.sample_rate < _LEAST_RATE:
            raise InputError(
                f"{shown(self._path)}: {frame.sample_rate} samples per second cannot hold "
                "audible sound; is the sampling rate in its header right?"
            )
        sinks = self._sinks.of(frame)
        format_ = frame_format(frame)
        if format_ != self._format:
            self._end_run()
            self._format = format_
        stamp = None if frame.pts is None else frame.pts * self._tick
        move = self._timeline.place(stamp, self._seconds(), frame.samples / frame.sample_rate)
        if move.skip:
            return
        if move.silence:
            self._insert_silence(move.silence)
        if self._in_damage:
            self._in_damage = False
            self._damage[-1].end = self._seconds()
        if self._mixdown is None:
            self._mixdown = Mixdown(frame, SAMPLE_RATE, sinks)
        self._written += self._mixdown.add(frame)
        self._heard += frame.samples / frame.sample_rate

    def _seconds(self) -> float:
        """Where the audio read so far ends."""
        run = self._mixdown
        fresh = run.source_samples / run.source_rate if run else 0.0
        return self._run_start / SAMPLE_RATE + fresh

    def _insert_silence(self, seconds: float) -> None:
        self._silence += seconds
        allowed = limits().max_silence
        if self._silence > allowed:
            raise LimitError(
                f"{shown(self._path)}: its time stamps leave {self._silence / 3600:.1f} h without "
                f"sound, which is more than the {allowed / 3600:.1f} h allowed; "
                f"{option('max_silence')} (seconds) raises the limit"
            )
        target = round((self._seconds() + seconds) * SAMPLE_RATE)
        self._end_run()
        for sink in self._sinks.chosen:
            missing = 2 * (target - self._written)
            while missing > 0:
                missing -= sink.write(_SILENCE[:missing])
        self._run_start = self._written = max(target, self._written)

    def _end_run(self) -> None:
        if self._mixdown is not None:
            mixdown, self._mixdown = self._mixdown, None
            self._written += mixdown.finish()
            if mixdown.source_samples > mixdown.source_rate and not mixdown.written:
                raise InputError(  # FFmpeg gives no reason
                    f"{shown(self._path)}: its sound at {mixdown.source_rate} Hz cannot be "
                    "resampled; is the sampling rate in its header right?"
                )
        self._run_start = self._written

    def result(self) -> Decoded:
        self._end_run()
        if not self._heard:
            raise InputError(
                f"{shown(self._path)}: none of its audio can be decoded ({self._corrupt} corrupt "
                "packets); if a player plays it, convert it, otherwise copy it again"
            )
        self._check_stretch()
        return Decoded(self._written, self._stream.index, self._problems())

    def _check_stretch(self) -> None:
        """Reject hours of silence around seconds of audio: no real recording has them, and they
        would cost hours of work."""
        seconds, allowed = self._written / SAMPLE_RATE, limits().max_stretch
        if seconds > _STRETCHABLE_SECONDS and seconds > allowed * self._heard:
            raise LimitError(
                f"{shown(self._path)}: {self._heard:.1f} s of sound are spread over "
                f"{seconds / 3600:.1f} h by its time stamps, more than the {allowed:g} times "
                f"allowed; {option('max_stretch')} raises the limit"
            )

    def _problems(self) -> list[Finding]:
        problems = self._timeline.problems()
        problems += _damaged(self._damage)
        seconds = self._written / SAMPLE_RATE
        if self._past_its_header:
            share = self._header_share
            stated = self.stated if share is None else share * seconds
            text = (
                f"its header states {stated:.1f} s of sound; all {seconds:.1f} s that are "
                "there were read"
            )
            problems.append(
                Finding("beyond its header", stated, seconds, text=text, severity="warning")
            )
        problems += truncated(seconds, self.stated)
        if self._late:
            problems.append(late_track())
        return problems
