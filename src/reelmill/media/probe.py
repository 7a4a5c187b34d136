"""Read what a container contains, without decoding it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import av
import av.error
from av.audio.stream import AudioStream
from av.stream import Disposition, Stream
from av.video.stream import VideoStream

from reelmill.artifacts import AudioTrack, Media, VideoTrack
from reelmill.core.recording import Recording, open_original
from reelmill.errors import InputError
from reelmill.media.container import open_container, shown
from reelmill.media.limits import limits

if TYPE_CHECKING:
    from av.container import InputContainer

#: How many packets are read to find the first picture, which carries the rotation.
_ROTATION_PACKETS = 50


def probe(source: Path | Recording) -> Media:
    """Read a file's headers. Durations are seconds as the container states or estimates them.

    `index` of a track is its stream index in the container. Cover pictures are not video.

    Raises:
        InputError: FFmpeg cannot open it, or it has neither sound nor picture.
        TransientError: I/O errors that can go away.
        ChangedError, LimitError: as `open_original` and `open_container`.
    """
    with open_original(source) as original, open_container(original) as container:
        audio = [_audio_track(s) for s in container.streams if isinstance(s, AudioStream)]
        pictures = [s for s in container.streams if isinstance(s, VideoStream) and not _cover(s)]
        if not audio and not pictures:
            raise InputError(
                f"{shown(original.path)}: contains neither audio nor video "
                f"({container.format.name}); is it really audio or video?"
            )
        duration = _seconds(container.duration, 1 / av.time_base)
        video = [_video_track(s, _rotation(container, s)) for s in pictures]
        tracks = [track.duration or 0.0 for track in audio]
        tracks += [track.duration or 0.0 for track in video]
        return Media(
            container=container.format.name,
            duration=duration or max(tracks),
            audio=audio,
            video=video,
            tags=dict(container.metadata),
        )


def _audio_track(stream: AudioStream) -> AudioTrack:
    codec = stream.codec_context  # None when FFmpeg has no decoder for it
    return AudioTrack(
        index=stream.index,
        codec=codec.name if codec else "unknown",
        sample_rate=(codec.sample_rate or 0) if codec else 0,
        channels=codec.layout.nb_channels if codec else 0,
        duration=_stream_seconds(stream),
        language=_language(stream),
        title=stream.metadata.get("title"),
    )


def _video_track(stream: VideoStream, rotation: int) -> VideoTrack:
    codec = stream.codec_context
    rate = stream.average_rate or stream.guessed_rate
    return VideoTrack(
        index=stream.index,
        codec=codec.name if codec else "unknown",
        width=codec.width if codec else 0,
        height=codec.height if codec else 0,
        frame_rate=float(rate) if rate else None,
        duration=_stream_seconds(stream),
        rotation=rotation,
        pixel_aspect=float(stream.sample_aspect_ratio or 1),
    )


def _rotation(container: InputContainer, stream: VideoStream) -> int:
    """The degrees by which the picture must be turned, from the first picture's display matrix."""
    if not stream.codec_context:
        return 0
    stream.codec_context.options = {"max_pixels": str(limits().max_pixels)}
    try:
        for number, packet in enumerate(container.demux(stream)):
            for frame in packet.decode():
                return int(frame.rotation)
            if number >= _ROTATION_PACKETS:
                break
    except MemoryError:
        raise
    except av.error.FFmpegError:
        pass  # the audio is usable despite a broken picture
    return 0


def _cover(stream: VideoStream) -> bool:
    return bool(stream.disposition & Disposition.attached_pic)


def _language(stream: Stream) -> str | None:
    language = stream.metadata.get("language")
    return language if language not in (None, "", "und") else None


def _stream_seconds(stream: Stream) -> float | None:
    if stream.time_base is None:
        return None
    return _seconds(stream.duration, float(stream.time_base))


def _seconds(ticks: int | None, tick: float) -> float | None:
    """A duration in seconds; None when unknown or not plausible."""
    return ticks * tick if ticks is not None and ticks > 0 else None
