"""Choose which audio track of a recording is read, and report the others."""

from __future__ import annotations

import mmap
from collections.abc import Sequence
from typing import IO

import numpy as np
import numpy.typing as npt

from reelmill.artifacts import AudioTrack, Finding
from reelmill.core.printable import printable
from reelmill.core.recording import Recording
from reelmill.errors import InputError, LimitError
from reelmill.media.audio.decode import SAMPLE_RATE, Decoded, decode
from reelmill.media.audio.pcm_file import PcmFile
from reelmill.media.container import shown
from reelmill.stages.media.channel_files import ChannelFiles, PlannedSound
from reelmill.stages.media.channel_plan import plan_channels
from reelmill.stages.speech.detect_speech import speech_probabilities
from reelmill.stages.speech.vad_segments import HOP

#: The threshold is that of `SegmentOptions`; this many seconds above it are speech rather than a
#: click.
_THRESHOLD, _LEAST_SECONDS = 0.5, 0.3

#: Sound is examined in pieces of this many samples until there is enough speech.
_PIECE = 60 * SAMPLE_RATE

#: The most tracks that are named one by one.
_MOST_NAMED = 8


class TrackSound:
    """Decodes a track of a recording into `file`, and its channels into files beside it.

    Args:
        recording: the recording.
        file: for the mixed sound.
        channels: for the channels, if there are several.
        asked: what to do with them, as in `plan_channels`.
        longest: seconds that it may have.
    """

    def __init__(
        self,
        recording: Recording,
        file: IO[bytes],
        channels: ChannelFiles,
        asked: str,
        longest: float | None = None,
    ) -> None:
        self._recording, self._file = recording, file
        self._channels, self._asked, self._longest = channels, asked, longest
        #: The channels to be recognized; None if there is only one.
        self.planned: PlannedSound | None = None

    def decode_track(self, tracks: Sequence[AudioTrack], track: int | None) -> Decoded:
        """Decode one track: `track`, or the main one, or, if nobody speaks in that, the first other
        track with speech. Findings name the tracks left out and say what was done with channels.

        Raises:
            InputError, LimitError, TransientError, ChangedError, OSError: as `decode`.
        """
        result = self._decode(track)
        if len(tracks) > 1:
            main = _ordinal(tracks, result)
            if track is None and not _has_speech(self._file, result.samples):
                result = self._first_spoken(tracks, main) or self._decode(main)
            read = _ordinal(tracks, result)
            result.problems.append(_left_out(tracks, read, main, asked=track is not None))
        if self.planned is not None:
            result.problems.append(self.planned.plan.finding)
        return result

    def _first_spoken(self, tracks: Sequence[AudioTrack], main: int) -> Decoded | None:
        for other in range(len(tracks)):
            if other == main:
                continue
            try:
                result = self._decode(other)
            except (InputError, LimitError):  # it is reported as left out
                continue
            if _has_speech(self._file, result.samples):
                return result
        return None

    def _decode(self, track: int | None) -> Decoded:
        self._file.seek(0)
        self._file.truncate()
        self._channels.forget()
        sink = PcmFile(self._file, self._recording.path, longest=self._longest)
        result = decode(self._recording, sink, track, sink.expect, self._channels.sinks)
        self.planned = None
        channels = self._channels.samples(result.samples)
        if not channels:
            sink.finish()
            return result
        try:
            plan, levels = plan_channels(channels, self._channels.layout, self._asked)
        except InputError as error:
            raise InputError(f"{shown(self._recording.path)}: {error}") from error
        self.planned = PlannedSound(plan, levels, channels)
        self.planned.write_mixed(sink)
        return result


def _has_speech(file: IO[bytes], count: int) -> bool:
    if not count:
        return False
    with mmap.mmap(file.fileno(), 2 * count, access=mmap.ACCESS_READ) as mapped:
        # Each piece is copied, because a map cannot be closed while an array uses it.
        seconds = 0.0
        for start in range(0, 2 * count, 2 * _PIECE):
            piece: npt.NDArray[np.int16] = np.frombuffer(mapped[start : start + 2 * _PIECE], "<i2")
            spoken = np.count_nonzero(speech_probabilities(piece) > _THRESHOLD)
            seconds += float(spoken) * HOP / SAMPLE_RATE
            if seconds >= _LEAST_SECONDS:
                return True
    return False


def _ordinal(tracks: Sequence[AudioTrack], result: Decoded) -> int:
    return next(n for n, track in enumerate(tracks) if track.index == result.track)


def _left_out(tracks: Sequence[AudioTrack], read: int, main: int, *, asked: bool) -> Finding:
    others = [number for number in range(len(tracks)) if number != read]
    named = ", ".join(_words(tracks[number], number) for number in others[:_MOST_NAMED])
    if len(others) > _MOST_NAMED:
        named += f" and {len(others) - _MOST_NAMED} more"
    why = "" if read == main else f", because nobody speaks in track {main}, the main one"
    return Finding(
        "other audio tracks",
        text=f"of {len(tracks)} audio tracks {_words(tracks[read], read)} was read{why}; "
        f"not in the result: {named}; --track {others[0]} reads that one",
        severity="info" if asked else "warning",
    )


def _words(track: AudioTrack, number: int) -> str:
    """`track 1 (aac, spa, "desktop")`."""
    facts = [track.codec, track.language or "", f'"{track.title}"' if track.title else ""]
    return f"track {number} ({printable(', '.join(fact for fact in facts if fact))})"
